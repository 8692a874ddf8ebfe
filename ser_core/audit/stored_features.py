"""What stored features give away or lack: utterances without any, unreadable files, and one vector for several utterances."""

from collections import defaultdict

from ser_core.audit.finding import EXAMPLES, Finding
from ser_core.config.tree import Config
from ser_core.corpus.corpus import Corpus
from ser_core.encoders.features.stored import Stored, StoredFeatures
from ser_core.errors import BridgeworkError
from ser_core.progress import bar


def stored_features(config: Config, corpus: Corpus, progress: bool = False) -> list[Finding]:
    """Reads every channel of stored features as a run would, and reports what would stop it or mislead it."""
    findings = []
    for name, option in config.model.encoders.items():
        if isinstance(option, StoredFeatures):
            try:
                items = option.items(corpus.table, config.cache).items
                _read(items, progress)
            except BridgeworkError as error:
                findings.append(_unusable(name, str(error)))
            else:
                findings += _shared(name, items, corpus)
    return findings


def _read(items: list[Stored], progress: bool) -> None:
    with bar(len(items), "reading stored features", progress) as advance:
        for item in items:
            item.read()
            advance()


def _unusable(channel: str, why: str) -> Finding:
    fault, _, remedy = why.rpartition("; ")
    return Finding("unusable features", "fail", f"Channel {channel}: {fault or why}.", f"{(remedy or why).capitalize()}.")


def _shared(channel: str, items: list[Stored], corpus: Corpus) -> list[Finding]:
    """Reports features that several utterances share, so that they may describe a speaker or a file, not an utterance."""
    rows = defaultdict[str, list[int]](list)
    for row, item in enumerate(items):
        rows[item.content].append(row)
    groups = [each for each in rows.values() if len(each) > 1]
    if not groups:
        return []
    utterances, labels = corpus.column("utterance"), corpus.column("emotion")
    one_label = sum(len(set(labels[each].tolist())) == 1 for each in groups)
    return [
        Finding(
            "shared features",
            "warn",
            f"Channel {channel}: {sum(map(len, groups))} utterances share their features with another, in {len(groups)} groups; "
            f"{one_label} groups have a single emotion.",
            "Compute features from each utterance alone; features of a label, a speaker or a session give it away.",
            {"groups": len(groups), "utterances": sum(map(len, groups)), "one_emotion": one_label},
            tuple(" = ".join(utterances[each[:2]].tolist()) for each in groups[:EXAMPLES]),
        )
    ]
