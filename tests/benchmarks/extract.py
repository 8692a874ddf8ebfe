"""What extraction saves: utterances per second of the feature store against the usual loop over padded batches of eight.

    uv run python tests/benchmarks/extract.py ENCODER [--utterances 48] [--rounds 3] [--layers weighted] [corpus overrides]
ENCODER is a checkpoint folder, or KIND-SHAPE (wavlm-tiny, wav2vec2-base) for random weights; the corpus is the demo's unless
overrides name another. Utterances are those of the corpus at equal distances, in file order. Both ways decode the files, run the
encoder in float32 and keep the same hidden states; ours averages and writes them, too. Ways take turns, round by round. Prints
ratios, of the clock and of the processor (which other users of the machine disturb less), and writes extract.json.
"""

import argparse
import functools
import json
import operator
import tempfile
from pathlib import Path

import torch
from usual import SHAPES, Spent, Usual, random_encoder, spent, write_figures

from ser_core import audio
from ser_core.config.compose import compose
from ser_core.content_hashes import content_hashes
from ser_core.dataset.channels import speech_items
from ser_core.encoders.speech import SpeechExtractor
from ser_core.feature_store.features import FeatureStore, Speech

BATCH = 8


def main() -> None:
    """Measures both ways in every round, whichever is first changing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", help="folder, or KIND-SHAPE")
    parser.add_argument("--utterances", type=int, default=48, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", default="weighted", help="hidden states that are kept: weighted (all), last, or a number")
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as place:
        measured(asked, Path(place))


def measured(asked: argparse.Namespace, place: Path) -> None:
    """Prints and writes the figures."""
    kind, _, shape = asked.encoder.partition("-")
    folder = random_encoder(kind, shape, place / "encoder") if shape in SHAPES else Path(asked.encoder)
    ours = SpeechExtractor(folder, asked.layers, 4, torch.device("cpu"))
    usual = Usual(folder)
    config = compose([*asked.overrides, f"run.store={place}/store"])
    corpus = config.corpus.read(config.cache)
    items = speech_items(corpus, content_hashes(corpus.table["file"], config.cache))
    chosen = [items[int(each * len(items) / asked.utterances)] for each in range(min(asked.utterances, len(items)))]
    waves = [audio.load(item.file, item.start, item.end, config.audio) for item in chosen]
    ways = {
        "ours": lambda turn: FeatureStore(place / f"features-{turn}").features(chosen, ours, config.audio),
        "usual": lambda turn: padded(chosen, usual, config.audio, asked.layers != "last"),
    }
    ours([waves[0]]), padded(chosen[:1], usual, config.audio, True)
    rounds: list[dict[str, Spent]] = []
    for turn in range(asked.rounds):
        order = sorted(ways, reverse=bool(turn % 2))
        rounds.append({way: spent(functools.partial(ways[way], turn)) for way in order})
        print(turn, json.dumps(rounds[-1]["usual"].over(rounds[-1]["ours"])), flush=True)
    whole = {way: functools.reduce(operator.add, (each[way] for each in rounds)) for way in ways}
    count, lengths = asked.rounds * len(chosen), [len(wave) for wave in waves]
    batches = [lengths[first : first + BATCH] for first in range(0, len(lengths), BATCH)]
    figures = {
        "encoder": f"{asked.encoder}, random weights" if shape in SHAPES else folder.name,
        "corpus": corpus.name,
        "utterances": len(chosen),
        "layers": asked.layers,
        "seconds_of_audio": round(sum(lengths) / audio.SAMPLE_RATE_HZ, 1),
        "padded_to_the_longest": round(sum(max(each) * len(each) for each in batches) / sum(lengths), 2),
        "utterances_per_second_of_the_clock": {way: round(count / each.wall, 2) for way, each in whole.items()},
        "threads_of_the_usual_way": torch.get_num_threads(),
        "ratio": whole["usual"].over(whole["ours"]),
    }
    print(json.dumps(figures, indent=1))
    write_figures("extract", figures)


@torch.no_grad()
def padded(items: list[Speech], usual: Usual, settings: audio.Audio, every: bool) -> list[torch.Tensor]:
    """The usual loop, in file order: batches of eight, padded; each utterance's own frames are kept as float16."""
    found = []
    for first in range(0, len(items), BATCH):
        waves = [audio.load(item.file, item.start, item.end, settings) for item in items[first : first + BATCH]]
        states = torch.stack(usual.states(usual.inputs(waves), every), dim=2)
        found += [state[: usual.frames(wave)].half() for state, wave in zip(states, waves, strict=True)]
    return found


if __name__ == "__main__":
    main()
