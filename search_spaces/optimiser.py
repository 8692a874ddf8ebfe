"""Which learning rate, weight decay and dropout suit a model best?

    ser search optimiser --trials 12
`ser ablate --mode retuned` searches this space for each variant, so that no variant loses because settings suit another.
"""

from search_spaces.space import Float, Space

SPACE = Space(
    name="optimiser",
    question="Which learning rate, weight decay and dropout suit this model?",
    ranges={
        "optim.learning_rate": Float(2e-4, 5e-3, log=True),
        "optim.weight_decay": Float(0.001, 0.2, log=True),
        "model.dropout": Float(0, 0.6),
    },
)
