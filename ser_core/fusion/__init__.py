"""One file per fusion. FUSIONS is the only list; `model/fusion=NAME` chooses from it."""

from ser_core.fusion.bridge import Bridge
from ser_core.fusion.concat import Concat
from ser_core.fusion.cross_attention import CrossAttention
from ser_core.fusion.fusion import Fusion, FusionOption

FUSIONS: dict[str, type[FusionOption]] = {"concat": Concat, "cross_attention": CrossAttention, "bridge": Bridge}

__all__ = ["FUSIONS", "Fusion", "FusionOption"]
