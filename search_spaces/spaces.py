"""Every space that `ser search` knows; adding one touches its file and this table."""

from search_spaces import bridge_tokens, fusion, weights
from search_spaces.space import Space

SPACES: dict[str, Space] = {space.name: space for space in (weights.SPACE, bridge_tokens.SPACE, fusion.SPACE)}
