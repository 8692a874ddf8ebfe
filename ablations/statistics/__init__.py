"""The table of additional methods for the differences behind the verdict. To add one, write its file and add it here."""

from ablations.statistics import bayes, effect, mcnemar, signed_rank
from ablations.statistics.method import Method

METHODS: dict[str, Method] = {
    "effect": effect.METHOD,
    "bayes": bayes.METHOD,
    "signed_rank": signed_rank.METHOD,
    "mcnemar": mcnemar.METHOD,
}
