"""Audio: a file becomes a waveform or is rejected with a reason; if its container cannot prove completeness, that is a doubt."""

from ser_core.audio.decode import LONGEST_SECONDS, SAMPLE_RATE_HZ, Sound, decode, doubt_of
from ser_core.audio.load import Audio, load, usable

__all__ = ["LONGEST_SECONDS", "SAMPLE_RATE_HZ", "Audio", "Sound", "decode", "doubt_of", "load", "usable"]
