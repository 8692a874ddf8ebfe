"""How much should each task count?

ser search weights --trials 20
"""

from search_spaces.space import Simplex, Space
from ser_core.tasks import TASKS

SPACE = Space(
    name="weights",
    question="Which weights of the tasks serve emotion recognition best?",
    ranges={"tasks": Simplex(TASKS)},
)
