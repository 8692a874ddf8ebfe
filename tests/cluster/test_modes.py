"""`ser ablate --mode`: masked trains one model and hides channels at test, retuned searches for every variant alike."""

import shutil

import pytest

from ablations.modes import MODES, Mode
from cluster.study_record import load_study
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from tests.cluster.conftest import SMALL, records, ser


@pytest.fixture
def folder(studied, tmp_path):
    """A folder with the corpus spoken and its features stored."""
    shutil.copytree(studied.folder / "bridgework" / "cache", tmp_path / "bridgework" / "cache")
    return tmp_path


def test_masked_variants_are_one_model_with_a_channel_hidden_at_test(folder):
    ran = ser(folder, "ablate", "modality", *SMALL, "--seeds", "1", "--mode", "masked")
    assert (ran.code, ran.err) == (0, "")
    assert len(records(folder)) == 4 and "Mode masked" in ran.out
    store = RunStore(folder / "bridgework")
    study = load_study(store, "modality")
    assert study.mode == "masked" and study.command.endswith("--mode masked")
    outcomes = study.outcomes(store)
    assert [one.variant for one in outcomes[::4]] == ["speech + text", "speech only", "text only"]
    for whole, deaf in zip(outcomes[:4], outcomes[8:], strict=True):
        assert deaf.test.metrics["uar"] == whole.test.metrics["uar@text_only"]
        assert not [name for name in deaf.test.metrics if "@" in name]
    again = ser(folder, "report", "modality")
    assert again.code == 0 and "text only: " in again.out


@pytest.mark.slow
def test_retuned_variants_have_a_search_each_and_keep_what_it_found(folder):
    words = ("ablate", "modality", *SMALL, "--seeds", "1", "--mode", "retuned", "--trials", "2")
    ran = ser(folder, *words)
    assert (ran.code, ran.err) == (0, "")
    assert "Mode retuned" in ran.out and "Each variant has its own search: 2 configurations" in ran.out
    study = load_study(RunStore(folder / "bridgework"), "modality")
    for trial in study.trials:
        assert {"optim.learning_rate", "model.dropout"} <= {each.partition("=")[0] for each in trial.overrides}
    before = records(folder)
    assert len(before) == 24  # the table's 12 are among the 6 configurations of the searches
    assert ser(folder, *words).code == 0 and records(folder) == before


def test_what_cannot_be_asked_is_refused(folder):
    refused = ser(folder, "ablate", "fusion", *SMALL, "--mode", "masked")
    assert refused.code == 2 and "use --mode masked with modality" in refused.err
    with pytest.raises(SettingError, match="no such mode"):
        Mode("tuned")
    with pytest.raises(SettingError, match="--trials"):
        Mode("retuned", trials=0)
    assert Mode().words == [] and Mode("retuned").words == ["--mode", "retuned", "--space", "optimiser", "--trials", "8"]
    assert all(sentence.startswith(f"Mode {name}") for name, sentence in MODES.items())
