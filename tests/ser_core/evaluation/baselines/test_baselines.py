"""What holds for every baseline, what each of them says, and that they are computed once per split and channels."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ser_core.config.compose import compose
from ser_core.corpus import Corpus
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.evaluation import baselines as room
from ser_core.evaluation.baselines import BASELINES, baselines, cached_baselines
from ser_core.evaluation.baselines.chance import expected
from ser_core.evaluation.baselines.class_oracle import class_means
from ser_core.evaluation.baselines.linear import linear_predictions
from ser_core.evaluation.baselines.lookup import looked_up
from ser_core.folds import Fold, make_folds
from ser_core.metrics import METRICS
from ser_core.metrics.accuracy import wa
from ser_core.metrics.concordance import ccc
from ser_core.metrics.f1 import macro_f1
from ser_core.metrics.recall import uar
from tests.conftest import Configure
from tests.shared_material import shared


@pytest.fixture
def fold(configure: Configure, inputs: Dataset) -> Fold:
    return plan(configure(), dataset=inputs).folds.folds[0]


@pytest.fixture
def voted(inputs: Dataset) -> Dataset:
    """The inputs with votes of five annotators, most of them for the label."""
    corpus = inputs.corpus
    numbers = np.array([list(corpus.classes).index(label) for label in corpus.column("emotion")])
    votes = np.random.default_rng(0).multinomial(2, np.full(len(corpus.classes), 1 / len(corpus.classes)), len(corpus)) / 5
    votes[np.arange(len(corpus)), numbers] += 3 / 5
    return dataclasses.replace(inputs, corpus=dataclasses.replace(corpus, votes=votes))


def changed(inputs: Dataset, **columns: object) -> Dataset:
    """The inputs with columns of the corpus table replaced."""
    corpus = dataclasses.replace(inputs.corpus, table=inputs.corpus.table.assign(**columns))
    return dataclasses.replace(inputs, corpus=corpus)


def test_all_are_scored_on_the_test_part(inputs: Dataset, voted: Dataset, fold: Fold, tmp_path: Path) -> None:
    assert 0.6 < baselines(voted, fold, tmp_path / "voted.json")["annotator"]["uar"] < 1
    assert "annotator" not in baselines(inputs, fold, tmp_path / "unvoted.json")
    scores = baselines(voted, fold, tmp_path / "there" / "fold.json")
    assert list(scores) == list(BASELINES)
    assert scores["chance"]["uar"] == scores["chance"]["wa"] == 0.25
    assert (scores["majority"]["uar"], scores["majority"]["wa"], scores["majority"]["macro_f1"]) == (0.25, 0.25, 0.1)
    assert scores["linear"]["uar"] > 0.3
    names = [dimension.name for dimension in inputs.corpus.dimensions]
    assert set(scores["class_oracle"]) == {f"{kind}.{name}" for kind in ("ccc", "pcc", "mae") for name in names}


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_keeps_the_names_the_bounds_and_says_what_it_is(name: str, voted: Dataset, fold: Fold) -> None:
    scores = BASELINES[name].scores(voted, fold)
    assert scores and {metric.partition(".")[0] for metric in scores} <= set(METRICS)
    assert all(math.isnan(value) or -1 <= value <= (4 if metric[:3] == "mae" else 1) for metric, value in scores.items())
    assert scores == pytest.approx(BASELINES[name].scores(voted, fold), nan_ok=True, rel=0, abs=0)
    sentence = BASELINES[name].sentence
    assert len(sentence) < 90 and sentence[0].islower() and not sentence.endswith(".")


@pytest.mark.parametrize("name", BASELINES)
def test_only_the_oracle_answers_by_the_labels_of_the_test_part(name: str, voted: Dataset, fold: Fold) -> None:
    """Without the true classes of the test part there is nothing to score, and the oracle has nothing to say."""
    blind = voted.corpus.column("emotion").copy()
    blind[fold.test] = ""
    scores = BASELINES[name].scores(changed(voted, emotion=blind), fold)
    assert all(math.isnan(value) for value in scores.values())
    assert ("sees" in BASELINES[name].sentence) == (name == "class_oracle")


def test_they_do_not_see_the_labels_of_the_test_part(inputs: Dataset, fold: Fold, tmp_path: Path) -> None:
    labels = inputs.corpus.column("emotion").astype(object)
    labels[fold.test] = "anger"
    scores = [
        baselines(made, fold, tmp_path / f"{index}.json") for index, made in enumerate((inputs, changed(inputs, emotion=labels)))
    ]
    assert scores[0]["majority"]["wa"] == 0.25 and scores[1]["majority"]["wa"] in (0.0, 1.0)
    assert scores[0]["chance"]["recall.anger"] == scores[1]["chance"]["recall.anger"]


def test_what_the_corpus_lacks_has_no_baseline(inputs: Dataset, fold: Fold, tmp_path: Path) -> None:
    mute = changed(inputs, text="")
    assert "lookup" not in baselines(mute, fold, tmp_path / "mute.json")
    unrated = dataclasses.replace(inputs, corpus=dataclasses.replace(inputs.corpus, dimensions=()))
    assert "class_oracle" not in baselines(unrated, fold, tmp_path / "unrated.json")
    targets = {name: target for name, target in inputs.targets.items() if name != "emotion"}
    assert baselines(dataclasses.replace(inputs, targets=targets), fold, tmp_path / "fold.json") == {}


def test_they_are_remembered(inputs: Dataset, fold: Fold, tmp_path: Path) -> None:
    place = tmp_path / "fold.json"
    assert json.dumps(baselines(inputs, fold, place)) == json.dumps(baselines(inputs, fold, place))
    place.write_text('{"majority": {"uar": 0.125}}')
    assert baselines(inputs, fold, place) == {"majority": {"uar": 0.125}}


def test_another_set_of_baselines_or_metrics_is_remembered_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    place = cached_baselines(Path("baselines"), "split", "channels", 3)
    assert place.parent.name.startswith("split-channels-") and place.name == "fold-03.json"
    assert place == cached_baselines(Path("baselines"), "split", "channels", 3)
    for table in ("BASELINES", "METRICS"):
        with monkeypatch.context() as patch:
            patch.setattr(room, table, dict(list(getattr(room, table).items())[1:]))
            assert cached_baselines(Path("baselines"), "split", "channels", 3) != place
    monkeypatch.setattr(room, "EDITION", room.EDITION + 1)
    assert cached_baselines(Path("baselines"), "split", "channels", 3) != place


@pytest.mark.parametrize("columns", [5, 200])
def test_rotating_changes_no_prediction_of_the_linear_model(columns: int) -> None:
    draw = np.random.default_rng(columns)
    labels = draw.choice(["a", "b", "c"], 60, p=[0.6, 0.3, 0.1])
    centres = {name: draw.normal(0, 0.5, columns) for name in "abc"}
    known = np.stack([centres[label] for label in labels]) + draw.normal(size=(60, columns)) * draw.uniform(0.1, 9, columns)
    test = draw.normal(size=(80, columns)) * 2
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, C=0.1, class_weight="balanced"))
    assert (linear_predictions(known, labels, test) == plain.fit(known, labels).predict(test)).mean() >= 79 / 80


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), st.integers(0, 10), st.integers(0, 10))
def test_chance_is_the_mean_over_every_way_of_guessing(truth: list[str], first: int, second: int) -> None:
    """All 3^n answers, each with its probability, against the closed form."""
    shares = dict(zip("abc", np.array([first, second, 1]) / (first + second + 1), strict=True))
    found = expected(np.array(truth), {name: share for name, share in shares.items() if share})
    for name, metric in (("uar", uar), ("wa", wa), ("macro_f1", macro_f1)):
        mean = 0.0
        for guess in itertools.product("abc", repeat=len(truth)):
            probability = math.prod(shares[answer] for answer in guess)
            mean += probability * metric(truth, list(guess)) if probability else 0
        assert found[name] == pytest.approx(mean)
    assert {name: found[f"recall.{name}"] for name in set(truth)} == pytest.approx({name: shares[name] for name in set(truth)})


def test_the_oracle_answers_with_the_class_means_of_training(inputs: Dataset, fold: Fold) -> None:
    corpus, known = inputs.corpus, fold.known
    name = corpus.dimensions[0].name
    labels, ratings = corpus.column("emotion"), corpus.column(name)
    guess = [ratings[known][labels[known] == label].mean() for label in labels[fold.test]]
    assert BASELINES["class_oracle"].scores(inputs, fold)[f"ccc.{name}"] == pytest.approx(
        ccc(ratings[fold.test], np.array(guess))
    )


def test_the_oracle_says_nothing_of_a_class_that_nobody_rated() -> None:
    found = class_means(np.array(["a", "a"]), np.array([1.0, 2.0]), np.array(["a", "b"]))
    assert found[0] == 1.5 and math.isnan(found[1])


def test_a_lookup_finds_the_same_words_whatever_their_dress(inputs: Dataset, fold: Fold) -> None:
    corpus = inputs.corpus
    giveaway = np.array([f"I am {label}" for label in corpus.column("emotion")], dtype=object)
    giveaway[fold.test] = [f"[LAUGHTER] i AM {label} ..." for label in corpus.column("emotion")[fold.test]]
    assert BASELINES["lookup"].scores(changed(inputs, text=giveaway), fold)["wa"] == 1
    strange = np.array([f"sentence {row}" for row in range(len(corpus))], dtype=object)
    scores = BASELINES["lookup"].scores(changed(inputs, text=strange), fold)
    assert scores == BASELINES["majority"].scores(inputs, fold)


def test_a_tie_goes_to_the_commoner_class() -> None:
    texts, labels = np.array(["so", "so", "ah", ""]), np.array(["anger", "joy", "joy", "anger"])
    assert looked_up(texts, np.append(labels[:3], "joy"), np.array(["so", ""])).tolist() == ["joy", "joy"]


@pytest.mark.shared
def test_the_acted_sentences_of_real_speech_give_no_emotion_away(tmp_path: Path) -> None:
    """EmoDB's actors say the same ten sentences in every emotion: a lookup must sit where guessing sits."""
    corpus: Corpus = compose(["corpus=emodb", f"corpus.root={shared('data', 'emodb')}"]).corpus.read(tmp_path)
    speakers = make_folds(corpus, compose(["folds=lospo"]).folds, corpus.card("")).folds
    inputs = Dataset(corpus, {}, {}, "", {})
    means = {
        name: np.mean([BASELINES[name].scores(inputs, fold)["uar"] for fold in speakers])
        for name in ("chance", "majority", "lookup")
    }
    assert len(speakers) == 10
    assert means["chance"] == pytest.approx(1 / 7, abs=0.01) and means["majority"] == pytest.approx(1 / 7, abs=0.01)
    assert means["lookup"] == pytest.approx(1 / 7, abs=0.03)
