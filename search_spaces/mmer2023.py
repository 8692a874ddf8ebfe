"""What MMER's paper and code disagree on or leave open: the weights of its helper losses, and which form each has.

    ser search mmer2023 --trials 60 model.speech=FOLDER model.text=FOLDER
Weights are the paper's grid {1, .1, .01, .001}, one for each loss where the code has one for all; paper_code is what the
released code computes, standard the textbook; a memory of earlier batches makes small batches do.
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
