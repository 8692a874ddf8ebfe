"""A variant changes what is trained, and nothing but what it names."""

import dataclasses

import pytest

from ablations.changes import changed, check_changes
from ablations.studies import STUDIES
from ablations.study import configurations
from ser_core.compose import compose
from ser_core.errors import SettingError
from tests.ser_core.encoders.checkpoints import speech_checkpoint


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
    check_changes("s", named, settled)


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


def test_a_task_that_is_named_takes_its_weights_in_stages_along(corpus):
    base = ("stages=two", "tasks.gender.weight=0.1", "stages.second.weights.gender=0")
    settled = {name: compose(list(overrides)).settled(corpus) for name, overrides in {"with": base, "without": base[:1]}.items()}
    check_changes("s", {"with": (), "without": ("tasks.gender.weight=0",)}, settled)
    with pytest.raises(SettingError, match=r"changes more than it names: tasks\.gender\.weight from 0\.1 to 0\.0"):
        check_changes("s", {"with": (), "without": ("stages.second.weights.gender=0.5",)}, settled)


def test_a_task_that_falls_away_with_its_channel_is_more_than_was_named(corpus):
    base = "tasks.transcript.weight=0.1"
    named = {"both": (), "text only": ("model.speech=none",)}
    settled = {}
    for name, overrides in named.items():
        config = compose([base, *overrides])
        settled[name] = dataclasses.replace(config, tasks=config.tasks.settled(corpus, config.model.channels))
    with pytest.raises(SettingError) as refused:
        check_changes("s", named, settled)
    assert (
        "text only (model.speech=none) changes more than it names: tasks.transcript.weight from 0.1 to 0.0 (against both)"
        in str(refused.value)
    )
    assert "Set tasks.transcript.weight alike for both" in str(refused.value)


@pytest.mark.parametrize("name", STUDIES)
def test_every_shipped_study_passes(corpus, name, tmp_path):
    trained = name in ("layers", "stages", "wan2024_ablation")
    base = [f"model.speech={speech_checkpoint(tmp_path / 'hubert', 'hubert')}", "model.speech.tune=1"] if trained else []
    variants = STUDIES[name].variants(compose(STUDIES[name].beneath(base)), corpus)
    made = configurations(name, base, variants)
    settled = {variant: each.settled(corpus, each.model.channels) for variant, (_, each) in made.items()}
    check_changes(name, {variant.name: variant.overrides for variant in variants}, settled)


def test_changed_names_both_values_and_leaves_out_seed_and_place():
    ours, theirs = compose(["model.fusion=bridge", "seed=3", "run.threads=2"]), compose()
    found = changed(ours, theirs)
    assert found["model.fusion.name"] == ("bridge", "concat")
    assert found["model.fusion.tokens"][1] == "absent"
    assert not {"seed", "run.threads"} & set(found)
