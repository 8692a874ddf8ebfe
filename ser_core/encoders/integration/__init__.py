"""One file per method of integrating the states of trained layers. INTEGRATIONS is the only list."""

from ser_core.encoders.integration.ari_gate import AriGate
from ser_core.encoders.integration.ari_head import AriHead
from ser_core.encoders.integration.ari_re2 import AriRe2
from ser_core.encoders.integration.integration import Integration, IntegrationOption

INTEGRATIONS: dict[str, type[IntegrationOption]] = {
    "none": IntegrationOption,
    "ari_re2": AriRe2,
    "ari_gate": AriGate,
    "ari_head": AriHead,
}

__all__ = ["INTEGRATIONS", "Integration", "IntegrationOption"]
