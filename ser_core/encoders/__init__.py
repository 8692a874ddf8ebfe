"""The encoders for each channel. To add one, change only its file and this table."""

from ser_core.encoders.encoder import EncoderOption
from ser_core.encoders.features.folder import FeatureFolder
from ser_core.encoders.features.table import FeatureTable
from ser_core.encoders.logmel import LogMel
from ser_core.encoders.nothing import NoFeatures, NoSecondSpeech, NoSpeech, NoText
from ser_core.encoders.second_speech import SecondLogMel, SecondSpeechCheckpoint
from ser_core.encoders.speech import SpeechCheckpoint
from ser_core.encoders.text import TextCheckpoint
from ser_core.encoders.words import Words

SPEECH: dict[str, type[EncoderOption]] = {
    "logmel": LogMel,
    "checkpoint": SpeechCheckpoint,
    "none": NoSpeech,
}
SECOND_SPEECH: dict[str, type[EncoderOption]] = {
    "logmel": SecondLogMel,
    "checkpoint": SecondSpeechCheckpoint,
    "none": NoSecondSpeech,
}
TEXT: dict[str, type[EncoderOption]] = {
    "words": Words,
    "checkpoint": TextCheckpoint,
    "none": NoText,
}
FEATURES: dict[str, type[EncoderOption]] = {
    "folder": FeatureFolder,
    "table": FeatureTable,
    "none": NoFeatures,
}
