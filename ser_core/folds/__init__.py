"""Protocols by name, one per file. FOLDS is the only list; `folds=NAME` chooses from it, `folds.dev=NAME` from DEVELOPMENT.

    speakers  A B C D E F          fold 1: test A, development B, training C D E F
No speaker is in two parts of a fold, and every utterance is tested once, unless the protocol's own file says otherwise.
"""

from ser_core.folds.emobox import EmoBox
from ser_core.folds.folds import Fold, Folds
from ser_core.folds.kfold import GroupedKFold
from ser_core.folds.loso import LeaveOneSessionOut
from ser_core.folds.lospo import LeaveOneSpeakerOut
from ser_core.folds.official import Official
from ser_core.folds.protocol import FoldsOption, make_folds, unused_notice
from ser_core.folds.script_disjoint import ScriptDisjoint
from ser_core.folds.text_disjoint import TextDisjoint

FOLDS: dict[str, type[FoldsOption]] = {
    "lospo": LeaveOneSpeakerOut,
    "loso": LeaveOneSessionOut,
    "kfold": GroupedKFold,
    "official": Official,
    "emobox": EmoBox,
    "script_disjoint": ScriptDisjoint,
    "text_disjoint": TextDisjoint,
}

__all__ = ["FOLDS", "Fold", "Folds", "FoldsOption", "make_folds", "unused_notice"]
