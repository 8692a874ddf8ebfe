"""What a line of the table of channels says."""

import dataclasses

from ser_core.encoders.encoder import EncoderOption


@dataclasses.dataclass(frozen=True)
class ChannelKind:
    """One channel: the encoders to choose from, the default among them, and a sentence for `ser options`.

    A new channel has the default `none`, whose class is neutral, so that it renames no record.
    """

    encoders: dict[str, type[EncoderOption]]
    default: str
    sentence: str
