"""One file per method of weighting the tasks. WEIGHTINGS is the only list; `weighting=NAME` chooses from it."""

from ser_core.weighting.aligned_mtl import AlignedMtl
from ser_core.weighting.cagrad import CaGrad
from ser_core.weighting.dwa import Dwa
from ser_core.weighting.famo import Famo
from ser_core.weighting.fixed import Fixed
from ser_core.weighting.gradnorm import GradNorm
from ser_core.weighting.imtl_g import ImtlG
from ser_core.weighting.mgda import Mgda
from ser_core.weighting.nash_mtl import NashMtl
from ser_core.weighting.pcgrad import PcGrad
from ser_core.weighting.rlw import Rlw
from ser_core.weighting.uncertainty import Uncertainty
from ser_core.weighting.upgrad import UpGrad
from ser_core.weighting.weighting import State, Weighting, WeightingOption

WEIGHTINGS: dict[str, type[WeightingOption]] = {
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "dwa": Dwa,
    "gradnorm": GradNorm,
    "pcgrad": PcGrad,
    "famo": Famo,
    "mgda": Mgda,
    "cagrad": CaGrad,
    "nash_mtl": NashMtl,
    "imtl_g": ImtlG,
    "aligned_mtl": AlignedMtl,
    "rlw": Rlw,
    "upgrad": UpGrad,
}

__all__ = ["WEIGHTINGS", "State", "Weighting", "WeightingOption"]
