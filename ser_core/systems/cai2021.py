"""Cai et al. 2021: one speech encoder, fully trained on emotion and on the transcript (CTC) at the same time.

speech --layers, trained--> mean --> emotion
                 \\-- every frame --> letters (CTC)
"""

from ser_core.systems.system import DIFFERS, KNOWN, RECONSTRUCTION, Figure, Part, System

SYSTEM = System(
    name="cai2021",
    authors="Cai et al.",
    title="",
    venue="Interspeech 2021",
    encoders="wav2vec2-base",
    channels=("speech",),
    parts=(
        Part(
            row="encoders",
            paper="trained, width 768; speech alone",
            status=KNOWN,
            overrides=(
                *("model.text=none", "model.speech.layers=last", "model.speech.stride=1", "model.speech.tune=-1"),
                *("model.speech.rate=1", "model.speech.decay=1", "model.speech.train_convolutions=true", "model.width=768"),
            ),
        ),
        Part(
            row="encoders",
            paper="the heads read the encoder directly",
            status=DIFFERS,
            here="A trained projection to model.width comes between encoder and heads.",
        ),
        Part(row="refinement", paper="none", status=KNOWN),
        Part(
            row="fusion",
            paper="pooling: not known to us",
            status=RECONSTRUCTION,
            here="The emotion head reads the normalised mean over frames.",
            overrides=("model.fusion=concat",),
        ),
        Part(row="tokens", paper="none", status=KNOWN),
        Part(row="masking", paper="none", status=KNOWN, overrides=("model.masking=none",)),
        Part(
            row="losses and weights",
            paper="CE + .1 CTC",
            status=KNOWN,
            overrides=(
                *("tasks.emotion.weight=1", "tasks.emotion.class_weights=none", "tasks.emotion.label_smoothing=0"),
                *("tasks.dimensions.weight=0", "tasks.transcript.weight=0.1"),
            ),
        ),
        Part(
            row="losses and weights",
            paper="whether CTC is summed or averaged: not known to us",
            status=RECONSTRUCTION,
            here="CTC is the loss per character, averaged over utterances; dropout keeps its default.",
            overrides=("tasks.transcript.variant=standard",),
        ),
        Part(row="stages", paper="one", status=KNOWN, overrides=("stages=one",)),
        Part(
            row="optimiser",
            paper="AdamW 5e-5, warm-up .1, batch 8, 100 epochs (repository: 200)",
            status=KNOWN,
            overrides=(
                *("optim.learning_rate=5e-5", "optim.warmup=0.1", "optim.layer_rate=1", "optim.batch=8"),
                *("optim.epochs=100", "optim.patience=100", "optim.refit=false"),
            ),
        ),
        Part(
            row="optimiser",
            paper="weight decay, and the schedule after the warm-up: not known to us",
            status=RECONSTRUCTION,
            here="Weight decay is .01, and the learning rate falls to 0 along a cosine.",
            overrides=("optim.weight_decay=0.01",),
        ),
    ),
    protocol="10 folds by speaker, no development part",
    folds=("folds=lospo", "folds.dev=none"),
    published=(
        *(Figure("WA", 71.66, "CTC weight 0"), Figure("WER", 99.8, "CTC weight 0")),
        *(Figure("WA", 73.97, "CTC weight .001"), Figure("WER", 22.3, "CTC weight .001")),
        *(Figure("WA", 76.34, "CTC weight .01"), Figure("WER", 20.1, "CTC weight .01")),
        *(Figure("WA", 78.15, "CTC weight .1"), Figure("WER", 19.3, "CTC weight .1")),
    ),
    headline="CTC weight .1",
    unknown=("pooling", "weight decay", "dropout"),
    cautions=(
        "The repository's README gives the loss as CTC + weight x classification; code and paper put the weight on CTC.",
        "MMER's authors re-implemented it with 5 folds by session and report 77.1 WA.",
    ),
)
