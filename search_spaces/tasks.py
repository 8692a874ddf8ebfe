"""Which helper tasks should train next to emotion, and with which weights?

    ser search tasks --trials 40
Every task that corpus and channels support is off or has a weight on a log scale. Emotion stays as configured. The space
`weights` instead splits 1 into shares and switches no task off. Published systems use .1 for each helper.
"""

from search_spaces.space import Float, OffOr, Space
from ser_core.tasks import TASKS

WEIGHT = OffOr(Float(0.001, 1, log=True))

SPACE = Space(
    name="tasks",
    question="Which helper tasks improve emotion recognition, and at which weights?",
    ranges={f"tasks.{name}.weight": WEIGHT for name in TASKS if name != "emotion"},
)
