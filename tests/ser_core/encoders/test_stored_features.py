"""Stored features: what is read equals what was stored, whichever way, and every fault names the file and the remedy."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ser_core.audit.stored_features import stored_features
from ser_core.config.compose import compose
from ser_core.config.identity import channels_fingerprint, described
from ser_core.cross_validation.plan import plan
from ser_core.dataset.channels import stored_channel
from ser_core.dataset.dataset import Dataset, load_dataset
from ser_core.errors import CorpusError, SettingError
from ser_core.model import build_model
from ser_core.training.evaluate import predict
from tests.conftest import Configure

NAN = float("nan")
NAMES = ["a1", "b2", "c3"]


def utterances(**columns: list) -> pd.DataFrame:
    made = {"utterance": NAMES, "file": [f"/audio/{name}.wav" for name in NAMES], "start": [NAN] * 3, "end": [NAN] * 3}
    return pd.DataFrame({**made, **columns})


def written(folder: Path, values: dict[str, np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, each in values.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", each)
    return folder


def read(tmp_path: Path, path: Path, *overrides: str, table: pd.DataFrame | None = None) -> list[np.ndarray]:
    config = compose([f"model.features={path}", *overrides, f"run.store={tmp_path / 'store'}"])
    channel = stored_channel(config, "features", utterances() if table is None else table)
    assert list(channel.lengths) == [len(channel.sequences[row]) for row in range(3)]
    return [channel.sequences[row][:, 0].numpy() for row in range(3)]


def test_vectors_and_frames_come_back_as_stored(tmp_path: Path) -> None:
    values = {"a1": np.arange(4.0), "b2": np.arange(20, dtype=np.float16).reshape(5, 4), "c3": np.full((2, 4), 1e30)}
    folder = written(tmp_path / "npy", {**values, "another": np.ones(9)})
    found = read(tmp_path, folder)
    assert [each.shape for each in found] == [(1, 4), (5, 4), (2, 4)]
    for name, each in zip(NAMES, found, strict=True):
        assert np.array_equal(each, np.float32(np.atleast_2d(values[name])))
    strided = read(tmp_path, folder, "model.features.stride=2")
    assert np.array_equal(strided[1], np.stack([found[1][:2].mean(0), found[1][2:4].mean(0), found[1][4]]))


def test_npz_files_subfolders_and_names_of_audio_files_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "npz"
    (folder / "session").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        np.savez(folder / "session" / f"{name}.npz", features=np.full(2, number))
    assert [each[0, 0] for each in read(tmp_path, folder, table=utterances(utterance=["x", "y", "z"]))] == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a1": np.ones(3), "b2": np.ones(3)}, "has no file for 1 of 3 utterances, first c3.npy .*add the files"),
        ({"a1": np.ones(3), "b2": np.ones(4), "c3": np.ones(3)}, "features of b2 have 4 numbers per step, not 3; all utterances"),
        (
            {"a1": np.ones(3), "b2": np.array([1, NAN, 2]), "c3": np.ones(3)},
            "features of b2 hold NaN or infinite values",
        ),
        ({"a1": np.ones(3), "b2": np.ones((0, 3)), "c3": np.ones(3)}, "features of b2 have the shape 0 x 3; store one vector"),
        ({"a1": np.ones(3), "b2": np.ones((2, 2, 3)), "c3": np.ones(3)}, "features of b2 have the shape 2 x 2 x 3; store"),
        (
            {"a1": np.ones(3), "b2": np.array(["x"] * 3), "c3": np.ones(3)},
            "holds <U1 values, not numbers; store the",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, values: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(tmp_path, written(tmp_path / "bad", values))


def test_places_without_features_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match=r"holds no \.npy or \.npz file; write one per utterance"):
        read(tmp_path, tmp_path / "empty")
    with pytest.raises(SettingError, match=r"model\.features\.path: there is nothing at .*nowhere; put the features there"):
        read(tmp_path, tmp_path / "nowhere")
    broken = written(tmp_path / "broken", dict.fromkeys(NAMES, np.ones(2)))
    (broken / "b2.npy").write_bytes(b"no array")
    with pytest.raises(CorpusError, match=r"b2\.npy cannot be read as an array .*write it again with numpy\.save"):
        read(tmp_path, broken)
    with pytest.raises(CorpusError, match="have 2 numbers per step, not 5"):
        read(tmp_path, written(tmp_path / "narrow", dict.fromkeys(NAMES, np.ones(2))), "model.features.dim=5")


TABLE = pd.DataFrame({"file": [f"wav/{name}.wav" for name in reversed(NAMES)], "F0_mean": [3.0, 2, 1], "loudness": [0.5, 1, 2]})


@pytest.mark.parametrize("kind", ["csv", "semicolons", "parquet"])
def test_tables_are_read_by_the_name_of_the_file(tmp_path: Path, kind: str) -> None:
    place = tmp_path / f"egemaps.{'parquet' if kind == 'parquet' else 'csv'}"
    if kind == "parquet":
        TABLE.set_index("file").to_parquet(place)
    else:
        TABLE.to_csv(place, index=False, sep=";" if kind == "semicolons" else ",")
    assert np.array_equal(np.concatenate(read(tmp_path, place)), np.float32([[1, 2], [2, 1], [3, 0.5]]))
    assert np.array_equal(np.concatenate(read(tmp_path, place, "model.features.columns=[F0*]")), np.float32([[1], [2], [3]]))


def test_segments_are_found_by_their_times_and_frames_are_steps(tmp_path: Path) -> None:
    times = [f"0 days 00:00:{start:09.6f}" for start in (0, 1, 2, 3)]
    rows = pd.DataFrame({"file": "call.wav", "start": times[:3], "end": times[1:], "x": [1.0, 2, 3]})
    rows.to_csv(tmp_path / "lld.csv", index=False)
    table = utterances(file=["/in/call.wav"] * 3, start=[0.0, 1.0, NAN], end=[1.0, 3.0, NAN])
    assert [each.ravel().tolist() for each in read(tmp_path, tmp_path / "lld.csv", table=table)] == [[1], [2, 3], [1, 2, 3]]


@pytest.mark.parametrize(
    ("table", "overrides", "message"),
    [
        (TABLE.iloc[1:], [], "has no row for 1 of 3 utterances, first c3; add the rows"),
        (TABLE.assign(speaker="anna"), [], "column speaker of .* is not numeric .*name the feature columns"),
        (TABLE.rename(columns={"file": "id"}), [], "has no column utterance or file; add it, or say which column"),
        (TABLE.assign(loudness=[1, NAN, 2]), [], "features of b2 hold NaN or infinite values"),
        (TABLE, ["model.features.columns=[F0_maen]"], r"has no column F0_maen \(did you mean F0_mean\?\); correct it"),
        (TABLE[["file"]], [], "has no feature columns besides file; add them"),
        (TABLE.iloc[:0], [], "has no rows; write one per utterance"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, table: pd.DataFrame, overrides: list[str], message: str) -> None:
    table.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises((CorpusError, SettingError), match=message):
        read(tmp_path, tmp_path / "bad.csv", *overrides)


@pytest.fixture
def stored(inputs: Dataset, tmp_path: Path) -> Path:
    """A vector for every utterance of the demo corpus, which depends on its emotion and a little noise."""
    generator = np.random.default_rng(0)
    classes = list(inputs.corpus.classes)
    rows = zip(inputs.corpus.column("utterance"), inputs.corpus.column("emotion"), strict=True)
    return written(tmp_path / "demo", {n: np.eye(6)[classes.index(e)] + generator.normal(0, 0.1, 6) for n, e in rows})


def test_a_model_of_four_channels_is_trained_masked_and_scored_under_conditions(
    stored: Path, configure: Configure, inputs: Dataset
) -> None:
    given = ("model.speech2=logmel", "model.speech2.mels=8", f"model.features={stored}", "model.masking=utterance")
    config = configure(*given, "conditions=[features_only,without_features,noise:0]", "model.fusion=bridge")
    dataset = load_dataset(config)
    assert list(dataset.channels) == ["speech", "speech2", "text", "features"]
    assert [dataset.channels[name].size for name in ("speech", "speech2", "features")] == [inputs.channels["speech"].size, 8, 6]
    assert set(dataset.under("noise:0").channels) == set(dataset.channels)
    changed = dataset.conditions["noise:0"].channels
    assert set(changed) == {"speech", "speech2"}
    notices = dataset.conditions["noise:0"].notices
    assert notices == ("conditions: noise:0 changes the audio, but model.features stays as stored",)
    assert set(notices) <= set(dataset.corpus.notices)
    model = build_model(config, dataset, torch.arange(48), 1)
    assert len(predict(config, dataset, model, range(4))) == 4


def test_the_content_of_features_names_the_record_and_their_place_does_not(
    stored: Path, tmp_path: Path, configure: Configure
) -> None:
    def name(folder: Path, *more: str) -> tuple[str, str]:
        made = plan(configure("model.text=none", f"model.features={folder}", *more))
        return made.fingerprint, made.channels

    first = name(stored)
    moved = tmp_path / "moved"
    shutil.copytree(stored, moved)
    np.save(moved / "of_another_corpus.npy", np.ones(3))
    assert name(moved) == first == name(stored, "model.features.dim=6")
    np.save(next(moved.rglob("anger*.npy")), np.ones(6))
    assert not set(name(moved)) & set(first)


def test_channels_that_are_off_take_no_part_in_any_name() -> None:
    off = compose(["model.speech2=none", "model.features=none"])
    assert described(off) == described(compose()) and channels_fingerprint(off) == channels_fingerprint(compose())
    assert not {"speech2", "features"} & set(described(off)["model"])


def test_the_audit_reports_features_that_cannot_be_read_and_those_that_are_shared(
    stored: Path, configure: Configure, inputs: Dataset
) -> None:
    config = configure(f"model.features={stored}")
    assert stored_features(config, inputs.corpus) == []
    one, other = (str(name) for name in inputs.corpus.column("utterance")[:2])
    np.save(stored / f"{one}.npy", np.load(stored / f"{other}.npy"))
    (found,) = stored_features(config, inputs.corpus)
    assert (found.name, found.severity, found.counts["groups"]) == ("shared features", "warn", 1)
    (stored / f"{one}.npy").unlink()
    (found,) = stored_features(config, inputs.corpus)
    assert (found.name, found.severity) == ("unusable features", "fail") and "has no file for 1 of 96 utterances" in found.found
