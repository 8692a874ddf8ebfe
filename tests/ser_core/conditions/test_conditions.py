"""A trained fold under conditions: the same model, other inputs, and no say in what is chosen."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ser_core.augment import AUGMENTATIONS, augment
from ser_core.channels import CHANNELS
from ser_core.conditions import CONDITIONS, condition
from ser_core.config.compose import compose
from ser_core.config.tree import Config
from ser_core.content_hashes import file_hash
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import RunStore
from ser_core.cross_validation.write_record import condition_scores
from ser_core.dataset.augmented_views import ChangedChannels
from ser_core.dataset.channels import text_channel
from ser_core.dataset.dataset import Dataset, load_dataset
from ser_core.errors import CorpusError, SettingError
from ser_core.evaluation.score import score
from ser_core.feature_store.features import Speech
from ser_core.masking.masking import hide_channels, mask_channel
from ser_core.model import build_model
from ser_core.training.evaluate import development_score, headline, predict
from tests.conftest import Configure
from tests.ser_core.augment.test_augmentations import VALUES

ENTRIES = ["speech_only", "text_only", "noise:0", "codec:gsm"]
CONDITIONED = f"conditions=[{','.join(ENTRIES)}]"
ROWS = list(range(0, 96, 5))


def test_every_condition_is_either_hidden_changed_or_read() -> None:
    for name in CONDITIONS:
        one = condition(f"{name}:{VALUES[name]}" if name in VALUES else f"{name}:asr" if name == "text" else name)
        made = dict.fromkeys(CHANNELS, "stored") | {"speech": "audio", "text": "text"}
        one.check(made)
        assert sum(map(bool, (one.hides(made), one.changes_speech, one.reads_text))) == 1
        assert len(one.hides(made)) == (len(CHANNELS) - 1 if name.endswith("_only") else name.startswith("without_"))
    assert set(AUGMENTATIONS) < set(CONDITIONS)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["conditions=[deaf]"],
            "'deaf' is not a condition; choose from speech_only, speech2_only, text_only, features_only",
        ),
        (["conditions=[text_only]", "model.text=none"], "text_only needs the text channel, but model.text=none; remove it"),
        (["conditions=[text_only]", "model.speech=none"], "text_only needs the speech channel, but model.speech=none"),
        (["conditions=[speech_only]", "model.text=none"], "speech_only needs the text channel"),
        (["conditions=[noise:10]", "model.speech=none"], "noise:10 needs the speech channel"),
        (["conditions=[noise:500]"], "conditions: noise:500: the value is a signal-to-noise ratio in dB, from -20 to 60"),
        (["conditions=[text]"], "text needs the name of its column, for example text:asr"),
        (["conditions=[text_only:2]"], "text_only takes no value, got 'text_only:2'"),
        (["conditions=[noise:1,noise:1]"], "noise:1 is given twice"),
    ],
)
def test_a_condition_that_cannot_be_met_is_refused_before_anything_runs(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        compose(overrides)


@pytest.fixture
def config(configure: Configure) -> Config:
    return configure(CONDITIONED, "model.fusion=bridge")


@pytest.mark.parametrize("channel", ["speech", "text"])
def test_hiding_is_what_masking_does_in_training(channel: str, configure: Configure, inputs: Dataset) -> None:
    config = configure("model.masking=epoch", "model.fusion=bridge")
    model = build_model(config, inputs, torch.arange(48), 1)
    whole = predict(config, inputs, model, ROWS)
    with mask_channel(model, channel):
        expected = predict(config, inputs, model, ROWS)
    with hide_channels(model.stems, [channel]):
        pd.testing.assert_frame_equal(predict(config, inputs, model, ROWS), expected, check_exact=True)
    pd.testing.assert_frame_equal(predict(config, inputs, model, ROWS), whole, check_exact=True)
    assert not whole["emotion.p.anger"].equals(expected["emotion.p.anger"])


def test_what_is_hidden_reaches_no_head_and_the_model_comes_back_whole(configure: Configure, inputs: Dataset) -> None:
    config = configure("tasks.transcript.weight=0.1")
    model = build_model(config, inputs, torch.arange(48), 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    turned = [inputs.channels["speech"].sequences[row].flip(0) * 3 for row in range(96)]
    speech = dataclasses.replace(inputs.channels["speech"], sequences=turned)
    other = dataclasses.replace(inputs, channels={**inputs.channels, "speech": speech})
    with pytest.raises(KeyError), hide_channels(model.stems, ["speech"]):
        one, same = (predict(config, each, model, ROWS) for each in (inputs, other))
        pd.testing.assert_frame_equal(one, same, check_exact=True)
        raise KeyError
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_speech_under_a_condition_is_the_augmented_waveform(config: Config) -> None:
    inputs = load_dataset(config)
    channel = inputs.under("noise:0").channels["speech"]
    table, minimum = inputs.corpus.table, 400
    extractor = config.model.speech.extractor(torch.device("cpu"))
    assert extractor is not None
    for row in (0, 41, 95):
        item = Speech("u", str(table["file"][row]), float("nan"), float("nan"), file_hash(str(table["file"][row])))
        wave = augment(item.read(config.audio, minimum), "noise:0", item.segment_id)
        assert torch.equal(channel.sequences[row], extractor([wave])[0])
    assert inputs.under("text_only").channels == inputs.channels
    assert inputs.under("noise:0").channels["text"] is inputs.channels["text"]


def test_noise_comes_from_the_store_and_tells_itself_apart(config: Config) -> None:
    items = [Speech("u", "/a.wav", 0.0, 1.0, "abc", change) for change in ("", "noise:0", "noise:1")]
    assert len({item.key for item in items}) == 3
    one, other = load_dataset(config), load_dataset(config)
    assert torch.equal(one.under("codec:gsm").channels["speech"].means, other.under("codec:gsm").channels["speech"].means)


def test_a_record_holds_each_metric_under_each_condition_and_chooses_without_them(config: Config, configure: Configure) -> None:
    kept = {}
    for store, made in (("plain", configure("model.fusion=bridge", store="plain")), ("under", config)):
        planned = plan(made)
        events = list(cross_validate(made, [1], planned=planned))
        assert isinstance(events[-1], FoldResult)
        kept[store] = (events[-1].record, RunStore(made.run.store).open_test(events[-1].record.key))
    (plain, plain_test), (record, test) = kept["plain"], kept["under"]
    assert plain.key != record.key and plain.epochs == record.epochs and plain.chosen_epoch == record.chosen_epoch
    for mine, theirs in ((record.dev, plain.dev), (test.metrics, plain_test.metrics)):
        whole = {name: value for name, value in mine.items() if "@" not in name}
        np.testing.assert_equal(whole, theirs)
        assert {name.partition("@")[2] for name in mine} == {"", *ENTRIES}
        for entry in ENTRIES:
            assert {name for name in whole if name in ("uar", "wa", "ccc.valence")} <= {
                name.partition("@")[0] for name in mine if name.endswith(f"@{entry}")
            }
        np.testing.assert_equal(headline(mine), headline(theirs))
    assert len({test.metrics[f"ccc.valence@{entry}"] for entry in ENTRIES}) == 4
    pd.testing.assert_frame_equal(test.predictions, plain_test.predictions, check_exact=True)


def test_development_scoresunder_conditions_come_from_the_model_that_never_saw_the_part(configure: Configure) -> None:
    made = [
        configure("conditions=[text_only]", "folds.dev=speakers", f"optim.refit={refit}", store=refit)
        for refit in ("true", "false")
    ]
    refitted, judged = (list(cross_validate(config, [1]))[-1] for config in made)
    assert isinstance(refitted, FoldResult) and isinstance(judged, FoldResult)
    np.testing.assert_equal(refitted.record.dev, judged.record.dev)
    one, other = (RunStore(config.run.store).open_test(e.record.key) for config, e in zip(made, (refitted, judged), strict=True))
    assert one.metrics["ccc.valence@text_only"] != other.metrics["ccc.valence@text_only"]


def test_no_condition_is_asked_for_before_training_has_ended(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels under conditions are poison until the last epoch has ended, and then they are not."""
    planned = plan(config)
    poison = {entry: _poisoned(planned.dataset, entry) for entry in ENTRIES}
    poisoned = dataclasses.replace(planned, dataset=dataclasses.replace(planned.dataset, conditions=poison))
    (*_, clean) = cross_validate(config, [2], RunStore(config.run.store + "-clean"), planned)
    (*_, tainted) = cross_validate(config, [2], RunStore(config.run.store + "-poison"), poisoned)
    assert isinstance(clean, FoldResult) and isinstance(tainted, FoldResult)
    assert clean.record.epochs == tainted.record.epochs and clean.record.chosen_epoch == tainted.record.chosen_epoch
    np.testing.assert_equal(headline(clean.record.dev), headline(tainted.record.dev))
    assert clean.record.dev["ccc.valence@noise:0"] != tainted.record.dev["ccc.valence@noise:0"]


def _poisoned(inputs: Dataset, entry: str) -> ChangedChannels:
    changed = inputs.conditions[entry]
    if "speech" not in changed.channels:
        return changed
    speech = changed.channels["speech"]
    scrambled = [torch.flip(speech.sequences[row], (0, 2)) * 9 for row in range(len(inputs.corpus))]
    return changed._replace(channels={"speech": dataclasses.replace(speech, sequences=scrambled)})


def test_inputs_of_another_configuration_are_refused(config: Config, inputs: Dataset) -> None:
    with pytest.raises(SettingError, match="loaded for other conditions or views"):
        plan(config, dataset=inputs)


def heard(configure: Configure, folder: Path, texts: list[str]) -> Config:
    """A configuration that tests with another text."""
    names = load_dataset(configure()).corpus.column("utterance")
    file = folder / "heard.csv"
    pd.DataFrame({"utterance": names[::-1], "asr": texts[::-1]}).to_csv(file, index=False)
    return configure("conditions=[text:asr]", f"corpus.columns_file={file}")


def test_another_text_is_read_in_its_place(configure: Configure, inputs: Dataset, tmp_path: Path) -> None:
    texts = [f"word{row} no" for row in range(96)]
    config = heard(configure, tmp_path, texts)
    made = load_dataset(config)
    expected = text_channel(config, "text", ["u"] * 96, texts)
    found = made.under("text:asr").channels["text"]
    assert all(torch.equal(found.sequences[row], expected.sequences[row]) for row in range(96))
    assert torch.equal(made.channels["text"].sequences[7], inputs.channels["text"].sequences[7])
    model = build_model(config, made, torch.arange(48), 1)
    planned = plan(config, dataset=made)
    scores = condition_scores(planned, model, ROWS)
    other = dataclasses.replace(made, channels={**made.channels, "text": expected})
    np.testing.assert_equal(
        scores, {f"{name}@text:asr": each for name, each in score(predict(config, other, model, ROWS)).items()}
    )
    assert development_score(config, made, model, ROWS) != development_score(config, other, model, ROWS)
    again = plan(heard(configure, tmp_path, [*texts[:-1], "other"]))
    assert again.fingerprint != planned.fingerprint and again.folds.hash == planned.folds.hash


def test_a_column_that_is_not_there_is_named(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"has no column 'asr' \(further columns: none\); add one to its table .*columns_file=FILE\.csv"
    ):
        load_dataset(configure("conditions=[text:asr]"))
    config = heard(configure, tmp_path, ["x"] * 96)
    pd.read_csv(tmp_path / "heard.csv").iloc[:-1].to_csv(tmp_path / "heard.csv", index=False)
    with pytest.raises(CorpusError, match="has no row for 1 of 96 utterances"):
        load_dataset(config)


def test_a_channel_that_is_off_is_never_extracted(configure: Configure, inputs: Dataset) -> None:
    silent = configure("model.speech=none")
    assert list(load_dataset(silent).channels) == ["text"]
    assert not load_dataset(configure()).conditions
