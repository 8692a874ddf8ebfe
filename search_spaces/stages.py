"""How many training stages are best, what should each train, and at which rate?

    ser search stages --trials 40 model.speech=FOLDER model.speech.tune=2
One to three stages, each of which trains anything from the heads only to the full model. If no encoder layer is trained, only
heads and fusion vary. In Gao et al. 2024, all, then adapters, is best.
"""

from search_spaces.space import Float, Int, Space
from search_spaces.staged import Stages

RATE = Float(0.01, 1, log=True)

SPACE = Space(
    name="stages",
    question="How many stages of training, and what should each train?",
    ranges={
        "stages": Stages(
            parts=(
                ("heads", "fusion", "adapters", "encoder"),
                ("heads", "fusion", "adapters"),
                ("heads", "fusion"),
                ("heads",),
            ),
            epochs=Int(2, 20),
            rates={"fusion_rate": RATE, "encoder_rate": RATE},
            most=3,
        )
    },
)
