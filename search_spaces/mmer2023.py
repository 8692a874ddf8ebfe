"""Searches what MMER's paper and code leave open or disagree on: the weights and forms of its helper losses.

    ser search mmer2023 --trials 60 model.speech=FOLDER model.text=FOLDER
Weights come from the paper's grid {1, .1, .01, .001}, with one weight per loss; the code has one weight for all. `paper_code` is
the form in the released code and `standard` the textbook form. A memory of earlier batches makes small batches sufficient.
"""

from search_spaces.space import Choice, Space

WEIGHT = Choice((1, 0.1, 0.01, 0.001))
VARIANT = Choice(("paper_code", "standard"))
MEMORY = Choice((0, 64, 256))

SPACE = Space(
    name="mmer2023",
    question="Which weights and forms of MMER's helper losses are best?",
    fixed=("system=mmer2023",),
    ranges={
        **{f"tasks.{task}.weight": WEIGHT for task in ("transcript", "contrast", "augmented_contrast")},
        **{f"tasks.{task}.variant": VARIANT for task in ("transcript", "contrast", "augmented_contrast")},
        **{f"tasks.{task}.memory": MEMORY for task in ("contrast", "augmented_contrast")},
        "optim.learning_rate": Choice(("1e-5", "5e-5")),
    },
)
