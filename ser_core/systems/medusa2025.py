"""MEDUSA, Chatzichristodoulou et al. 2025: soft targets, deep fusion, manifold mixup, and a second stage on balanced data.

speech --Leg--\\
               joined at every depth --> z --mixup--> emotion (votes), attributes        stage 1: all data
text   --Leg--/                                                                         stage 2: balanced, slower
Here is one of the 14 models that the paper combines. A reconstruction, after notes on the paper and the authors' code
(emopodntua/medusa: net/skeleton.py, net/leg.py, train_deepser.py, configs/deepser.yaml); we read its full text only in part.
"""

from ser_core.systems.system import DIFFERS, KNOWN, RECONSTRUCTION, Figure, Part, System

SYSTEM = System(
    name="medusa2025",
    authors="Chatzichristodoulou et al.",
    title="MEDUSA: A Multimodal Deep Fusion Multi-Stage Training Framework for Speech Emotion Recognition in Naturalistic "
    "Conditions",
    venue="Interspeech 2025, arXiv 2506.09556, code emopodntua/medusa",
    encoders="2 or 3 of WavLM-large, HuBERT-large, Whisper-large-v3, RoBERTa-large and ModernBERT, frozen; text by a recogniser",
    channels=("speech", "text"),
    parts=(
        Part(
            row="encoders",
            paper="frozen; Whisper and text: last layer",
            status=KNOWN,
            overrides=(
                *("model.speech.layers=last", "model.speech.tune=0", "model.text.layers=last", "model.text.tune=0"),
                "model.width=512",
            ),
        ),
        Part(
            row="encoders",
            paper="several speech encoders side by side, of WavLM and HuBERT the sum of the last four layers",
            status=DIFFERS,
            here="One speech encoder, of which the last layer is read, and one text encoder; features are standardised.",
            overrides=("model.speech.stride=1",),
        ),
        Part(row="refinement", paper="none besides the fusion's own layers", status=KNOWN),
        Part(
            row="fusion",
            paper="DeepSER, depth 2, 1 head, width 512, feed-forward 2048, dropout .1",
            status=KNOWN,
            overrides=(
                *("model.fusion=deepser", "model.fusion.layers=2", "model.fusion.heads=1", "model.fusion.feedforward=4"),
                *("model.dropout=0.1", "model.speech_dropout=0", "model.text_dropout=0"),
            ),
        ),
        Part(
            row="fusion",
            paper="layers with ReLU; padding is attended to; dropout drops single numbers and attention weights",
            status=DIFFERS,
            here="Layers have GELU, padding is masked, and dropout drops whole dimensions.",
        ),
        Part(row="tokens", paper="none", status=KNOWN),
        Part(row="masking", paper="none", status=KNOWN, overrides=("model.masking=none",)),
        Part(
            row="losses and weights",
            paper="1.5 CE on the share of votes, .4 MSE on valence, arousal and dominance from 1 to 7",
            status=KNOWN,
            overrides=(
                *("tasks.emotion.weight=1.5", "tasks.emotion.target=votes", "tasks.emotion.loss=cross_entropy"),
                *("tasks.emotion.label_smoothing=0", "tasks.emotion.hidden=512", "tasks.emotion.dropout=0"),
                *("tasks.dimensions.weight=14.4", "tasks.dimensions.loss=mse", "tasks.dimensions.shared=true"),
                *("tasks.dimensions.hidden=512", "tasks.dimensions.dropout=0"),
            ),
        ),
        Part(
            row="losses and weights",
            paper="one hidden layer (ReLU) for both heads; class weights (N / C n)^.5 in stage 1",
            status=DIFFERS,
            here="Each head has its own hidden layer (GELU), and there are no class weights. (Ratings are scaled from 1..7 to "
            "0..1, so .4 becomes .4 x 36 = 14.4.)",
            overrides=("tasks.emotion.class_weights=none",),
        ),
        Part(
            row="losses and weights",
            paper="manifold mixup before the heads in .3 of the steps, shares from Beta(.2, .2)",
            status=KNOWN,
            overrides=("optim.mixup=0.3", "optim.mixup_alpha=0.2"),
        ),
        Part(
            row="stages",
            paper="two: 4 epochs on all data with utterances without agreement, then balanced subsets at a tenth of the rate",
            status=KNOWN,
            overrides=(
                *("stages=two", "stages.first.epochs=4", "stages.first.patience=0", "stages.first.sampling=shuffled"),
                *("stages.second.epochs=46", "stages.second.patience=8", "stages.second.sampling=balanced"),
                *("stages.second.heads_rate=0.1", "stages.second.fusion_rate=0.1"),
            ),
        ),
        Part(
            row="stages",
            paper="a balanced subset takes as many of each emotion as the rarest has, and a share without agreement",
            status=DIFFERS,
            here="An epoch draws as many utterances as there are, with replacement, so that emotions are equally frequent.",
        ),
        Part(
            row="stages",
            paper="14 such models; a meta-classifier on their outputs (stage 3); mean weights of 6 of these (stage 4)",
            status=DIFFERS,
            here="One model: there is no ensemble, no meta-classifier and no model soup.",
        ),
        Part(
            row="optimiser",
            paper="AdamW, constant 1e-5, weight decay .01, batch 16 with the mean gradient of 2 batches, no clipping",
            status=KNOWN,
            overrides=(
                *("optim.learning_rate=1e-5", "optim.schedule=constant", "optim.warmup=0", "optim.weight_decay=0.01"),
                *("optim.layer_rate=1", "optim.batch=16", "optim.accumulate=2", "optim.clip=1e9", "optim.refit=false"),
                *("optim.epochs=50", "optim.patience=8"),
            ),
        ),
        Part(
            row="optimiser",
            paper="whether all 14 models share the settings of the code's example: not said in the code",
            status=RECONSTRUCTION,
            here="The settings of the code's example. The epoch is chosen by development UAR and mean CCC, theirs by macro-F1.",
        ),
    ),
    protocol="official parts of MSP-Podcast; tested on the challenge's own part, whose labels are not public",
    folds=("folds=official", "folds.dev=given"),
    published=(Figure("macro-F1", 43.16, "ensemble of 14, challenge test part"),),
    headline="ensemble of 14, challenge test part",
    corpus="MSP-Podcast, 8 classes",
    unknown=(
        "figures of single models on the test part",
        "the share of steps that were mixed in each of the 14 models",
        "how much manifold mixup adds: the paper says that it helps",
    ),
    cautions=(
        "Ablation, relative loss of macro-F1 on balanced sets, mean of 4 models, from a secondary source: without soft targets "
        "8.23 %, late instead of deep fusion 6.31 %, without the attributes 2.18 %, without stage 2 1.20 %.",
        "The released code computes the loss after the loop over batches, so an epoch gives the gradient of its last batch "
        "only. We train on every batch.",
        "The released code's example trains on the development and test parts, too (dataset_type: Full).",
    ),
)
