"""One file per fusion. FUSIONS is the only list; `model/fusion=NAME` chooses from it."""

from ser_core.fusion.bridge import Bridge
from ser_core.fusion.coattn_weight import CoattnWeight
from ser_core.fusion.coattn_xattn import CoattnXattn
from ser_core.fusion.concat import Concat
from ser_core.fusion.cross_attention import CrossAttention
from ser_core.fusion.deepser import DeepSer
from ser_core.fusion.fusion import Fusion, FusionOption
from ser_core.fusion.gmu import Gmu
from ser_core.fusion.late import Late
from ser_core.fusion.lmf import Lmf
from ser_core.fusion.mbt import Mbt
from ser_core.fusion.mmer import Mmer
from ser_core.fusion.mult import Mult
from ser_core.fusion.perceiver import Perceiver
from ser_core.fusion.qformer import QFormer
from ser_core.fusion.self_attention import SelfAttention
from ser_core.fusion.temporal_gate import TemporalGate

FUSIONS: dict[str, type[FusionOption]] = {
    "concat": Concat,
    "self_attention": SelfAttention,
    "cross_attention": CrossAttention,
    "bridge": Bridge,
    "mbt": Mbt,
    "perceiver": Perceiver,
    "mmer": Mmer,
    "coattn_xattn": CoattnXattn,
    "coattn_weight": CoattnWeight,
    "deepser": DeepSer,
    "gmu": Gmu,
    "temporal_gate": TemporalGate,
    "mult": Mult,
    "lmf": Lmf,
    "qformer": QFormer,
    "late": Late,
}

__all__ = ["FUSIONS", "Fusion", "FusionOption"]
