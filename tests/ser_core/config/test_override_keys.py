"""Keys are checked before Hydra sees them: every leaf of the tree is known with its sentence, everything else is refused."""

import itertools

import pytest

from ser_core.config.override_keys import check_keys, chosen_options, expand, leaves, present_groups, rewrite
from ser_core.config.tree import GROUPS, Config
from ser_core.errors import SettingError, nearest
from ser_core.options import field_sentences

DEFAULTS = {key: default for key, (_, default) in GROUPS.items()}


@pytest.mark.parametrize("key", ["model.fusion", "model/fusion"])
def test_both_spellings_of_a_choice_are_hydras(key: str) -> None:
    assert rewrite(f"{key}=bridge", GROUPS) == "model/fusion=bridge"
    assert rewrite("optim/epochs=3", GROUPS) == "optim.epochs=3"


def test_a_place_chooses_the_checkpoint_there() -> None:
    assert expand(["model.text=../minilm"], GROUPS) == ["model/text=checkpoint", "model.text.path=../minilm"]
    assert expand(["model.text=none"], GROUPS) == ["model/text=none"]


def test_the_last_choice_counts() -> None:
    assert chosen_options(["corpus=emodb", "corpus=table"], GROUPS)["corpus"] == "table"
    assert chosen_options([], GROUPS) == DEFAULTS


def test_every_choice_has_leaves_with_sentences() -> None:
    for group, (table, default) in GROUPS.items():
        assert default in table
        for name in table:
            found = dict(leaves(Config, GROUPS, {**DEFAULTS, group: name}))
            assert all(found.values()), [key for key, sentence in found.items() if not sentence]
            assert f"{group}.name" not in found
            assert "optim.epochs" in found


def test_every_leaf_is_accepted() -> None:
    for name in GROUPS["model.fusion"][0]:
        keys = dict(leaves(Config, GROUPS, {**DEFAULTS, "model.fusion": name}))
        check_keys(Config, GROUPS, [f"model/fusion={name}", *(f"{key}=1" for key in keys)])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optim.epoch=3"], "unknown key optim.epoch; the nearest is optim.epochs"),
        (["model.fusion.tokens=4"], "it belongs to bridge, mbt, perceiver, qformer: add model.fusion=bridge or remove"),
        (["model.fusion.heads=4"], "it belongs to self_attention, cross_attention, bridge"),
        (["optim.epochs=3", "optim.epochs=4"], "optim.epochs is given twice"),
        (["corpus.name=emodb"], "write corpus=NAME instead"),
        (["corpus=emobd"], r"no such option \(did you mean emodb\?\); choose from demo, emodb"),
        (["zzzzqqqq=1"], r"unknown key zzzzqqqq \(`ser options`"),
    ],
)
def test_a_wrong_key_is_refused_with_a_remedy(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        check_keys(Config, GROUPS, expand(overrides, GROUPS))


@pytest.mark.parametrize("override", ["optim.epochs", "=3", "", "   =1"])
def test_what_is_no_override_is_refused(override: str) -> None:
    with pytest.raises(SettingError, match="write key=value"):
        rewrite(override, GROUPS)


@pytest.mark.parametrize(
    "override",
    ["+optim.epochs=3", "~optim.epochs=3", "++a=1", "optim._target_=os.system", "seed=${oc.env:HOME}", "corpus@a=demo"],
)
def test_the_rest_of_hydras_grammar_is_refused(override: str) -> None:
    with pytest.raises(SettingError, match="only key=value is accepted"):
        rewrite(override, GROUPS)


def test_nearest_asks_only_about_something_near() -> None:
    assert nearest("brigde", ["bridge", "concat"]) == " (did you mean bridge?)"
    assert nearest("xyz", ["bridge", "concat"]) == ""


def test_a_group_within_a_group_is_there_if_the_chosen_option_has_it() -> None:
    nested = [pair for pair in itertools.permutations(GROUPS, 2) if pair[1].startswith(f"{pair[0]}.")]
    assert ("folds", "folds.dev") in nested and ("model.speech", "model.speech.adapter") in nested
    for outer, inner in nested:
        for name, option in GROUPS[outer][0].items():
            there = inner in present_groups(GROUPS, {**DEFAULTS, outer: name})
            assert there == (inner.removeprefix(f"{outer}.") in field_sentences(option))


def test_a_group_that_is_not_there_is_refused_with_its_owner() -> None:
    with pytest.raises(SettingError, match=r"model\.speech=logmel has no setting 'adapter'; it belongs to checkpoint: add"):
        check_keys(Config, GROUPS, expand(["model.speech.adapter=lora"], GROUPS))
    check_keys(Config, GROUPS, expand(["model.speech=a/b", "model.speech.adapter=lora", "model.speech.adapter.rank=2"], GROUPS))
