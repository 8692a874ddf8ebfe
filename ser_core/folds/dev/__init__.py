"""How the development set is chosen, one rule per file. DEVELOPMENT is the only list; `folds.dev=NAME` chooses from it."""

from ser_core.folds.dev.auto import Auto
from ser_core.folds.dev.development import DevelopmentOption
from ser_core.folds.dev.given import Given
from ser_core.folds.dev.none import NoDevelopment
from ser_core.folds.dev.partner import Partner
from ser_core.folds.dev.session import Session
from ser_core.folds.dev.speakers import Speakers
from ser_core.folds.dev.utterances import Utterances

DEVELOPMENT: dict[str, type[DevelopmentOption]] = {
    "auto": Auto,
    "speakers": Speakers,
    "partner": Partner,
    "session": Session,
    "utterances": Utterances,
    "given": Given,
    "none": NoDevelopment,
}

__all__ = ["DEVELOPMENT", "DevelopmentOption"]
