"""Searches what Ispas et al. 2023 leave open: tokens, their inputs, padding, masking, regressors, task weights.

    ser search ispas2023 --trials 60 model.speech=FOLDER model.text=FOLDER
The paper uses 30 tokens without a sweep, tries weights of .33/.33/.33 and .5/.25/.25, and suggests separate regressors.
"""

from search_spaces.space import Choice, Int, Simplex, Space

SPACE = Space(
    name="ispas2023",
    question="Which settings are best where Ispas et al. 2023 leave them open (bridge, padding, masking, weights)?",
    fixed=("system=ispas2023",),
    ranges={
        "model.fusion.tokens": Choice((1, 4, 8, 16, 30, 64)),
        "model.fusion.refine": Int(0, 2),
        "model.fusion.kv_mode": Choice(("split", "same", "concat")),
        "model.fusion.mask_padding": Choice(("false", "true")),
        "model.fusion.residual": Choice(("false", "true")),
        "model.masking": Choice(("none", "epoch")),
        "tasks": Simplex(("emotion", "dimensions")),
        "tasks.dimensions.shared": Choice(("true", "false")),
        "optim.learning_rate": Choice(("1e-5", "3e-5", "5e-5")),
    },
)
