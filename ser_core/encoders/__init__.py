"""The encoders for each channel. To add one, change only its file and this table."""

from ser_core.encoders.encoder import EncoderOption
from ser_core.encoders.logmel import LogMel
from ser_core.encoders.nothing import NoSpeech, NoText
from ser_core.encoders.speech import SpeechCheckpoint
from ser_core.encoders.text import TextCheckpoint
from ser_core.encoders.words import Words

SPEECH: dict[str, type[EncoderOption]] = {
    "logmel": LogMel,
    "checkpoint": SpeechCheckpoint,
    "none": NoSpeech,
}
TEXT: dict[str, type[EncoderOption]] = {
    "words": Words,
    "checkpoint": TextCheckpoint,
    "none": NoText,
}
