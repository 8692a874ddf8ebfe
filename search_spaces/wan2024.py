"""Which interpretation of Wan et al. 2024, whose equations and numbers are not known, works best?

    ser search wan2024 --trials 60 model.speech=FOLDER
Varies both forms of co-attention, all interpretations of integration (if model.speech is a checkpoint), whether emotion is in
stage 1, what stage 2 trains and at which rate, and the weights of the helper tasks.
"""

from search_spaces.space import Choice, Float, Int, OneOf, Range, Space

HELPERS: dict[str, Range] = {"helpers": Int(1, 4)}
WEIGHT = Choice((1, 0.1, 0.01))

SPACE = Space(
    name="wan2024",
    question="Which interpretation of Wan et al. 2024 (all are reconstructions) is best?",
    fixed=("system=wan2024",),
    ranges={
        "model.fusion": OneOf(
            {"coattn_xattn": {**HELPERS, "reverse": Choice(("false", "true"))}, "coattn_weight": HELPERS, "concat": {}}
        ),
        "model.speech.integration": Choice(("none", "ari_re2", "ari_gate", "ari_head")),
        "stages.first.weights.emotion": Choice((0, 0.1, 0.9)),
        "stages.second.trains": Choice(("[heads,fusion]", "[heads,fusion,adapters]", "[heads,fusion,adapters,encoder]")),
        "stages.second.encoder_rate": Float(0.01, 1, log=True),
        **{f"tasks.{task}.weight": WEIGHT for task in ("transcript", "gender", "style")},
    },
)
