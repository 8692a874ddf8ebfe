"""Is `ser predict` as fast as feature extraction in `ser run`? Both on the same files, in turns.

    python tests/benchmarks/predicting.py MODEL FOLDER [--files 300] [--rounds 3]
MODEL is a trained model folder with its encoder, FOLDER holds recordings. Prints seconds of processor and their ratio.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import pandas as pd

from cluster.models.inputs import SOUNDS
from ser_core.config.compose import compose
from ser_core.content_hashes import content_hashes
from ser_core.dataset.channels import speech_channel, speech_items
from ser_core.trained import load
from ser_core.trained.emotion_model import Utterance


def extract(files: list[Path], encoder: str) -> float:
    """Returns the processor seconds of feature extraction as a study does it, into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            {"file": str(file), "speaker": f"s{number % 4}", "emotion": "ab"[number % 2]} for number, file in enumerate(files)
        ]
        pd.DataFrame(rows).to_csv(Path(folder) / "table.csv", index=False)
        words = [
            "corpus=table",
            f"corpus.path={folder}/table.csv",
            f"model.speech={encoder}",
            "model.text=none",
            f"run.store={folder}",
        ]
        config = compose(words)
        corpus = config.corpus.read(config.cache)
        before = time.process_time()
        hashes = content_hashes(corpus.table["file"], config.cache)
        speech_channel(config, speech_items(corpus, hashes), False)
        return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    files = list(itertools.islice((file for file in sorted(asked.folder.rglob("*")) if file.suffix in SOUNDS), asked.files))
    model, ratios = load(asked.model, "cpu"), []
    for _ in range(asked.rounds):
        extracted = extract(files, str(asked.model / "encoder-speech"))
        before = time.process_time()
        assert len(list(model.predict([Utterance(str(file)) for file in files]))) == len(files)
        predicted = time.process_time() - before
        ratios.append(predicted / extracted)
        print(
            f"{len(files)} files: extraction {extracted:.1f} s, prediction {predicted:.1f} s, ratio {ratios[-1]:.2f}", flush=True
        )
    print(f"median ratio {statistics.median(ratios):.2f} (below 1: prediction is faster)")


if __name__ == "__main__":
    main()
