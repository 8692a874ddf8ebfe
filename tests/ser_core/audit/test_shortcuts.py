"""Recording cues tied to a label are warned of; level and duration are a note; chance is nothing."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_core.audit.cues import Cues, steepest_edge
from ser_core.audit.listening import Heard
from ser_core.audit.shortcuts import probe, shortcuts
from ser_core.audit.spectrum import BINS_HZ
from ser_core.corpus.corpus import Corpus, complete

SPEAKERS, EACH, CLASSES = 8, 6, ("anger", "joy", "sadness")


def acted() -> Corpus:
    """Eight speakers act each of three emotions six times."""
    rows = [
        {"utterance": f"{speaker}-{emotion}-{take}", "file": f"/{speaker}-{emotion}-{take}.wav", "speaker": str(speaker)}
        | {"emotion": emotion}
        for speaker in range(SPEAKERS)
        for emotion in CLASSES
        for take in range(EACH)
    ]
    table = complete(pd.DataFrame(rows)).sort_values("utterance", ignore_index=True)
    return Corpus("made", table, CLASSES, (), "none", "made here")


def heard(corpus: Corpus, seed: int = 0) -> list[Heard]:
    """Cues that vary by speaker and by chance, never by class."""
    generator = np.random.default_rng(seed)
    offsets = generator.exponential(0.1, SPEAKERS)
    return [
        Heard(
            seconds=2.0,
            format="wav PCM_16 16000 Hz, 1 channels",
            cues=Cues(
                silence_before=offsets[int(speaker)] + generator.exponential(0.05),
                silence_after=generator.exponential(0.05),
                edge=generator.normal(8, 2),
                treble_floor=generator.normal(-90, 5),
                level=generator.normal(-20, 3),
                seconds=generator.normal(3, 0.5),
            ),
        )
        for speaker in corpus.column("speaker").tolist()
    ]


def changed(corpus: Corpus, each: list[Heard], emotion: str, **by: float) -> list[Heard]:
    """Adds to cues of one class."""
    return [
        dataclasses.replace(one, cues=dataclasses.replace(one.cues, **{k: getattr(one.cues, k) + v for k, v in by.items()}))
        if label == emotion
        else one
        for one, label in zip(each, corpus.column("emotion").tolist(), strict=True)
    ]


def test_cues_of_chance_are_nothing() -> None:
    corpus = acted()
    assert [finding.name for seed in range(20) for finding in shortcuts(corpus, heard(corpus, seed))] == []


@pytest.mark.parametrize(
    "by", [{"zeros_before": 0.1}, {"zeros_after": 0.1}, {"silence_before": 0.3}, {"edge": 20.0}, {"treble_floor": 40.0}], ids=str
)
def test_a_cue_of_one_class_is_a_warning_that_names_both(by: dict[str, float]) -> None:
    corpus = acted()
    (finding,) = shortcuts(corpus, changed(corpus, heard(corpus), "joy", **by))
    assert (finding.name, finding.severity) == ("recording tells the label", "warn")
    assert finding.counts["class"] == "joy" and finding.counts["cue"] in by
    assert finding.counts["uar"] > 0.5 and finding.found.startswith("joy has ")


def test_half_of_a_class_with_a_clear_cue_is_enough() -> None:
    corpus = acted()
    each = heard(corpus)
    padded = changed(corpus, each, "joy", zeros_before=0.1)
    half = [one if row % 2 else other for row, (one, other) in enumerate(zip(each, padded, strict=True))]
    (finding,) = shortcuts(corpus, half)
    assert finding.counts["covered"] == pytest.approx(0.5)


def test_a_file_format_of_one_class_is_a_warning() -> None:
    corpus = acted()
    kinds = {"anger": "mp3 MPEG_LAYER_III 44100 Hz, 1 channels"}
    each = [
        dataclasses.replace(one, format=kinds.get(label, one.format))
        for one, label in zip(heard(corpus), corpus.column("emotion").tolist(), strict=True)
    ]
    assert {finding.counts["class"] for finding in shortcuts(corpus, each)} == {"anger"}


def test_a_format_per_speaker_is_nothing() -> None:
    corpus = acted()
    each = [
        dataclasses.replace(one, format=f"wav PCM_16 {8000 + 8000 * (int(speaker) % 2)} Hz, 1 channels")
        for one, speaker in zip(heard(corpus), corpus.column("speaker").tolist(), strict=True)
    ]
    assert shortcuts(corpus, each) == []


def test_level_and_duration_are_a_note() -> None:
    corpus = acted()
    (finding,) = shortcuts(corpus, changed(corpus, heard(corpus), "anger", level=9.0))
    assert (finding.name, finding.severity) == ("level and duration", "info")
    assert finding.counts["level"] > 0.5 and "duration" not in finding.counts


@pytest.mark.parametrize("cue", ["level", "peak", "seconds"])
@pytest.mark.parametrize("classes", [("joy",), CLASSES], ids=len)
def test_one_value_for_all_of_a_class_is_a_warning(cue: str, classes: tuple[str, ...]) -> None:
    corpus = acted()
    each = [
        dataclasses.replace(one, cues=dataclasses.replace(one.cues, **{cue: float(CLASSES.index(label))}))
        if label in classes
        else one
        for one, label in zip(natural_peaks(corpus), corpus.column("emotion").tolist(), strict=True)
    ]
    assert {(each.name, each.severity, each.counts["cue"]) for each in shortcuts(corpus, each)} == {
        ("recording tells the label", "warn", cue)
    }


def test_a_level_that_tells_all_classes_apart_is_a_warning() -> None:
    corpus = acted()
    each = changed(corpus, changed(corpus, heard(corpus), "anger", level=20.0), "joy", level=-20.0)
    (finding,) = shortcuts(corpus, each)
    assert (finding.severity, finding.counts["cue"]) == ("warn", "level") and finding.counts["uar"] > 0.95


@pytest.mark.parametrize("cue", ["level", "peak"])
def test_one_level_for_all_files_or_for_a_speaker_is_nothing(cue: str) -> None:
    corpus = acted()
    for values in (lambda speaker: -1.0, float):
        each = [
            dataclasses.replace(one, cues=dataclasses.replace(one.cues, **{cue: values(speaker)}))
            for one, speaker in zip(natural_peaks(corpus), corpus.column("speaker").tolist(), strict=True)
        ]
        assert shortcuts(corpus, each) == []


def natural_peaks(corpus: Corpus) -> list[Heard]:
    generator = np.random.default_rng(1)
    return [dataclasses.replace(one, cues=dataclasses.replace(one.cues, peak=generator.normal(-8, 4))) for one in heard(corpus)]


def test_a_probe_does_not_see_the_speaker_it_is_tested_on() -> None:
    corpus = acted()
    speakers, labels = corpus.column("speaker"), corpus.column("emotion")
    # A cue that gives the label away within a speaker but whose order differs from speaker to speaker.
    order = {speaker: np.random.default_rng(int(speaker)).permutation(3) for speaker in set(speakers.tolist())}
    values = np.array([order[speaker][CLASSES.index(label)] for speaker, label in zip(speakers, labels, strict=True)], float)
    assert probe(values[:, None], labels, speakers) < 0.6
    assert probe(np.array([[CLASSES.index(label)] for label in labels], float), labels, speakers) == 1.0


def test_a_low_pass_makes_an_edge() -> None:
    smooth = (1 / (1 + (BINS_HZ / 1000) ** 2)).astype(np.float32)
    assert steepest_edge(smooth) < 5
    assert steepest_edge(np.where(BINS_HZ < 4000, smooth, smooth * 1e-4).astype(np.float32)) > 30
