"""Wan et al. 2024: metadata tasks first, emotion second, residuals inside the encoder, co-attention between task features.

stage 1: speech --layers--> gender, style, letters      stage 2: the same, slower --co-attention--> emotion, gender, style

All of it is a reconstruction: only the abstract and reviews were accessible. Known are: base-size speech encoders, metadata
tasks (gender, style, transcript) before emotion in two stages, augmented residual integration in the encoder, co-attention
between tasks.
"""

from ser_core.systems.system import KNOWN, RECONSTRUCTION, Part, System

SYSTEM = System(
    name="wan2024",
    authors="Wan, Qiu, Liu, Zhang",
    title="Metadata-Enhanced SER: Augmented Residual Integration and Co-Attention in Two-Stage Fine-Tuning",
    venue="arXiv 2412.20707, 2024",
    encoders="three self-supervised speech encoders of base size; we do not know which",
    channels=("speech",),
    parts=(
        Part(
            row="encoders",
            paper="base-size speech encoders; no text",
            status=KNOWN,
            overrides=("model.text=none", "model.width=768"),
        ),
        Part(
            row="encoders",
            paper="which layers are trained and read: not known",
            status=RECONSTRUCTION,
            here="All transformer layers are trained, the last one is read at 50 Hz, and the convolutions stay frozen.",
            overrides=(
                *("model.speech.layers=last", "model.speech.stride=1", "model.speech.tune=-1", "model.speech.rate=0.1"),
                "model.speech.decay=1",
            ),
        ),
        Part(
            row="encoders",
            paper="augmented residual integration in every layer; its equation is not known",
            status=RECONSTRUCTION,
            here="As in RE2, where the term comes from: each layer reads the running residual and the lowest state (ari_re2); "
            "ari_gate and ari_head are other interpretations.",
            overrides=("model.speech.integration=ari_re2", "model.speech.integration.rank=0"),
        ),
        Part(row="refinement", paper="none known", status=KNOWN),
        Part(
            row="fusion",
            paper="co-attention between features of tasks; its equation is not known",
            status=RECONSTRUCTION,
            here="Emotion's feature attends to those of three helper tasks by cross-attention, as in its nearest relative with "
            "the same idea, Wang et al. 2025 (arXiv 2508.17878); coattn_weight, after Zou et al. 2022, is the alternative.",
            overrides=("model.fusion=coattn_xattn", "model.fusion.helpers=3", "model.fusion.reverse=false"),
        ),
        Part(row="tokens", paper="none", status=KNOWN),
        Part(row="masking", paper="none known", status=KNOWN, overrides=("model.masking=none",)),
        Part(
            row="losses and weights",
            paper="emotion, gender, style, transcript; weights not known",
            status=RECONSTRUCTION,
            here="Each helper has weight .1, and emotion .8 with gender and style in stage 2 (as in Gao et al. 2024).",
            overrides=(
                *("tasks.emotion.weight=0.8", "tasks.emotion.class_weights=none", "tasks.emotion.label_smoothing=0"),
                *("tasks.dimensions.weight=0", "tasks.transcript.weight=0.1", "tasks.gender.weight=0.1"),
                "tasks.style.weight=0.1",
            ),
        ),
        Part(
            row="stages",
            paper="two: first the metadata tasks, then emotion, starting from those weights",
            status=KNOWN,
            overrides=("stages=two", "stages.first.weights.emotion=0", "stages.second.weights.transcript=0"),
        ),
        Part(
            row="stages",
            paper="lengths, learning rates, and what stage 2 trains: not known",
            status=RECONSTRUCTION,
            here="At most 100 epochs, then at most 50 with a tenth of the learning rate for the encoder.",
            overrides=(
                *("stages.first.epochs=100", "stages.first.trains=[heads,fusion,adapters,encoder]"),
                *("stages.second.epochs=50", "stages.second.trains=[heads,fusion,adapters,encoder]"),
                "stages.second.encoder_rate=0.1",
            ),
        ),
        Part(
            row="optimiser",
            paper="not known",
            status=RECONSTRUCTION,
            here="AdamW at 1e-5 (encoder) and 1e-4 (new layers), batch 16, early stopping on development speakers.",
            overrides=("optim.learning_rate=1e-4", "optim.layer_rate=1", "optim.batch=16", "optim.refit=false"),
        ),
    ),
    protocol="speaker-independent; 5 folds by session is our guess, based on related papers",
    folds=("folds=loso", "folds.dev=session"),
    published=(),
    headline="",
    corpus="IEMOCAP",
    unknown=(
        "the equation of augmented residual integration",
        "the equation of co-attention",
        "learning rates, epochs and loss weights of the stages",
        "which three encoders",
        "every result and every ablation figure",
    ),
    cautions=(
        "We had no access to its figures; the closest system with known figures is Gao et al. 2024 (system=gao2024).",
        "Relatives with co-attention between tasks are Wang et al., Interspeech 2025 (arXiv 2508.17878: emotion, gender, "
        "speaker, transcript) and MTLSER 2025; both are closer to it than Zou et al. 2022.",
        "We expect 75 to 79 UA from base-size encoders with honest selection. This is our estimate, not a published figure.",
    ),
)
