"""SAILER, Feng et al. 2025: one speech encoder with adapters, text, the votes of all annotators, and further affective targets.

speech --layers + LoRA--> mean --\\
                                  [s ; t] --> emotion (votes), valence, arousal, dominance, gender
text   --frozen------> mean -----/
A reconstruction: known are the abstract, notes on the paper and the released models (tiantiaf0627/vox-profile-release). Gender
and the settings for attributes are those of the companion paper by the same group (arXiv 2506.10930).
"""

from ser_core.systems.system import DIFFERS, KNOWN, RECONSTRUCTION, Figure, Part, System

SYSTEM = System(
    name="sailer2025",
    authors="Feng, Lertpetchpun, Byrd, Narayanan",
    title="Developing a Top-tier Framework in Naturalistic Conditions Challenge for Categorized Emotion Prediction",
    venue="Interspeech 2025, arXiv 2505.22133, models tiantiaf0627/vox-profile-release",
    encoders="Whisper-large-v3 or WavLM-large, and RoBERTa on the text of a recogniser",
    channels=("speech", "text"),
    parts=(
        Part(
            row="encoders",
            paper="Whisper: last layer, LoRA rank 16, the rest frozen; text frozen; audio is cut at 15 s",
            status=KNOWN,
            overrides=(
                *("model.speech.layers=last", "model.speech.stride=1", "model.speech.tune=-1", "model.speech.rate=0"),
                *("model.speech.adapter=lora", "model.speech.adapter.rank=16", "model.text.layers=last", "model.text.tune=0"),
                *("audio.max_seconds=15", "audio.longer=start"),
            ),
        ),
        Part(
            row="encoders",
            paper="LoRA in the feed-forward layers; utterances under 3 s and over 15 s are left out of training",
            status=DIFFERS,
            here="LoRA is in the attention projections, and utterances of any length are trained on.",
        ),
        Part(
            row="encoders",
            paper="3 point-wise convolutions of width 256 with ReLU and dropout .1 between encoder and mean",
            status=DIFFERS,
            here="One standardised, trained projection to width 256, and dropout .1 drops whole dimensions.",
            overrides=("model.width=256", "model.dropout=0.1"),
        ),
        Part(row="refinement", paper="none", status=KNOWN),
        Part(
            row="fusion",
            paper="mean over frames; how the text joins: not in what we could read",
            status=RECONSTRUCTION,
            here="The means of speech and text are concatenated.",
            overrides=("model.fusion=concat", "model.fusion.normalise=false"),
        ),
        Part(row="tokens", paper="none", status=KNOWN),
        Part(row="masking", paper="none known", status=KNOWN, overrides=("model.masking=none",)),
        Part(
            row="losses and weights",
            paper="KL divergence to the share of votes, with utterances without agreement; a hidden layer of 256",
            status=KNOWN,
            overrides=(
                *("tasks.emotion.weight=1", "tasks.emotion.target=votes", "tasks.emotion.loss=kl", "tasks.emotion.hidden=256"),
                *("tasks.emotion.class_weights=none", "tasks.emotion.label_smoothing=0", "tasks.emotion.dropout=0"),
            ),
        ),
        Part(
            row="losses and weights",
            paper="Other is a ninth class; secondary emotions (17 classes) are another target",
            status=DIFFERS,
            here="Votes for Other are left out and the shares of the 8 emotions rescaled, so an utterance that most heard as "
            "Other stays with its other votes; secondary emotions are not learned.",
        ),
        Part(
            row="losses and weights",
            paper="valence, arousal, dominance with a regressor each, and gender (companion paper); losses and weights: not in "
            "what we could read",
            status=RECONSTRUCTION,
            here="1 - CCC with weight .5, and gender with weight .1.",
            overrides=(
                *("tasks.dimensions.weight=0.5", "tasks.dimensions.shared=false", "tasks.dimensions.hidden=256"),
                *("tasks.dimensions.loss=ccc", "tasks.dimensions.dropout=0", "tasks.gender.weight=0.1"),
                *("tasks.gender.hidden=256", "tasks.gender.dropout=0"),
            ),
        ),
        Part(
            row="losses and weights",
            paper="augmented audio in training, and further measures against imbalance",
            status=DIFFERS,
            here="Training utterances are not augmented, and emotions are drawn as often as they occur.",
        ),
        Part(row="stages", paper="one", status=KNOWN, overrides=("stages=one",)),
        Part(
            row="stages",
            paper="an ensemble of 3 such models for the challenge",
            status=DIFFERS,
            here="One model: there is no ensemble.",
        ),
        Part(
            row="optimiser",
            paper="not in what we could read",
            status=RECONSTRUCTION,
            here="AdamW at 5e-4 with warm-up and a cosine, batch 32, at most 15 epochs with early stopping.",
            overrides=(
                *("optim.learning_rate=5e-4", "optim.weight_decay=0.01", "optim.layer_rate=1", "optim.batch=32"),
                *("optim.epochs=15", "optim.refit=false"),
            ),
        ),
    ),
    protocol="official parts of MSP-Podcast; tested on the challenge's own part, whose labels are not public",
    folds=("folds=official", "folds.dev=given"),
    published=(
        Figure("macro-F1", 38.3, "Whisper, speech alone"),
        Figure("macro-F1", 40.2, "Whisper with text"),
        Figure("macro-F1", 42.81, "ensemble of 3, challenge test part"),
    ),
    headline="Whisper with text",
    corpus="MSP-Podcast, 8 classes",
    unknown=("how the text joins", "weights of the losses", "optimiser, rate, epochs", "the kinds of augmentation"),
    cautions=(
        "The figures of single models are from a secondary source.",
        "The companion paper for attributes (arXiv 2506.10930) adds gender and keeps utterances labelled Other or without "
        "agreement; that the system for categories predicts gender, too, is our reading.",
    ),
)
