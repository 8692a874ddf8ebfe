"""Which encoders were pre-trained on which corpora: a short list from their authors' statements."""

import contextlib
import dataclasses
import json
import re
from pathlib import Path

from ser_core.audit.finding import Finding
from ser_core.corpus.corpus import Corpus

WAGNER = "Wagner et al. 2023, arXiv 2203.07378"
MA = "Ma et al. 2023, arXiv 2312.15185"
SUPERB = "Yang et al. 2021, SUPERB, arXiv 2105.01051"


@dataclasses.dataclass(frozen=True)
class Met:
    """Checkpoints whose name matches `pattern` were trained on `corpora`, with or without their labels."""

    pattern: str
    corpora: tuple[str, ...]
    labels: bool
    source: str


REGISTRY = (
    Met("emotion2vec", ("iemocap", "meld", "mosei", "mead", "msppodcast"), False, MA),
    Met("wav2vec2-large-robust.*-ft-emotion-msp-dim", ("msppodcast",), True, WAGNER),
    Met("superb-er$", ("iemocap",), True, SUPERB),
    Met("emotion-recognition-.*-iemocap", ("iemocap",), True, "the checkpoint's name and model card"),
)
"""Only certain cases. An encoder that is not listed may still have seen a corpus; check its paper."""


def pretraining(corpus: Corpus, encoders: dict[str, list[str]]) -> list[Finding]:
    """Reports each encoder that has seen the corpus. `encoders`: the names of each channel's checkpoint."""
    findings = []
    title = re.sub(r"[^a-z0-9]", "", corpus.name.lower())
    for channel, names in encoders.items():
        for met in REGISTRY:
            name = next((name for name in names if re.search(met.pattern, name.lower())), None)
            seen = [each for each in met.corpora if each in title]
            if name and seen:
                how = "with its labels" if met.labels else "without its labels"
                findings.append(
                    Finding(
                        "pre-training overlap",
                        "warn",
                        f"{channel}={name} was trained on {corpus.name} {how}, so it knows the speakers of every test part.",
                        "Compare with an encoder that has not seen the corpus, or say so next to the score.",
                        {"labels": met.labels},
                        (name,),
                        met.source,
                    )
                )
    return findings


def checkpoint_names(path: str) -> list[str]:
    """Returns the names of a checkpoint: its folder, and its published name if its config.json has one."""
    names = [path.rstrip("/")] if path else []
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no folder, no JSON, no mapping: no name
        names.append(str(json.loads((Path(path) / "config.json").read_text()).get("_name_or_path", "")))
    return [name for name in names if name]
