"""`ser across` over records written without training: what it prints and writes, and what it refuses to open."""

import csv
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from cluster.cli.main import app
from cluster.study_record import StudyRecord
from cluster.trial import Trial
from ser_core.cross_validation.records import FoldKey, RunStore, TestPart
from ser_core.errors import RecordError, SettingError
from tests.ablations.conftest import outcome

GAINS = {"concat": 0.0, "bridge": 0.06, "mbt": 0.03}
CORPORA = ("emodb", "ravdess", "cremad", "meld", "iemocap", "demo")


def recorded(store, corpus, kind="ablation", primary="uar", lost=False):
    """A whole study of one seed and two folds over a corpus, and its id."""
    place, trials = CORPORA.index(corpus), []
    for name, gain in GAINS.items():
        keys = tuple(FoldKey(f"{corpus}-{name}", f"{place:012d}", fold) for fold in (1, 2))
        for key in keys[: 1 if lost and name == "mbt" else 2]:
            score = 0.4 + place / 20 + gain + key.fold / 100
            card = {"corpus": corpus, "content": str(place), "protocol": "loso", "classes": ["a", "b"], "metrics": "metrics-1"}
            config = {"seed": 0, "corpus": {"name": corpus}, "model": {"fusion": name}}
            made = outcome(name, 0, key.fold, {"uar": score, "wa": 1 - score}, key=key, card=card, config=config)
            test = TestPart(key, made.test.metrics, {}, pd.DataFrame({"utterance": ["u"], "speaker": ["s"]}))
            store.write(made.record, pd.DataFrame({"utterance": ["a"]}), test)
        trials.append(Trial(name, 0, (), keys))
    record = StudyRecord(f"{kind}-{corpus}", kind, "fusion", "Which?", primary, [], trials, f"ser ablate fusion corpus={corpus}")
    record.save(store)
    return record.id


def across(folder, *words):
    """`ser across` with these words."""
    return CliRunner().invoke(app, ["across", *words, "--store", str(folder)])


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "store")


def files(store):
    """What it wrote, by name."""
    (place,) = (store.folder / "studies").glob("across-*")
    return {file.name: file for file in place.iterdir()}


def test_six_corpora_are_ranked_tested_and_drawn(store):
    names = [recorded(store, corpus) for corpus in CORPORA]
    ran = across(store.folder, *names)
    assert ran.exit_code == 0, ran.output
    said = " ".join(ran.output.split())
    assert "UAR over 6 corpora, mean over folds" in said
    assert "Over 6 corpora the variants differ (Friedman p = .002): bridge is ahead of concat." in said
    assert "emodb: 2 classes (a, b) · protocol loso" in said
    assert re.search(r"bridge 47\.50 52\.50 .* 72\.50 1\.00", said)
    found = files(store)
    assert set(found) == {"table.csv", "table.md", "diagram.svg", "diagram.png"}
    rows = list(csv.DictReader(found["table.csv"].read_text().splitlines()))
    assert [(row["variant"], row["mean_rank"]) for row in rows] == [("bridge", "1.0"), ("mbt", "2.0"), ("concat", "3.0")]
    text = found["table.md"].read_text()
    assert "Nemenyi's critical difference of mean ranks, CD = 1.353" in text and "alpha 0.05" in text
    before = {name: file.read_bytes() for name, file in found.items()}
    assert across(store.folder, *reversed(names)).exit_code == 0
    assert set(files(store)) == set(found), "the order of the studies makes no other folder"
    assert files(store)["diagram.png"].read_bytes() == before["diagram.png"]


def test_another_metric_has_a_folder_of_its_own(store):
    names = [recorded(store, corpus) for corpus in CORPORA[:5]]
    ran = across(store.folder, *names, "--metric", "wa")
    assert "concat is ahead of bridge" in " ".join(ran.output.split())
    across(store.folder, *names)
    assert len(list((store.folder / "studies").glob("across-*"))) == 2


def test_two_metrics_share_one_correction_and_have_a_table_each(store):
    names = [recorded(store, corpus) for corpus in CORPORA]
    ran = across(store.folder, *names, "--metric", "uar", "--metric", "wa")
    said = " ".join(ran.output.split())
    assert "UAR over 6 corpora" in said and "WA over 6 corpora" in said
    assert "variants differ (Friedman p = .002)" in " ".join(across(store.folder, *names).output.split())
    assert said.count("variants differ (Friedman p = .005 after Holm over 2 metrics)") == 2
    assert len(list((store.folder / "studies").glob("across-*"))) == 2


def test_few_corpora_are_ranked_without_test_and_diagram(store):
    ran = across(store.folder, *(recorded(store, corpus) for corpus in CORPORA[:3]))
    assert ran.exit_code == 0
    assert "No test: 3 corpora are too few; at least 5 are needed" in " ".join(ran.output.split())
    assert set(files(store)) == {"table.csv", "table.md"}


def test_what_it_refuses(store):
    first = recorded(store, "emodb")
    refusals = {
        (first, recorded(store, "ravdess", kind="search")): (RecordError, "search: its test parts stay sealed"),
        (first, recorded(store, "cremad", kind="selection")): (RecordError, "selection: its test parts stay sealed"),
        (first, recorded(store, "meld", kind="run")): (RecordError, "only ablations have variants to rank"),
        (first, recorded(store, "iemocap", lost=True)): (RecordError, "1 of 6 folds are missing; train them with"),
        (first, recorded(store, "demo", primary="wa")): (
            SettingError,
            r"different metrics: .*\(emodb\) by uar; .* by wa",
        ),
        (first, "nothing"): (RecordError, "no study 'nothing'"),
    }
    for names, (kind, message) in refusals.items():
        ran = across(store.folder, *names)
        assert isinstance(ran.exception, kind)
        assert re.search(message, str(ran.exception))
    assert not list((store.folder / "studies").glob("across-*"))
