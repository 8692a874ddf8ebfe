"""The laws of each design, the effects it can estimate, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api

from ablations.designs import DESIGNS, Factorial
from ablations.designs.factor import Factor, parse_factor
from ablations.designs.fractional import constant_products, find_generators, resolution_of
from ablations.pairing import pair
from ablations.report.cells import number
from ablations.report.effects import contrasts, effects_section, estimate_contrasts
from ablations.study import configurations
from ablations.study_from_command import study_from_words
from ser_core.errors import SettingError

FUSION, BATCH, WIDTH = "model.fusion=concat,bridge", "optim.batch=16,32", "model.width=16,32"
EPOCHS, CLIP = "optim.epochs=2,3", "optim.clip=1,2"
FIVE = (FUSION, BATCH, WIDTH, EPOCHS, CLIP)
STEPS = ("model.fusion=bridge", "optim.batch=16", "model.width=16", "optim.epochs=2", "optim.clip=2")


def factorial(design, resolution=3):
    """A factorial that the design takes."""
    return Factorial(STEPS if design == "path" else FIVE, design, resolution)


@pytest.mark.parametrize("design", DESIGNS)
def test_variants_compose_differ_and_name_what_they_change(design):
    asked, rest = study_from_words("", [], factorial(design).factors, design, 3)
    made = asked.factorial.designed()
    assert rest == []
    configs = configurations("factors", [], made.variants)
    assert len(configs) == len(made.variants) == len(made.levels) == len(set(made.levels))
    assert asked.question.endswith("?")
    keys = {factor.partition("=")[0] for factor in FIVE}
    for variant in made.variants:
        assert {change.partition("=")[0] for change in variant.overrides} <= keys
        if design != "path":
            assert {change.partition("=")[0] for change in variant.overrides} == keys


def test_full_is_every_combination_and_one_factor_is_that_factor():
    made = Factorial(("model.fusion=concat,bridge,mbt", BATCH)).designed()
    assert [variant.overrides for variant in made.variants] == [
        (f"model.fusion={fusion}", f"optim.batch={batch}") for fusion in ("concat", "bridge", "mbt") for batch in (16, 32)
    ]
    assert [variant.name for variant in Factorial((BATCH,)).designed().variants] == ["batch=16", "batch=32"]


@pytest.mark.parametrize(("design", "baseline", "level"), [("leave_one_out", "all", 0), ("add_one", "none", 1)])
def test_one_component_at_a_time(design, baseline, level):
    made = factorial(design).designed()
    assert made.variants[0].name == baseline
    assert set(made.levels[0]) == {level}
    changed = [[place for place, at in enumerate(each) if at != level] for each in made.levels[1:]]
    assert changed == [[place] for place in range(5)]
    assert made.variants[1].name == ("fusion=bridge" if level == 0 else "fusion=concat")


def test_a_path_keeps_what_came_before():
    made = factorial("path").designed()
    for before, after in itertools.pairwise(made.variants):
        assert after.overrides[:-1] == before.overrides
    assert made.variants[0].overrides == () and len(made.variants[-1].overrides) == 5


@pytest.mark.parametrize("count", range(3, 9))
@pytest.mark.parametrize("resolution", [3, 4, 5])
def test_a_fraction_is_balanced_as_its_resolution_says(count, resolution):
    """Resolution R: in any R - 1 factors every combination is there equally often; and R of them show that it is not higher."""
    generators = find_generators(count, resolution)
    if generators is None:
        assert count < resolution
        return
    factors = tuple(f"optim.k{place}=0,1" for place in range(count))
    levels = np.array(Factorial(factors, "fractional", resolution).designed().levels)
    reached = resolution_of(count - len(generators), generators)
    assert reached >= resolution and not levels[0].any()
    for chosen in itertools.combinations(range(count), min(reached - 1, count)):
        _, counts = np.unique(levels[:, chosen], axis=0, return_counts=True)
        assert len(counts) == 2 ** (reached - 1) and len(set(counts)) == 1
    word = min(constant_products(count - len(generators), generators), key=len)
    assert not (levels[:, sorted(word)].sum(axis=1) % 2).any()


def test_known_fractions():
    """2^(5-1) has resolution V, 2^(4-1) IV, 2^(7-4) III (Box, Hunter & Hunter 1978, table 12.15)."""
    assert len(Factorial(FIVE, "fractional", 5).designed().variants) == 16
    assert len(Factorial(FIVE[:4], "fractional", 4).designed().variants) == 8
    seven = tuple(f"optim.k{place}=0,1" for place in range(7))
    assert len(Factorial(seven, "fractional", 3).designed().variants) == 8
    assert "resolution V: 16 of 32" in Factorial(FIVE, "fractional", 5).designed().notes[0]


def test_effects_are_those_of_a_linear_model():
    """With sum-to-zero contrasts, twice the coefficients of least squares."""
    made = Factorial((FUSION, BATCH, WIDTH)).designed()
    factors, levels = [parse_factor(each) for each in (FUSION, BATCH, WIDTH)], np.array(made.levels)
    y = np.random.default_rng(0).random(len(levels))
    data = {"a": 2 * levels[:, 0] - 1, "b": 2 * levels[:, 1] - 1, "c": 2 * levels[:, 2] - 1, "y": y}
    data = pd.DataFrame(data)
    fitted = statsmodels.formula.api.ols("y ~ a*b + a*c + b*c", data).fit().params
    found = {name: weights @ y for name, weights in contrasts(factors, levels).items()}
    pairs = {"fusion=bridge": "a", "batch=32": "b", "width=32": "c", "fusion=bridge x batch=32": "a:b"}
    for name, coefficient in pairs.items():
        assert found[name] == pytest.approx(2 * fitted[coefficient])
    assert len(found) == 6


def test_effects_of_several_values_are_against_the_first():
    factors = [Factor("a", ("0", "1", "2")), Factor("b", ("0", "1"))]
    levels = np.array(list(itertools.product(range(3), range(2))))
    y = 1.0 * levels[:, 0] ** 2 + 3 * levels[:, 1] + (levels[:, 0] == 2) * levels[:, 1]
    found = {name: float(weights @ y) for name, weights in contrasts(factors, levels).items()}
    assert found == pytest.approx({"a=1": 1, "a=2": 4.5, "b=1": 3 + 1 / 3, "a=1 x b=1": 0, "a=2 x b=1": 0.5})


def test_what_a_fraction_confuses_shares_a_row_and_the_sign_is_told():
    factors = [parse_factor(each) for each in FIVE[:4]]
    levels = np.array(Factorial(FIVE[:4], "fractional", 4).designed().levels)
    found = contrasts(factors, levels)
    assert len(found) == 4 + 3, "main effects alone, interactions in pairs"
    three = [parse_factor(each) for each in FIVE[:3]]
    levels = np.array(Factorial(FIVE[:3], "fractional", 3).designed().levels)
    found = contrasts(three, levels)
    assert set(found) == {
        "fusion=bridge - batch=32 x width=32",
        "batch=32 - fusion=bridge x width=32",
        "width=32 - fusion=bridge x batch=32",
    }
    y = (levels[:, 0] ^ levels[:, 1] ^ 1) * 1.0
    assert float(found["width=32 - fusion=bridge x batch=32"] @ y) == -1.0, "an interaction of +1 alone reads as -1"


def test_estimates_are_contrasts_over_folds(scored):
    random = np.random.default_rng(3)
    made = Factorial((FUSION, BATCH)).designed()
    scores = random.random((4, 2, 6))
    outcomes = scored({variant.name: one for variant, one in zip(made.variants, scores, strict=True)})
    (section,) = effects_section(pair(outcomes), Factorial((FUSION, BATCH)))
    folds = scores.mean(axis=1)
    expected = (folds[2] + folds[3] - folds[0] - folds[1]).mean() / 2
    assert section.rows[0][0] == "fusion=bridge"
    assert section.rows[0][1].startswith(number(expected, "uar", "+"))
    weights = {"bridge": np.array([-0.5, -0.5, 0.5, 0.5])}
    assert estimate_contrasts(pair(outcomes), weights)["bridge"].n == 6
    assert effects_section(pair(outcomes), Factorial((FUSION, BATCH), "add_one")) == []


def test_steps_of_a_path_add_up_to_the_whole(scored):
    made = factorial("path").designed()
    scores = np.random.default_rng(4).random((6, 1, 5))
    outcomes = scored({variant.name: one for variant, one in zip(made.variants, scores, strict=True)})
    (section,) = effects_section(pair(outcomes), factorial("path"))
    steps = [float(row[1].split()[0]) for row in section.rows]
    assert sum(steps) == pytest.approx(100 * (scores[-1] - scores[0]).mean(), abs=0.05)


REFUSED = {
    "no values": (["optim.batch"], "full", "write key=value,value"),
    "one value": (["optim.batch=16"], "full", "has 1 value, --design full takes at least 2"),
    "three values": (["optim.batch=16,32,64"], "leave_one_out", "has 3 values, --design leave_one_out takes 2"),
    "two values on a path": ([BATCH], "path", "has 2 values, --design path takes 1"),
    "the same value": (["optim.batch=16,16"], "full", "a value is given twice"),
    "the same key": ([BATCH, "optim.batch=8,64"], "full", "optim.batch is two factors"),
    "no factor": ([], "add_one", "needs factors"),
    "an unknown design": ([BATCH], "fractoinal", "did you mean fractional?"),
    "a fraction of two": ([FUSION, BATCH], "fractional", "takes 3 to 10 factors, got 2"),
    "a fraction that is none": ([FUSION, BATCH, WIDTH], "fractional", "no fraction of 3 factors has resolution V"),
    "too many": ([f"optim.k{place}=0,1" for place in range(8)], "full", "256 variants are more than 128"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_a_sentence(case):
    factors, design, said = REFUSED[case]
    with pytest.raises(SettingError) as refused:
        study_from_words("", [], factors, design)
    assert said in str(refused.value)


def test_names_and_factors_do_not_mix_and_overrides_may_come_first():
    with pytest.raises(SettingError, match="fusion is a study with its own variants"):
        study_from_words("fusion", [], [BATCH])
    with pytest.raises(SettingError, match=r"no study given; choose from fusion, .* or give --factor"):
        study_from_words("", [], [])
    study, rest = study_from_words("corpus=emodb", ["model.width=16"], [BATCH])
    assert rest == ["corpus=emodb", "model.width=16"] and study.words == ["--factor", BATCH]
