"""Which metrics have verdicts, and what is refused before anything is trained."""

import pytest

from ablations.verdict_metrics import check_metric, check_trained, verdict_metrics
from ser_core.errors import SettingError


def test_every_trained_dimension_has_a_verdict_by_default(spoken, scored):
    outcomes = spoken({"base": 0.5, "more": 0.6})
    assert verdict_metrics((), "uar", outcomes) == ("uar", "ccc.valence")
    assert verdict_metrics(("mae.valence", "mae.valence"), "uar", outcomes) == ("mae.valence",)
    assert verdict_metrics((), "uar", scored({"base": [0.5, 0.6]}, "ccc.valence")) == ("ccc.valence",)


def test_a_metric_that_no_task_has_or_trains_is_refused():
    for metric in ("uar", "ccc.valence", "mean_ccc", "gender.uar", "vote_kl"):
        check_metric(metric)
    with pytest.raises(SettingError, match=r"--metric uarr: no such metric"):
        check_metric("uarr")
    check_trained(["ccc.valence", "mean_ccc", "uar"], {"emotion": 1, "dimensions": 1}, ["valence"])
    with pytest.raises(SettingError, match=r"the corpus does not rate arousal; it rates valence"):
        check_trained(["ccc.arousal"], {"emotion": 1, "dimensions": 1}, ["valence"])
    with pytest.raises(SettingError, match=r"the baseline does not train gender; set tasks.gender.weight above 0"):
        check_trained(["gender.uar"], {"emotion": 1}, [])
