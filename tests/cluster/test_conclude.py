"""Which metric the verdicts are about when the study's own is not there."""

import pytest

from ablations.verdict_metrics import primary_metric
from tests.ablations.conftest import outcome

MEASURED = {
    "the study's own": ({"ccc.arousal": 0.5, "uar": 0.6}, "uar", "uar"),
    "a metric beyond the columns": ({"uar": 0.6, "gender.uar": 0.6}, "gender.uar", "gender.uar"),
    "dimensions alone": ({"ccc.arousal": 0.5, "ccc.valence": 0.4, "mae.arousal": 0.1}, "uar", "ccc.valence"),
    "a dimension without a place in the order": ({"mae.tension": 0.1, "ccc.tension": 0.4, "ece": 0.1}, "uar", "ccc.tension"),
    "a helper task alone": ({"gender.macro_f1": 0.8, "gender.recall.female": 1, "gender.uar": 0.9}, "uar", "gender.uar"),
    "nothing that is known": ({"zeta": 0.1}, "uar", "zeta"),
}


@pytest.mark.parametrize("case", MEASURED)
def test_the_next_best_metric_in_the_order_of_the_columns(case):
    metrics, wanted, expected = MEASURED[case]
    baseline, other = outcome("base", 0, 1, metrics), outcome("other", 0, 1, {"uar": 0.5, "ccc.valence": 0.5})
    assert primary_metric(wanted, [baseline, other]) == expected
