"""Public checkpoints are recognised by their names; every row says where it is from."""

import dataclasses
import re

import pandas as pd
import pytest

from ser_core.audit.checkpoints import REGISTRY
from ser_core.audit.pretraining import met_by, pretraining
from ser_core.corpus.corpus import Corpus, complete

LABELLED = {
    "emotion2vec/emotion2vec_plus_seed": "ravdess",
    "emotion2vec/emotion2vec_plus_base": "emodb",
    "emotion2vec/emotion2vec_plus_large": "iemocap",
    "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim": "msppodcast",
    "audeering/wav2vec2-large-robust-24-ft-emotion-msp-dim": "msppodcast",
    "autrainer/msp-podcast-emo-class-big4-w2v2-l-emo": "msppodcast",
    "3loi/SER-Odyssey-Baseline-WavLM-Categorical": "msppodcast",
    "3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes": "msppodcast",
    "tiantiaf/wavlm-large-msp-podcast-emotion": "msppodcast",
    "tiantiaf/whisper-large-v3-msp-podcast-emotion": "msppodcast",
    "superb/hubert-base-superb-er": "iemocap",
    "superb/hubert-large-superb-er": "iemocap",
    "superb/wav2vec2-base-superb-er": "iemocap",
    "superb/wav2vec2-large-superb-er": "iemocap",
    "speechbrain/emotion-recognition-wav2vec2-IEMOCAP": "iemocap",
    "speechbrain/emotion-diarization-wavlm-large": "iemocap",
    "ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition": "ravdess",
    "Wiam/wav2vec2-lg-xlsr-en-speech-emotion-recognition-finetuned-ravdess-v8": "ravdess",
    "r-f/wav2vec-english-speech-emotion-recognition": "savee",
    "Yassmen/Wav2Vec2_Fine_tuned_on_RAVDESS_2_Speech_Emotion_Recognition": "ravdess",
    "AreejB/wav2vec2-xlsr-english-speech-emotion-recognition": "ravdess",
    "firdhokk/speech-emotion-recognition-with-facebook-wav2vec2-large-xlsr-53": "ravdess",
    "alefiury/wav2vec2-xls-r-300m-pt-br-spontaneous-speech-emotion-recognition": "ravdess",
    "harshit345/xlsr-wav2vec-speech-emotion-recognition": "aesdd",
    "hughlan1214/Speech_Emotion_Recognition_wav2vec2-large-xlsr-53_240304_SER_fine-tuned2.0": "cremad",
    "j-hartmann/emotion-english-distilroberta-base": "meld",
    "j-hartmann/emotion-english-roberta-large": "meld",
    "SamLowe/roberta-base-go_emotions": "goemotions",
    "monologg/bert-base-cased-goemotions-original": "goemotions",
    "cardiffnlp/twitter-roberta-base-emotion": "tweeteval",
    "bhadresh-savani/distilbert-base-uncased-emotion": "carer",
    "bhadresh-savani/bert-base-uncased-emotion": "carer",
}
HEARD = {
    "emotion2vec/emotion2vec_base": "iemocap",
    "microsoft/wavlm-base": "librispeech",
    "microsoft/wavlm-base-plus": "gigaspeech",
    "microsoft/wavlm-large": "voxpopuli",
    "facebook/hubert-base-ls960": "librispeech",
    "facebook/hubert-large-ll60k": "librilight",
    "facebook/wav2vec2-base": "librispeech",
    "facebook/wav2vec2-base-960h": "librispeech",
    "facebook/wav2vec2-large-lv60": "librilight",
    "facebook/wav2vec2-large-robust": "switchboard",
    "facebook/wav2vec2-large-xlsr-53": "mls",
    "facebook/wav2vec2-xls-r-300m": "babel",
    "facebook/data2vec-audio-base": "librispeech",
    "microsoft/unispeech-sat-large": "gigaspeech",
}


def corpus(name: str, text_source: str = "none") -> Corpus:
    table = complete(pd.DataFrame([{"utterance": "a", "file": "/a.wav", "speaker": "s", "emotion": "joy"}]))
    return Corpus(name, table, ("joy",), (), "none", "made here", text_source)


@pytest.mark.parametrize("name", LABELLED)
def test_checkpoints_trained_on_labels(name: str) -> None:
    met = met_by(name)
    assert met and LABELLED[name] in met.labelled


@pytest.mark.parametrize("name", HEARD)
def test_checkpoints_trained_without_labels(name: str) -> None:
    met = met_by(name)
    assert met and HEARD[name] in met.heard and not met.labelled


@pytest.mark.parametrize(
    "name", ["openai/whisper-base", "sentence-transformers/all-MiniLM-L6-v2", "roberta-base", "", "models/mine"]
)
def test_nothing_is_claimed_of_others(name: str) -> None:
    assert met_by(name) is None


def test_every_row_has_a_source_and_corpora_or_says_that_it_does_not_know() -> None:
    for met in REGISTRY:
        assert met.source and not re.search(r"https?:|\.co/|\.org/", met.source)
        assert bool(met.labelled or met.heard) != met.says_not
        assert all(re.fullmatch("[a-z0-9]+", each) for each in met.labelled + met.heard)


def test_texts_of_the_companion_count_for_the_text_channel() -> None:
    emodb = corpus("emodb", "companion lines (semi-synthetic)")
    (finding,) = pretraining(emodb, {"model.text": ["SamLowe/roberta-base-go_emotions"]})
    assert finding.counts == {"labels": True}
    assert pretraining(dataclasses.replace(emodb, text_source="none"), {"model.text": ["SamLowe/roberta-base-go_emotions"]}) == []


def test_an_emotion_checkpoint_of_unknown_corpora_is_a_note() -> None:
    (finding,) = pretraining(corpus("emodb"), {"model.speech": ["Dpngtm/wav2vec2-emotion-recognition"]})
    assert (finding.name, finding.severity) == ("pre-training unknown", "info")
