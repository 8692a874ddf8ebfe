"""Which helper tasks, and how much of each beside emotion?

    ser search tasks --trials 40
Every task that corpus and channels offer is off or has a weight on a log scale; emotion stays as configured. `weights`
deals shares of 1 instead and has no task off. The published systems settle on .1 for each helper.
"""

from search_spaces.space import Float, OffOr, Space
from ser_core.tasks import TASKS

WEIGHT = OffOr(Float(0.001, 1, log=True))

SPACE = Space(
    name="tasks",
    question="Which helper tasks serve emotion recognition, at which weight?",
    ranges={f"tasks.{name}.weight": WEIGHT for name in TASKS if name != "emotion"},
)
