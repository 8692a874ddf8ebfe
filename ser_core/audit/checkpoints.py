"""Which public checkpoints met which corpora: a table from model cards and papers.

Corpora are written in lower case without signs (msppodcast, cremad), as they are compared. `labelled` are those whose emotion
labels the checkpoint was trained on; `heard` those that it met without them, or for another task such as recognition.
A checkpoint whose source names no corpora has none here and `says_not`: nobody can tell whether it met yours.
The first row that matches counts, so a variant stands before its family.
"""

import dataclasses

WAGNER = "Wagner et al. 2023, arXiv 2203.07378, and the model card"
MA = "Ma et al. 2023, arXiv 2312.15185"
EMOBOX = "model card (academic data of EmoBox; base and large build on seed); Ma et al. 2024, arXiv 2406.07162, for its corpora"
SUPERB = "Yang et al. 2021, SUPERB, arXiv 2105.01051"
FENG = "Feng et al. 2025, arXiv 2505.22133 (the challenge data are MSP-Podcast), and the checkpoint's name"
CARD = "model card"
WAVLM = "Chen et al. 2021, arXiv 2110.13900, and the model card"
HUBERT = "Hsu et al. 2021, arXiv 2106.07447"
BAEVSKI = "Baevski et al. 2020, arXiv 2006.11477"
EMOBOX_CORPORA = (
    *("aesdd", "ased", "asvpesd", "cafe", "casia", "cremad", "emns", "emodb", "emovdb", "emovo", "emozionalmente", "enterface"),
    *("esd", "iemocap", "jlcorpus", "m3ed", "mead", "meld", "mer2023", "mesd", "msppodcast", "oreau", "pavoque", "ravdess"),
    *("resd", "savee", "shemo", "subesco", "tess", "turevdb", "urdu"),
)


@dataclasses.dataclass(frozen=True)
class Met:
    """Checkpoints whose name in lower case matches `pattern` were trained on corpora, as `source` says."""

    pattern: str
    labelled: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    source: str = CARD
    says_not: bool = False
    """Trained for emotion on corpora that the source does not name, or not in the copy that was read."""


REGISTRY = (
    # Speech, trained for emotion.
    Met("emotion2vec.?plus", EMOBOX_CORPORA, (), EMOBOX),
    Met("emotion2vec", (), ("iemocap", "meld", "mosei", "mead", "msppodcast"), MA),
    Met(
        "wav2vec2-large-robust.*-ft-emotion-msp-dim",
        ("msppodcast",),
        ("librilight", "commonvoice", "switchboard", "fisher"),
        WAGNER,
    ),
    Met("msp-podcast-emo-class", ("msppodcast",)),
    Met("ser-odyssey-baseline", ("msppodcast",)),
    Met("(wavlm|whisper).*msp-podcast", ("msppodcast",), (), FENG),
    Met("superb-er$", ("iemocap",), (), SUPERB),
    Met(
        "emotion-diarization-wavlm",
        ("iemocap", "ravdess", "emovdb", "esd", "jlcorpus"),
        (),
        "Wang et al. 2023, arXiv 2306.12991",
    ),
    Met("emotion-recognition-.*-iemocap", ("iemocap",), (), "the checkpoint's name"),
    Met("wav2vec2-lg-xlsr-en-speech-emotion-recognition", ("ravdess",)),
    Met("wav2vec-english-speech-emotion-recognition", ("savee", "ravdess", "tess")),
    Met("wav2vec2_fine_tuned_on_ravdess", ("ravdess",)),
    Met("wav2vec2-xlsr-english-speech-emotion-recognition", ("ravdess",)),
    Met("speech-emotion-recognition-with-facebook-wav2vec2", ("ravdess", "savee", "tess", "urdu")),
    Met("speech-emotion-recognition-with-openai-whisper", says_not=True),
    Met("xls-r-300m-pt-br-spontaneous-speech-emotion", ("coraaser", "emovo", "ravdess", "baved")),
    Met("xlsr-wav2vec-speech-emotion-recognition", ("aesdd",)),
    Met("speech_emotion_recognition_wav2vec2-large-xlsr-53", ("cremad", "ravdess", "savee", "tess")),
    Met("dpngtm/wav2vec2-emotion-recognition", says_not=True),
    Met("vesper", (), ("lssed",), "Chen et al. 2023, arXiv 2307.10757"),
    # Texts, trained for emotion.
    Met(
        "emotion-english-(distilroberta|roberta)",
        ("crowdflower", "carer", "goemotions", "isear", "meld", "semeval"),
        (),
        CARD,
    ),
    Met("go_?emotions", ("goemotions",), (), "model card and name; Demszky et al. 2020, arXiv 2005.00547"),
    Met("twitter-roberta-base-emotion", ("tweeteval", "semeval"), (), "Barbieri et al. 2020, TweetEval, arXiv 2010.12421"),
    Met(
        "(distilbert|bert|roberta|albert)-base-(un)?cased-(finetuned-)?emotion", ("carer",), (), "model card; Saravia et al. 2018"
    ),
    # Speech, self-supervised.
    Met("wavlm-(base-plus|large)", (), ("librilight", "gigaspeech", "voxpopuli"), WAVLM),
    Met("wavlm-base", (), ("librispeech",), WAVLM),
    Met("hubert-base-ls960", (), ("librispeech",), HUBERT),
    Met("hubert-x?large-ll60k", (), ("librilight",), HUBERT),
    Met("hubert-x?large-ls960-ft", (), ("librilight", "librispeech"), HUBERT),
    Met(
        "wav2vec2-large-robust",
        (),
        ("librilight", "commonvoice", "switchboard", "fisher"),
        "Hsu et al. 2021, arXiv 2104.01027",
    ),
    Met("wav2vec2-large-xlsr-53", (), ("mls", "commonvoice", "babel"), "Conneau et al. 2020, arXiv 2006.13979"),
    Met("xls-r-", (), ("voxpopuli", "mls", "commonvoice", "voxlingua", "babel"), "Babu et al. 2021, arXiv 2111.09296"),
    Met("wav2vec2-large-(960h-)?lv60", (), ("librilight",), BAEVSKI),
    Met("wav2vec2-(base|large)(-960h)?$", (), ("librispeech",), BAEVSKI),
    Met("data2vec-audio-base", (), ("librispeech",), "Baevski et al. 2022, arXiv 2202.03555"),
    Met("unispeech-sat-(base-plus|large)", (), ("librilight", "gigaspeech", "voxpopuli"), "Chen et al. 2021, arXiv 2110.05752"),
    Met("unispeech-sat-base", (), ("librispeech",), "Chen et al. 2021, arXiv 2110.05752"),
)
"""An encoder that is not listed may still have seen a corpus; check its paper."""
KNOWN = ("emodb", "ravdess", "iemocap", "meld", "msppodcast", "cremad", "savee", "mosei", "goemotions")
"""Corpora that are recognised in the name of any checkpoint, such as finetuned-ravdess."""
