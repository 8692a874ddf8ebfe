"""What fine-tuning costs: our trained upper layers against Trainer of transformers, on the same encoder, utterances and batches.

    uv run python tests/benchmarks/finetune.py [--layers 2] [--tune -1] [--utterances 32] [--batch 8] [--rounds 3] [--device cpu]
The encoder is a WavLM of the base shape with random weights and so many layers (12 is the real one). Utterances are noise as
long as those of IEMOCAP: log-normal, median 3.58 s, mean 4.55 s, at most 15 s. Ours computes once what lies below the trained
layers and batches by length (optim.batching=length), so much a step as the Trainer's padded batches have on average; "by_count"
is the same in batches of as many utterances as the Trainer's, of similar lengths. The Trainer's model runs its frozen
convolutions in every step and batches in random order. An epoch of each takes its turn, on one thread, without dropout. Prints
seconds of the clock and of the processor per second of audio, and ratios; on a GPU (--device cuda --peak-tflops N) also the share
of the peak, which has not been run. Writes finetune.json.
"""

import argparse
import dataclasses
import functools
import json
import operator
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch
from usual import SHAPES, Spent, random_encoder, spent, write_figures

from ser_core.audio import SAMPLE_RATE_HZ, load
from ser_core.config.compose import compose
from ser_core.cross_validation.plan import Plan, plan
from ser_core.training.epoch import train_epoch
from ser_core.training.train_state import begin_stage, new_model

CLASSES = ("anger", "happiness", "neutral", "sadness")
MEDIAN_SECONDS, SIGMA, MOST_SECONDS = 3.58, 0.692, 15.0
FRAMES_PER_SECOND = 50
MANY_EPOCHS = 20


def main() -> None:
    """Measures an epoch of each in every round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="base")
    parser.add_argument("--layers", type=int, default=2, help="of the encoder; 0 is the shape's own number")
    parser.add_argument("--tune", type=int, default=-1, help="uppermost layers that ours trains; the Trainer trains all")
    parser.add_argument("--utterances", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--peak-tflops", type=float, default=0.0, help="of the GPU in bfloat16, for the share of the peak")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        measured(asked, Path(place))


def measured(asked: argparse.Namespace, place: Path) -> None:
    """Prints and writes the figures."""
    encoder = random_encoder("wavlm", asked.shape, place / "encoder", asked.layers)
    corpus = f"corpus=table corpus.path={corpus_of_noise(place, asked.utterances)} folds=kfold folds.count=2"
    encoders = f"model.speech={encoder} model.text=none model.speech.tune={asked.tune} model.dropout=0"
    running = f"optim.batch={asked.batch} optim.refit=false run.store={place}/store run.device={asked.device}"
    config = compose([*corpus.split(), *encoders.split(), *running.split()])
    plans: list[Plan] = []
    extraction = spent(lambda: plans.append(plan(config)))
    lengths = [row_seconds(plans[0], row) for row in range(asked.utterances)]
    size = round(padded_seconds(lengths, asked.batch) * len(lengths) / sum(lengths))
    by_length = dataclasses.replace(config.optim, batching="length", batch=size)
    budgeted = dataclasses.replace(plans[0], config=dataclasses.replace(plans[0].config, optim=by_length))
    ways = {
        "ours": our_epoch(budgeted),
        "by_count": our_epoch(plans[0]),
        "trainer": trainer_epoch(plans[0], encoder, asked),
    }
    rounds: list[dict[str, Spent]] = []
    for turn in range(asked.rounds + 1):
        rounds.append({way: spent(functools.partial(finished, ways[way])) for way in sorted(ways, reverse=bool(turn % 2))})
        print(turn, json.dumps({way: rounds[-1]["trainer"].over(rounds[-1][way]) for way in ("ours", "by_count")}), flush=True)
    figures = {"ours_fills_a_step_with_utterances_of_mean_length": size, **compared(asked, rounds[1:], extraction, lengths)}
    print(json.dumps(figures, indent=1))
    write_figures("finetune", figures)


def compared(
    asked: argparse.Namespace, rounds: list[dict[str, Spent]], extraction: Spent, lengths: list[float]
) -> dict[str, Any]:
    """The figures of the rounds after the first, in which libraries are loaded."""
    whole = {way: functools.reduce(operator.add, (each[way] for each in rounds)) for way in rounds[0]}
    ours, share, heard = whole["ours"], len(rounds) / MANY_EPOCHS, sum(lengths) * len(rounds)
    spread = Spent(ours.wall + share * extraction.wall, ours.processor + share * extraction.processor)
    each_second = {
        way: {kind: round(getattr(one, kind) / heard, 4) for kind in ("wall", "processor")} for way, one in whole.items()
    }
    figures: dict[str, Any] = {
        **{name: value for name, value in vars(asked).items() if name not in ("device", "peak_tflops")},
        "seconds_of_audio": round(sum(lengths), 1),
        "seconds_per_second_of_audio": each_second,
        "ratio": whole["trainer"].over(ours),
        "ratio_by_count": whole["trainer"].over(whole["by_count"]),
        f"ratio_with_extraction_over_{MANY_EPOCHS}_epochs": whole["trainer"].over(spread),
        "model_flop_utilisation": "not measured",
    }
    if asked.device == "cuda" and asked.peak_tflops:
        rate = flops_of_an_epoch(asked, lengths) * len(rounds) / asked.peak_tflops / 1e12
        figures["model_flop_utilisation"] = {way: round(rate / one.wall, 3) for way, one in whole.items()}
    return figures


def finished(work: Any) -> None:
    """An epoch, and what the GPU still has to do of it."""
    torch.set_num_threads(1)
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def corpus_of_noise(place: Path, utterances: int) -> Path:
    """A table of noise by eight speakers, as long as utterances are."""
    drawn, rows = np.random.default_rng(0), []
    for number in range(utterances):
        seconds = float(np.clip(MEDIAN_SECONDS * np.exp(SIGMA * drawn.standard_normal()), 0.5, MOST_SECONDS))
        file = place / f"{number:04d}.wav"
        soundfile.write(file, 0.1 * drawn.standard_normal(int(seconds * SAMPLE_RATE_HZ)), SAMPLE_RATE_HZ)
        rows.append({"file": file.name, "speaker": f"s{number % 8}", "emotion": CLASSES[number // 8 % 4]})
    pd.DataFrame(rows).to_csv(place / "noise.csv", index=False)
    return place / "noise.csv"


def padded_seconds(lengths: list[float], size: int) -> float:
    """Length of a batch drawn at random and padded to its longest, in the mean."""
    drawn, size = np.random.default_rng(0), min(size, len(lengths))
    return float(np.mean([size * drawn.choice(lengths, size, replace=False).max() for _ in range(10_000)]))


def row_seconds(planned: Plan, row: int) -> float:
    """How long an utterance is."""
    return len(wave_of(planned, row)) / SAMPLE_RATE_HZ


def wave_of(planned: Plan, row: int) -> np.ndarray:
    one = planned.dataset.corpus.table.iloc[row]
    return load(one["file"], one["start"], one["end"], planned.config.audio)


def our_epoch(planned: Plan) -> Any:
    """Trains the next epoch of a course over all utterances."""
    rows = list(range(len(planned.dataset.corpus)))
    course = begin_stage(planned.config, planned.dataset, new_model(planned.config, planned.dataset, rows, 1), rows, 1, 0)
    return lambda: train_epoch(planned.config, planned.dataset, course, 1)


def trainer_epoch(planned: Plan, encoder: Path, asked: argparse.Namespace) -> Any:
    """Trains an epoch with Trainer, as the documentation of audio classification has it: convolutions frozen, batches padded."""
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, Trainer, TrainingArguments
    from transformers.utils import logging

    logging.set_verbosity_error()
    prepare = AutoFeatureExtractor.from_pretrained(encoder)
    model = AutoModelForAudioClassification.from_pretrained(encoder, num_labels=len(CLASSES))
    model.freeze_feature_encoder()
    labels = [CLASSES.index(name) for name in planned.dataset.corpus.column("emotion")]
    data: Any = [{"wave": wave_of(planned, row), "label": label} for row, label in enumerate(labels)]

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        waves = [each["wave"] for each in examples]
        padded = prepare(waves, sampling_rate=SAMPLE_RATE_HZ, padding=True, return_tensors="pt")
        return {**padded, "labels": torch.tensor([each["label"] for each in examples])}

    silent = {"report_to": [], "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True}
    arguments = TrainingArguments(
        output_dir=str(encoder.parent / "trainer"),
        per_device_train_batch_size=asked.batch,
        num_train_epochs=1,
        use_cpu=asked.device == "cpu",
        bf16=asked.device == "cuda",
        remove_unused_columns=False,
        dataloader_pin_memory=asked.device == "cuda",
        **silent,
    )
    return Trainer(model=model, args=arguments, train_dataset=data, data_collator=collate).train


def flops_of_an_epoch(asked: argparse.Namespace, lengths: list[float]) -> float:
    """Forward and backward through the transformer layers over real frames: 6 per weight, and attention's 12 T dim a frame."""
    sizes = SHAPES[asked.shape]
    dim, count = sizes["hidden_size"], asked.layers or sizes["num_hidden_layers"]
    weights = 4 * dim * dim + 2 * dim * sizes["intermediate_size"]
    frames = [seconds * FRAMES_PER_SECOND for seconds in lengths]
    return float(sum(count * each * (6 * weights + 12 * each * dim) for each in frames))


if __name__ == "__main__":
    main()
