"""Methods that look at the same differences as the verdict does; adding one touches its file and this table."""

from ablations.statistics import bayes, effect, mcnemar, signed_rank
from ablations.statistics.method import Method

METHODS: dict[str, Method] = {
    "effect": effect.METHOD,
    "bayes": bayes.METHOD,
    "signed_rank": signed_rank.METHOD,
    "mcnemar": mcnemar.METHOD,
}
