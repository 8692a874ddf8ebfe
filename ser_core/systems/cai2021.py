"""Cai et al. 2021: one speech encoder, fully trained on emotion and on the transcript (CTC) at the same time.

speech --layers, trained--> mean --> emotion
                 \\-- every frame --> letters (CTC)

Facts are from the paper and the authors' code (TideDancer/interspeech21_emotion): model.py, run_emotion.py and run.sh.
"""

from ser_core.systems.system import DIFFERS, KNOWN, RECONSTRUCTION, Figure, Part, System

SYSTEM = System(
    name="cai2021",
    authors="Cai et al.",
    title="Speech Emotion Recognition with Multi-task Learning",
    venue="Interspeech 2021, code TideDancer/interspeech21_emotion",
    encoders="wav2vec2-base",
    channels=("speech",),
    parts=(
        Part(
            row="encoders",
            paper="all transformer layers are trained, width 768; the last one is read; speech alone",
            status=KNOWN,
            overrides=(
                *("model.text=none", "model.speech.layers=last", "model.speech.stride=1", "model.speech.tune=-1"),
                *("model.speech.rate=1", "model.speech.decay=1", "model.speech.train_convolutions=true", "model.width=768"),
            ),
        ),
        Part(
            row="encoders",
            paper="the heads read the encoder directly; it trains with its own dropout and SpecAugment (library defaults)",
            status=DIFFERS,
            here="A standardised, trained projection to model.width comes between encoder and heads, and the encoder's own "
            "dropout and SpecAugment are off.",
        ),
        Part(row="refinement", paper="none", status=KNOWN),
        Part(
            row="fusion",
            paper="mean over frames without normalisation (code); the paper's formula has a sum",
            status=KNOWN,
            overrides=("model.fusion=concat", "model.fusion.normalise=false"),
        ),
        Part(
            row="fusion",
            paper="the mean also covers the frames that pad a batch",
            status=DIFFERS,
            here="The mean covers real frames only.",
        ),
        Part(row="tokens", paper="none", status=KNOWN),
        Part(row="masking", paper="none", status=KNOWN, overrides=("model.masking=none",)),
        Part(
            row="losses and weights",
            paper="CE + .1 CTC, CTC summed over the utterances of a batch; no dropout of its own before the heads",
            status=KNOWN,
            overrides=(
                *("tasks.emotion.weight=1", "tasks.emotion.hidden=0", "tasks.emotion.class_weights=none"),
                *("tasks.emotion.label_smoothing=0", "tasks.dimensions.weight=0"),
                *("tasks.transcript.weight=0.1", "tasks.transcript.variant=paper_code", "tasks.transcript.hidden=0"),
                "model.dropout=0",
            ),
        ),
        Part(
            row="losses and weights",
            paper="32 characters",
            status=DIFFERS,
            here="The alphabet has 28 characters and the blank, and a text that fits no alignment is left out of CTC.",
        ),
        Part(row="stages", paper="one", status=KNOWN, overrides=("stages=one",)),
        Part(
            row="optimiser",
            paper="AdamW 5e-5 (1e-5 without CTC), linear schedule, 8 utterances per step, 100 epochs; no weight decay, clip 1 "
            "(defaults of the library)",
            status=KNOWN,
            overrides=(
                *("optim.learning_rate=5e-5", "optim.schedule=linear", "optim.layer_rate=1", "optim.weight_decay=0"),
                *("optim.batch=2", "optim.accumulate=4", "optim.epochs=100", "optim.patience=100", "optim.clip=1"),
                "optim.refit=false",
            ),
        ),
        Part(
            row="optimiser",
            paper="paper: warm-up .1, 100 epochs, batch 1 on each of 2 GPUs; run.sh: no warm-up, 200 epochs, batch 2",
            status=RECONSTRUCTION,
            here="Warm-up .1 and 100 epochs as in the paper, and batch 2 x 4 as in run.sh, so CTC is summed over 2 utterances.",
            overrides=("optim.warmup=0.1",),
        ),
    ),
    protocol="10 folds by speaker, no development part; the last epoch is tested",
    folds=("folds=lospo", "folds.dev=none"),
    published=(
        *(Figure("WA", 71.66, "CTC weight 0"), Figure("WER", 99.8, "CTC weight 0")),
        *(Figure("WA", 73.97, "CTC weight .001"), Figure("WER", 22.3, "CTC weight .001")),
        *(Figure("WA", 76.34, "CTC weight .01"), Figure("WER", 20.1, "CTC weight .01")),
        *(Figure("WA", 78.15, "CTC weight .1"), Figure("WER", 19.3, "CTC weight .1")),
    ),
    headline="CTC weight .1",
    unknown=("whether the figures are of the last epoch: no choice of an epoch is described", "variance: none is reported"),
    cautions=(
        "For the row without CTC (tasks.transcript.weight=0), the paper lowers the rate: add optim.learning_rate=1e-5.",
        "The repository's README gives the loss as CTC + weight x classification; code and paper put the weight on CTC.",
        "MMER's authors re-implemented it with 5 folds by session and report 77.1 WA.",
    ),
)
