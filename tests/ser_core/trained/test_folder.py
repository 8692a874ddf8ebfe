"""A model folder: what it holds, what it refuses, and that members and channels behave as promised."""

import dataclasses
import itertools
import json
import math
import threading
from pathlib import Path

import pytest

from ser_core.config.from_dict import config_from
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.errors import AudioError, RecordError, SettingError
from ser_core.trained import EmotionModel, load
from ser_core.trained.describe import Trained, describe, portable
from ser_core.trained.description import FILE, read_description, write_description
from ser_core.trained.emotion_model import Utterance
from ser_core.trained.train import everyone, train_members
from ser_core.trained.windows import window_starts
from tests.conftest import Configure


@pytest.fixture
def folder(configure: Configure, inputs: Dataset, tmp_path: Path) -> Path:
    """A model of two members on speech and text."""
    words = ["tasks.dimensions.weight=1", "tasks.gender.weight=0.1", "model.masking=utterance"]
    planned = plan(configure(*words), dataset=inputs)
    place = tmp_path / "model"
    train_members(planned.config, planned.dataset, everyone(planned.folds), [2], [0, 1], place, lambda event: None)
    write_description(describe(planned.config, planned.dataset, planned.card, 9, Trained([0, 1], [2], "As asked.")), place)
    return place


@pytest.fixture
def model(folder: Path) -> EmotionModel:
    return load(folder)


def some(inputs: Dataset, count: int = 3) -> list[Utterance]:
    rows = inputs.corpus.table.iloc[:count][["file", "start", "end", "text"]]
    return [Utterance(*row) for row in rows.itertuples(index=False)]


def test_an_answer_has_probabilities_scales_and_what_is_uncertain(model: EmotionModel, inputs: Dataset) -> None:
    one = some(inputs)[0]
    found = model(one.file, one.text)
    assert math.isclose(sum(found.probabilities.values()), 1, abs_tol=1e-9)
    assert found.emotion == max(found.probabilities, key=lambda name: found.probabilities[name])
    assert all(1 <= found.dimensions[name] <= 5 for name in ("valence", "arousal", "dominance"))
    assert found.others["gender"] in ("female", "male")
    assert 0 <= found.uncertainty <= 1 and found.spread > 0


def test_members_are_averaged_and_trained_from_their_own_seed(folder: Path, inputs: Dataset) -> None:
    model = load(folder)
    utterances = some(inputs)
    one, other = (next(iter(dataclasses.replace(model, members=[each]).predict(utterances[:1]))) for each in model.members)
    both = next(iter(model.predict(utterances[:1])))
    assert not isinstance(one, AudioError) and not isinstance(other, AudioError) and not isinstance(both, AudioError)
    assert one.probabilities != other.probabilities and math.isnan(one.spread)
    for name, value in both.probabilities.items():
        assert math.isclose(value, (one.probabilities[name] + other.probabilities[name]) / 2, rel_tol=1e-6)


def test_training_is_the_same_again_and_continues_where_it_stopped(
    folder: Path, configure: Configure, inputs: Dataset, tmp_path: Path
) -> None:
    words = ["tasks.dimensions.weight=1", "tasks.gender.weight=0.1", "model.masking=utterance"]
    planned = plan(configure(*words), dataset=inputs)
    again = tmp_path / "again"
    again.mkdir()
    (again / "member-0.safetensors").write_bytes((folder / "member-0.safetensors").read_bytes())
    seen = []
    train_members(
        planned.config, planned.dataset, everyone(planned.folds), [2], [0, 1], again, lambda event: seen.append(event.number)
    )
    assert set(seen) == {1}, "a member that is there is not trained again"
    assert (again / "member-1.safetensors").read_bytes() == (folder / "member-1.safetensors").read_bytes()
    assert len(everyone(planned.folds)) == len(inputs.corpus)


def test_a_bad_file_is_named_and_the_others_are_answered(model: EmotionModel, inputs: Dataset, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no audio")
    first, second = some(inputs, 2)
    found = list(model.predict([first, Utterance(str(bad), text="a"), Utterance("/nowhere.wav", text="a"), second]))
    assert [isinstance(each, AudioError) for each in found] == [False, True, True, False]
    with pytest.raises(AudioError, match=r"bad\.wav: "):
        model(bad, "a")


def test_many_threads_may_use_a_model(model: EmotionModel, inputs: Dataset) -> None:
    utterances, answers = some(inputs, 4), {}
    alone = [next(iter(model.predict([one]))) for one in utterances]
    threads = [
        threading.Thread(target=lambda number=number: answers.update({number: next(iter(model.predict([utterances[number]])))}))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[number] for number in range(4)] == alone


def test_text_can_be_hidden_only_from_a_model_that_was_trained_for_it(model: EmotionModel, inputs: Dataset) -> None:
    one = some(inputs)[0]
    hidden = model.without_text()
    assert model.reads_text and not hidden.reads_text
    assert hidden(one.file, one.text) == hidden(one.file, "something else") != model(one.file, one.text)
    other = dataclasses.replace(model, description=dataclasses.replace(model.description, speech_alone=False))
    with pytest.raises(SettingError, match="never trained without text"):
        other.without_text()


def test_what_a_folder_must_hold(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="so it is no model"):
        load(tmp_path)
    text = (folder / FILE).read_text()
    for damaged, sentence in (
        (text[:50], "is damaged"),
        (json.dumps({**json.loads(text), "format": 2}), "reads 1; update Bridgework"),
        (json.dumps({"format": 1}), "lacks what a model needs"),
    ):
        (folder / FILE).write_text(damaged)
        with pytest.raises(RecordError, match=sentence):
            load(folder)
    (folder / FILE).write_text(text)
    (folder / "member-1.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(RecordError, match=r"member-1\.safetensors does not fit"):
        load(folder)
    (folder / "member-1.safetensors").unlink()
    with pytest.raises(RecordError, match=r"member-1\.safetensors is missing"):
        load(folder)


def test_a_folder_names_no_place_and_no_speaker(folder: Path, inputs: Dataset) -> None:
    text = (folder / FILE).read_text()
    assert str(folder.parent) not in text and "run.store" not in text
    settings = read_description(folder).settings
    assert portable(config_from(settings)) == settings


def test_windows_cover_a_recording() -> None:
    for seconds in (0.3, 5.0, 5.1, 61.7, 3600.0):
        starts = window_starts(seconds, 5.0, 2.5)
        assert starts[0][0] == 0 and math.isclose(starts[-1][1], seconds, abs_tol=1e-6)
        assert all(later[0] <= earlier[1] for earlier, later in itertools.pairwise(starts))
