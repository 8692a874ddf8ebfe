"""Which fusion is best, and with which settings?

    ser search fusion --trials 40
Each fusion names the settings that are searched (`FusionOption.searched`); they vary only when that fusion is chosen.
"""

from typing import Any

from search_spaces.space import Choice, Int, OneOf, Range, Space
from ser_core.fusion import FUSIONS


def range_of(values: tuple[Any, ...]) -> Range:
    """Returns consecutive integers as a range of numbers, on which a sampler knows what is near; all else as a choice."""
    numbers = all(type(value) is int for value in values)
    if numbers and values == tuple(range(values[0], values[-1] + 1)):
        return Int(values[0], values[-1])
    return Choice(tuple(str(value).lower() if isinstance(value, bool) else value for value in values))


SPACE = Space(
    name="fusion",
    question="Which fusion (bridge and co-attention: reconstructions where their papers are silent), with which settings?",
    ranges={
        "model.fusion": OneOf(
            {name: {key: range_of(values) for key, values in option.searched.items()} for name, option in FUSIONS.items()}
        )
    },
)
