"""Terms of a corpus and notices reach the user once, on stderr, and stand in the record of a study."""

from pathlib import Path

import pytest

from ablations.studies import STUDIES
from ablations.study_from_command import study_from_words
from cluster.notices import print_licence, print_variant_notices
from cluster.run_study import plan_ablation
from ser_core.config.compose import compose
from ser_core.errors import SettingError
from tests.cluster.conftest import SMALL


def told(capsys: pytest.CaptureFixture[str], overrides: list[str]) -> str:
    print_licence(compose(overrides))
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_each_store_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["corpus=iemocap", f"run.store={tmp_path / 'one'}"]
    err = told(capsys, overrides)
    assert err.startswith("This store uses corpus iemocap for the first time")
    assert "\nredistribution: not allowed: neither audio nor labels\n" in err
    assert told(capsys, overrides) == ""
    assert told(capsys, [overrides[0], f"run.store={tmp_path / 'two'}"]) == err


def test_the_demo_corpus_has_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, [*SMALL, f"run.store={tmp_path}"]) == "" and list(tmp_path.iterdir()) == []


def test_a_sentence_on_some_variants_is_said_once_with_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"a": ["known", "all", "one"], "b": ["known", "all", "two"], "c": ["all", "two"]}
    assert print_variant_notices(found, ["known"]) == ["all", "a: one", "b and c: two"]
    assert capsys.readouterr().err == "note: all\nnote: a: one\nnote: b and c: two\n"


def test_an_ablation_notes_what_of_its_variants_has_no_effect(spoken_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, _ = study_from_words("", [], ["tasks.style.weight=0,0.1", "model.width=16,8"], "full")
    base = ["corpus.speakers=4", "corpus.sentences=6", "optim.epochs=2", "tasks.gender.hidden=8", f"run.store={spoken_store}"]
    with pytest.raises(SettingError, match="trains exactly what"):
        plan_ablation(study, base, 1, lambda *stage: None)
    both, one = capsys.readouterr().err.splitlines()
    assert both.startswith("note: tasks.gender.hidden=8 has no effect: tasks.gender.weight=0 leaves the task out")
    assert one.startswith("note: style.weight=0.1, width=16 and style.weight=0.1, width=8: tasks.style.weight=0.1 has no effect")
    plan_ablation(STUDIES["tasks"], base, 1, lambda *stage: None)
    assert (
        "study tasks does not compare style, self_contrast: the corpus or the channels lack what they need"
        in capsys.readouterr().err
    )
    record, _ = plan_ablation(study_from_words("", [], ["model.width=16,8"])[0], base, 1, lambda *stage: None)
    assert sum("tasks.gender.hidden=8 has no effect" in note for note in record.notes) == 1
