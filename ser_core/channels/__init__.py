"""The channels that a model may read, one line each. CHANNELS is the only list; `model.NAME=ENCODER` chooses an encoder.

    model.speech   model.speech2   model.text   model.features        each --encoder--> steps --stem--> stream --> fusion
What a channel is made from (audio, text, stored features) is up to the encoder: EncoderOption.reads. Everything else that knows
channels by name reads this table: the configuration tree, masking, conditions, audit, references, ablations.
"""

from ser_core.channels.channel_kind import ChannelKind
from ser_core.encoders import FEATURES, SECOND_SPEECH, SPEECH, TEXT

CHANNELS: dict[str, ChannelKind] = {
    "speech": ChannelKind(SPEECH, "logmel", "Encoder of the speech channel."),
    "speech2": ChannelKind(SECOND_SPEECH, "none", "Encoder of a second speech channel, which hears the same audio."),
    "text": ChannelKind(TEXT, "words", "Encoder of the text channel."),
    "features": ChannelKind(FEATURES, "none", "Features that another tool computed, one file or table row per utterance."),
}

__all__ = ["CHANNELS", "ChannelKind"]
