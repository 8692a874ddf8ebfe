"""Which fusion is best, and with which knobs?

    ser search fusion --trials 40
Each fusion has its own ranges, which vary only when that fusion is chosen.
"""

from search_spaces.space import Choice, Int, OneOf, Range, Space
from ser_core.fusion import FUSIONS

TOKENS = Choice((1, 4, 8, 16, 30, 64))
REFINE = Int(0, 2)
NESTED: dict[str, dict[str, Range]] = {
    "self_attention": {"refine": Int(1, 2)},
    "cross_attention": {"refine": REFINE, "residual": Choice(("true", "false")), "pool": Choice(("concat", "mean"))},
    "bridge": {
        "tokens": TOKENS,
        "refine": REFINE,
        "kv_mode": Choice(("split", "same", "concat")),
        "residual": Choice(("true", "false")),
        "norm": Choice(("true", "false")),
        "feedforward": Choice((0, 4)),
        "skip": Choice(("true", "false")),
    },
    "mbt": {"tokens": TOKENS, "refine": REFINE, "layers": Int(2, 4)},
    "perceiver": {"tokens": TOKENS, "reads": Int(1, 2), "layers": Int(0, 2)},
    "coattn_xattn": {"helpers": Int(1, 4), "reverse": Choice(("true", "false"))},
    "coattn_weight": {"helpers": Int(1, 4)},
}
"""Ranges of each fusion's knobs. A fusion without an entry has no knobs to vary."""

SPACE = Space(
    name="fusion",
    question="Which fusion (bridge and co-attention: reconstructions where their papers are silent), with which knobs?",
    ranges={"model.fusion": OneOf({name: NESTED.get(name, {}) for name in FUSIONS})},
)
