"""A variant changes what is trained, and nothing but what it names."""

import dataclasses

import pytest

from ablations.check_variants import changed_leaves, check_variants
from ser_core.config.compose import compose
from ser_core.errors import SettingError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return compose(["corpus.speakers=4", "corpus.sentences=6"]).corpus.read(tmp_path_factory.mktemp("corpus"))


def checked(corpus, *variants):
    """Checks variants as `ser ablate` does: named overrides and settled configurations, the first is the baseline."""
    named = {" ".join(overrides) or "as it is": overrides for overrides in variants}
    settled = {}
    for name, overrides in named.items():
        config = compose(overrides)
        settled[name] = dataclasses.replace(config, tasks=config.tasks.settled(corpus, config.model.channels))
    check_variants("s", named, settled)


def test_one_change_each_is_fine(corpus):
    checked(corpus, (), ("model.fusion=bridge", "model.fusion.tokens=4"), ("optim.batch=16",), ("folds=kfold", "folds.count=2"))


def test_a_task_that_the_corpus_lacks_changes_nothing(corpus):
    bare = dataclasses.replace(corpus, dimensions=())
    with pytest.raises(SettingError) as refused:
        checked(bare, ("tasks.dimensions.weight=0",), ("tasks.dimensions.weight=0.3",))
    assert (
        "tasks.dimensions.weight=0.3 (tasks.dimensions.weight=0.3) trains exactly what tasks.dimensions.weight=0 trains"
        in str(refused.value)
    )
    with pytest.raises(SettingError, match=r"optim\.batch=32 .* trains exactly what as it is trains"):
        checked(corpus, (), ("optim.batch=16",), ("optim.batch=32",))


def test_another_place_on_disk_is_no_change_of_what_is_trained(corpus):
    with pytest.raises(SettingError, match="trains exactly what"):
        checked(corpus, (), ("run.threads=2",))


def test_a_task_that_falls_away_with_its_channel_is_more_than_was_named(corpus):
    base = "tasks.transcript.weight=0.1"
    named = {"both": (), "text only": ("model.speech=none",)}
    settled = {}
    for name, overrides in named.items():
        config = compose([base, *overrides])
        settled[name] = dataclasses.replace(config, tasks=config.tasks.settled(corpus, config.model.channels))
    with pytest.raises(SettingError) as refused:
        check_variants("s", named, settled)
    assert (
        "text only (model.speech=none) changes settings that it does not name: tasks.transcript.weight from 0.1 to 0.0 "
        "(against both)" in str(refused.value)
    )
    assert "Set tasks.transcript.weight to the same value for both" in str(refused.value)


def test_changed_names_both_values_and_leaves_out_seed_and_place():
    ours, theirs = compose(["model.fusion=bridge", "seed=3", "run.threads=2"]), compose()
    found = changed_leaves(ours, theirs)
    assert found["model.fusion.name"] == ("bridge", "concat")
    assert found["model.fusion.tokens"][1] == "absent"
    assert not {"seed", "run.threads"} & set(found)


def test_knobs_of_a_task_that_nobody_trains_are_no_change(corpus):
    """Who is compared by self_contrast follows the tasks; at weight 0 nobody is."""
    off, on = compose(["tasks.emotion.weight=0"]), compose()
    ours, theirs = (dataclasses.replace(one, tasks=one.tasks.settled(corpus)) for one in (off, on))
    assert ours.tasks.self_contrast != theirs.tasks.self_contrast
    assert changed_leaves(ours, theirs) == {"tasks.emotion.weight": (0.0, 1.0)}
