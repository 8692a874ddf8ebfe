"""How much should each task count?

ser search weights --trials 20
Every task that corpus and channels support gets a share of 1; the others get none.
"""

from search_spaces.space import Simplex, Space
from ser_core.tasks import TASKS

SPACE = Space(
    name="weights",
    question="Which task weights are best for emotion recognition?",
    ranges={"tasks": Simplex(tuple(TASKS))},
)
