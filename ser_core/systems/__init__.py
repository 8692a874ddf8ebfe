"""One file per published system. SYSTEMS is the only list; `system=NAME` chooses from it."""

from ser_core.systems import cai2021, gao2024, ispas2023, medusa2025, mmer2023, sailer2025, wan2024
from ser_core.systems.system import DIFFERS, KNOWN, RECONSTRUCTION, ROWS, STATUSES, Figure, Part, System

SYSTEMS: dict[str, System] = {
    "ispas2023": ispas2023.SYSTEM,
    "mmer2023": mmer2023.SYSTEM,
    "wan2024": wan2024.SYSTEM,
    "gao2024": gao2024.SYSTEM,
    "cai2021": cai2021.SYSTEM,
    "sailer2025": sailer2025.SYSTEM,
    "medusa2025": medusa2025.SYSTEM,
}

__all__ = ["DIFFERS", "KNOWN", "RECONSTRUCTION", "ROWS", "STATUSES", "SYSTEMS", "Figure", "Part", "System"]
