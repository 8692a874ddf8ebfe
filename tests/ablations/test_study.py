"""What a variant makes of the user's overrides, and that every shipped study compares different things."""

import dataclasses
import itertools
import types

import pytest

from ablations.check_variants import check_variants
from ablations.pairing import pair
from ablations.report.tables import study_table
from ablations.studies import STUDIES
from ablations.study import combine, configurations
from ablations.variant import Variant
from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.errors import SettingError
from ser_core.systems import SYSTEMS
from ser_core.weighting import WEIGHTINGS
from tests.ser_core.encoders.checkpoints import speech_checkpoint

OF_SYSTEMS = ("ispas2023_table2", "mmer2023_ablation", "wan2024_ablation", "sailer2025_ablation", "medusa2025_ablation")
OWN_BASELINE = ("bridge_tokens", "cross_regularisation", "layers", *OF_SYSTEMS)
"""Studies that begin elsewhere than with the user's configuration: where their paper does, with one task or state alone."""

NEEDING_LAYERS = ("layers", "stages", "wan2024_ablation")
"""Studies that compare more, or anything, where layers of a checkpoint are trained."""


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """The demo corpus, and the same without dimensions."""
    demo = compose(["corpus.speakers=4", "corpus.sentences=6"]).corpus.read(tmp_path_factory.mktemp("corpus"))
    return {"demo": demo, "without dimensions": dataclasses.replace(demo, dimensions=())}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random checkpoint."""
    return speech_checkpoint(tmp_path_factory.mktemp("checkpoint"), "hubert")


@pytest.mark.parametrize("corpus", ["demo", "without dimensions"])
@pytest.mark.parametrize("name", STUDIES)
def test_the_variants_of_every_study_compose_and_differ(corpora, tiny, name, corpus):
    study, corpus, base = STUDIES[name], corpora[corpus], ["tasks.gender.weight=0.1"]
    base += [f"model.speech={tiny}", "model.speech.tune=1"] if name in NEEDING_LAYERS else []
    config = compose(study.beneath(base)).settled(corpus)
    made = configurations(name, base, study.variants(config, corpus))
    assert len(made) >= 2
    settled = [each.settled(corpus) for _, each in made.values()]
    assert len({(fingerprint(each), str(each.corpus)) for each in settled}) == len(settled)
    named = {variant.name: variant.overrides for variant in study.variants(config, corpus)}
    check_variants(name, named, dict(zip(made, settled, strict=True)))
    assert study.question.endswith("?")


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in OWN_BASELINE])
def test_the_baseline_comes_first(corpora, name):
    config = compose()
    first = STUDIES[name].variants(config, corpora["demo"])[0]
    assert fingerprint(compose(combine([], first))) == fingerprint(config)


@pytest.mark.parametrize(
    ("corpus", "views"), [("demo", ["emotion", "dimensions", "gender"]), ("without dimensions", ["emotion", "gender"])]
)
def test_cross_regularisation_trains_each_task_alone_every_pair_and_all(corpora, corpus, views):
    study, config = STUDIES["cross_regularisation"], compose(["tasks.emotion.weight=0.7"])
    made = configurations(study.name, ["tasks.emotion.weight=0.7"], study.variants(config, corpora[corpus]))
    expected = [chosen for count in range(1, len(views) + 1) for chosen in itertools.combinations(views, count)]
    assert [tuple(each.tasks.active()) for _, each in made.values()] == expected
    assert list(made) == [" + ".join(chosen) for chosen in expected]
    assert all(each.weighting.monitor for _, each in made.values())
    assert {each.tasks.emotion.weight for _, each in made.values()} == {0.7, 0.0}


@pytest.mark.parametrize("base", [[], ["model.speech=checkpoint"]])
def test_layers_are_compared_where_some_are_trained(corpora, base):
    with pytest.raises(SettingError, match=r"has none: add model\.speech=CHECKPOINT .* and model\.speech\.tune=2"):
        STUDIES["layers"].variants(compose(base), corpora["demo"])


def test_what_lies_within_a_choice_goes_with_it(tiny):
    inside = ["model.speech.adapter=lora", "model.speech.adapter.rank=3"]
    base = [f"model.speech={tiny}", "model.speech.tune=1", *inside]
    assert combine(base, Variant("v", ("model.speech=none",))) == ["model/speech=none"]
    kept = combine(base, Variant("v", ("model.speech.adapter=bottleneck",)))
    assert "model.speech.adapter.rank=3" not in kept and "model.speech.tune=1" in kept
    assert compose(combine(base, Variant("v", ("model.speech.layers=last",)))).model.speech.adapter.rank == 3


def test_weightings_of_a_single_task_are_nothing_to_compare(corpora):
    config = compose(["tasks.dimensions.weight=0", "tasks.gender.weight=0"])
    assert not STUDIES["weighting"].variants(config, corpora["demo"])


def test_the_weighting_study_compares_them_all_and_says_what_each_costs(corpora):
    variants = STUDIES["weighting"].variants(compose([]), corpora["demo"])
    assert [each.name for each in variants] == list(WEIGHTINGS)
    record = types.SimpleNamespace(seconds=6.0, epochs=[{}, {}, {}])
    pairs = {name: {(0, 1): types.SimpleNamespace(record=record)} for name in (*WEIGHTINGS, "mine")}
    (section,) = STUDIES["weighting"].sections(types.SimpleNamespace(pairs=pairs))
    assert section.rows[1] == ("uncertainty", f"{WEIGHTINGS['uncertainty'].cost:.1f}", "2.00")
    assert section.rows[-1] == ("mine", "—", "2.00")


def test_a_variant_replaces_what_the_base_says():
    assert combine(["optim.epochs=3", "model.width=16"], Variant("v", ("optim.epochs=5",))) == [
        "model.width=16",
        "optim.epochs=5",
    ]


def test_a_choice_of_the_variant_replaces_that_of_the_base_in_either_spelling():
    for spelling in ("model.fusion=bridge", "model/fusion=bridge"):
        assert combine([spelling], Variant("v", ("model.fusion=concat",))) == ["model/fusion=concat"]


def test_knobs_of_an_option_that_the_variant_does_not_choose_are_left_out():
    base = ["model.fusion.tokens=4", "model.width=16"]
    assert combine(base, Variant("v", ("model.fusion=concat",))) == ["model.width=16", "model/fusion=concat"]
    assert combine(base, Variant("v", ("model.fusion=bridge",))) == [*base, "model/fusion=bridge"]


def test_a_replaced_choice_takes_its_knobs_with_it():
    base = ["stages=two", "stages.first.epochs=5", "model.fusion=mmer", "model.fusion.feedforward=2", "folds.dev=session"]
    kept = ["model/fusion=mmer", "model.fusion.feedforward=2", "folds/dev=session"]
    assert combine(base, Variant("v", ("stages=one",))) == [*kept, "stages=one"]
    bridge = Variant("v", ("model.fusion=bridge", "folds=loso"))
    expected = ["stages=two", "stages.first.epochs=5", "folds/dev=session", "model/fusion=bridge", "folds=loso"]
    assert combine(base, bridge) == expected


def test_a_task_that_is_left_out_has_no_weight_in_any_stage():
    base = ["tasks.gender.weight=0.1", "stages.first.weights.gender=0.5", "stages.first.weights.emotion=0.9"]
    without = combine(base, Variant("v", ("tasks.gender.weight=0.0",)))
    assert without == ["stages.first.weights.emotion=0.9", "tasks.gender.weight=0.0"]
    assert base[1] in combine(base, Variant("v", ("tasks.gender.weight=0.2",)))


def test_fusions_are_compared_with_as_many_heads_as_the_base_has(corpora):
    config = compose(["system=ispas2023", "model.fusion.heads=2"])
    made = configurations("fusion", ["system=ispas2023"], STUDIES["fusion"].variants(config, corpora["demo"]))
    assert {getattr(each.model.fusion, "heads", 2) for _, each in made.values()} == {2}


def test_a_study_of_a_system_takes_the_users_knobs_of_it(corpora):
    base = ["model.fusion.heads=2", "tasks.transcript.weight=0"]
    study = STUDIES["mmer2023_ablation"]
    made = configurations(study.name, base, study.variants(compose(study.beneath(base)), corpora["demo"]))
    assert list(made) == ["full", "without SCL", "without ACL"]
    assert {config.model.fusion for _, config in made.values()} == {compose(["system=mmer2023", *base]).model.fusion}


def test_a_variant_and_a_system_beneath_it(corpora):
    base = ["system=wan2024", "model.width=16"]
    assert combine(base, Variant("v", ("stages=one",))) == [*base, "stages=one"]
    assert compose(combine(base, Variant("v", ("stages=one",)))).stages == compose().stages
    swapped = compose(combine(base, Variant("v", ("system=cai2021",))))
    assert swapped == compose(["system=cai2021", "model.width=16"])


def test_a_variant_keeps_a_base_that_it_does_not_touch():
    assert combine(["corpus.speakers=4"], Variant("v")) == ["corpus.speakers=4"]


def test_a_base_override_that_no_variant_uses_is_refused():
    variants = [Variant("a", ("optim.epochs=1",)), Variant("b", ("optim.epochs=2",))]
    with pytest.raises(SettingError, match=r"optim\.epochs=3: study s sets optim\.epochs itself in every variant"):
        configurations("s", ["optim.epochs=3"], variants)
    variants = [Variant(name, (f"model.fusion={name}",)) for name in ("concat", "cross_attention")]
    with pytest.raises(SettingError, match=r"model\.fusion\.tokens=4"):
        configurations("s", ["model.fusion.tokens=4"], variants)


def test_a_base_override_that_some_variant_uses_is_kept_there():
    made = configurations("s", ["optim.epochs=3"], [Variant("a"), Variant("b", ("optim.epochs=2",))])
    assert [config.optim.epochs for _, config in made.values()] == [3, 2]


def test_identical_variants_are_refused():
    with pytest.raises(SettingError, match="variants a and b resolve to the same configuration"):
        configurations("s", [], [Variant("a"), Variant("b", ("optim.epochs=20",))])


def test_table_2_has_the_papers_rows_in_its_order_and_figures_for_the_rows_that_the_paper_has(corpora):
    names = [variant.name for variant in STUDIES["ispas2023_table2"].variants(compose(), corpora["demo"])]
    assert names[0] == "concat, multi-task"
    figures = SYSTEMS["ispas2023"].published
    published = list(dict.fromkeys(figure.conditions for figure in figures if "RoBERTa" not in figure.conditions))
    assert [name for name in names if name in published] == published
    assert set(names) - set(published) == {"bridge + masking, categorical", "bridge + masking, dimensional"}


def test_what_a_study_notes_stands_below_its_table(one_outcome):
    outcomes = [one_outcome(name, 0, fold, {"uar": 0.5}) for name in ("a", "b") for fold in (1, 2)]
    assert study_table(pair(outcomes), "t", "q?", notes=("Published, a: UAR 70.",)).notes[-1] == "Published, a: UAR 70."
