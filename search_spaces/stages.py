"""How many stages of training, what does each train, at which rate?

    ser search stages --trials 40 model.speech=FOLDER model.speech.tune=2
One stage, or two whose first trains all or leaves the encoder frozen. Gao et al. 2024: all, then adapters, is best.
"""

from search_spaces.space import Choice, Float, Int, OneOf, Space

FIRST = Choice(("[heads,fusion,adapters,encoder]", "[heads,fusion,adapters]", "[heads,fusion]"))
SECOND = Choice(("[heads,fusion,adapters,encoder]", "[heads,fusion,adapters]", "[heads,fusion]", "[heads]"))
RATE = Float(0.01, 1, log=True)

SPACE = Space(
    name="stages",
    question="How many stages of training, and what should each train?",
    ranges={
        "stages": OneOf(
            {
                "one": {"first.encoder_rate": RATE},
                "two": {
                    "first.trains": FIRST,
                    "first.epochs": Int(2, 20),
                    "second.trains": SECOND,
                    "second.epochs": Int(2, 20),
                    "second.encoder_rate": RATE,
                    "second.fusion_rate": RATE,
                },
            }
        )
    },
)
