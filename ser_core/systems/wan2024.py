"""Wan et al. 2024: metadata tasks first, emotion second, residuals inside the encoder, co-attention between task features.

stage 1: speech --layers--> gender, style, letters      stage 2: the same, slower --co-attention--> emotion, gender, style

Only the abstract and reviews were accessible. Known are: base-size speech encoders, metadata tasks (gender, style,
transcript) before emotion in two stages, augmented residual integration in the encoder, co-attention between tasks.
"""

from ser_core.systems.system import KNOWN, RECONSTRUCTION, Part, System

SYSTEM = System(
    name="wan2024",
    authors="Wan, Qiu, Liu, Zhang",
    title="Metadata-Enhanced SER: Augmented Residual Integration and Co-Attention in Two-Stage Fine-Tuning",
    venue="arXiv 2412.20707, 2024",
    encoders="three self-supervised speech encoders of base size, which ones is not known",
    channels=("speech",),
    parts=(
        Part(
            row="encoders",
            paper="base-size speech encoders; no text is read",
            status=KNOWN,
            overrides=("model.text=none", "model.width=768"),
        ),
        Part(
            row="encoders",
            paper="which layers are trained, and how they are read: not known",
            status=RECONSTRUCTION,
            here="Every transformer layer is trained, the last is read at 50 Hz, convolutions stay frozen.",
            overrides=(
                *("model.speech.layers=last", "model.speech.stride=1", "model.speech.tune=-1", "model.speech.rate=0.1"),
                "model.speech.decay=1",
            ),
        ),
        Part(
            row="encoders",
            paper="augmented residual integration in every layer; its equation is not known",
            status=RECONSTRUCTION,
            here="After RE2, whose term it is: each layer reads the running residual beside the lowest state (ari_re2); "
            "ari_gate and ari_head are other readings.",
            overrides=("model.speech.integration=ari_re2", "model.speech.integration.rank=0"),
        ),
        Part(row="refinement", paper="none known", status=KNOWN),
        Part(
            row="fusion",
            paper="co-attention between features of tasks; its equation is not known",
            status=RECONSTRUCTION,
            here="Emotion's feature asks that of each of three helpers by cross-attention; coattn_weight is the other candidate.",
            overrides=("model.fusion=coattn_xattn", "model.fusion.helpers=3", "model.fusion.reverse=false"),
        ),
        Part(row="tokens", paper="none", status=KNOWN),
        Part(row="masking", paper="none known", status=KNOWN, overrides=("model.masking=none",)),
        Part(
            row="losses and weights",
            paper="emotion, gender, style, transcript; weights not known",
            status=RECONSTRUCTION,
            here="Helpers weigh .1 each, emotion .8 beside gender and style in stage 2 (after Gao et al. 2024).",
            overrides=(
                *("tasks.emotion.weight=0.8", "tasks.emotion.class_weights=none", "tasks.emotion.label_smoothing=0"),
                *("tasks.dimensions.weight=0", "tasks.transcript.weight=0.1", "tasks.gender.weight=0.1"),
                "tasks.style.weight=0.1",
            ),
        ),
        Part(
            row="stages",
            paper="two: metadata tasks first, then emotion with what they learned",
            status=KNOWN,
            overrides=("stages=two", "stages.first.weights.emotion=0", "stages.second.weights.transcript=0"),
        ),
        Part(
            row="stages",
            paper="lengths, rates and what stage 2 trains: not known",
            status=RECONSTRUCTION,
            here="At most 100 epochs, then 50 with the encoder at a tenth of its rate.",
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
            here="AdamW at 1e-5 (encoder) and 1e-4 (what is new), batch 16, stopped early on development speakers.",
            overrides=("optim.learning_rate=1e-4", "optim.layer_rate=1", "optim.batch=16", "optim.refit=false"),
        ),
    ),
    protocol="speaker-independent; 5 folds by session is a guess from its relatives",
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
        "Its figures could not be read; Gao et al. 2024 (system=gao2024) is the nearest system whose figures could.",
        "75 to 79 UA is to be expected of base-size encoders with honest selection: an inference, no published figure.",
    ),
)
