"""The table of spaces for `ser search`. To add one, write its file and add it here."""

from search_spaces import (
    bridge_tokens,
    fusion,
    ispas2023,
    mmer2023,
    optimiser,
    stages,
    tasks,
    wan2024,
    weights,
    weights_and_fusion,
)
from search_spaces.space import Space

SPACES: dict[str, Space] = {
    "weights": weights.SPACE,
    "tasks": tasks.SPACE,
    "bridge_tokens": bridge_tokens.SPACE,
    "fusion": fusion.SPACE,
    "weights_and_fusion": weights_and_fusion.SPACE,
    "stages": stages.SPACE,
    "optimiser": optimiser.SPACE,
    "ispas2023": ispas2023.SPACE,
    "mmer2023": mmer2023.SPACE,
    "wan2024": wan2024.SPACE,
}
