"""One file per method of weighting the tasks. WEIGHTINGS is the only list; `weighting=NAME` chooses from it."""

from ser_core.weighting.dwa import Dwa
from ser_core.weighting.fixed import Fixed
from ser_core.weighting.gradnorm import GradNorm
from ser_core.weighting.pcgrad import PcGrad
from ser_core.weighting.uncertainty import Uncertainty
from ser_core.weighting.weighting import State, Weighting, WeightingOption

WEIGHTINGS: dict[str, type[WeightingOption]] = {
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "dwa": Dwa,
    "gradnorm": GradNorm,
    "pcgrad": PcGrad,
}

__all__ = ["WEIGHTINGS", "State", "Weighting", "WeightingOption"]
