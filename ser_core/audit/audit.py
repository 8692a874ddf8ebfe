"""The audit of a configuration: every check over its corpus as a run would use it, its folds and its encoders."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ser_core.audio import Audio
from ser_core.audit.balance import balance
from ser_core.audit.code_words import code_words
from ser_core.audit.copies import changed_copies
from ser_core.audit.files import clipped, doubtful, duplicated, longer, overlapping, too_many_for_copies, unusable
from ser_core.audit.finding import Finding, gravest_first
from ser_core.audit.fingerprint import same_recordings
from ser_core.audit.listening import Heard, listen
from ser_core.audit.overlap import people, recordings
from ser_core.audit.pretraining import checkpoint_names, pretraining
from ser_core.audit.shortcuts import shortcuts
from ser_core.audit.stored_features import stored_features
from ser_core.audit.texts import tags, transcripts
from ser_core.audit.voices import voices
from ser_core.config.tree import Config
from ser_core.config.without_effect import settings_without_effect
from ser_core.content_hashes import content_hashes
from ser_core.corpus.corpus import Corpus
from ser_core.dataset.channels import shortest_audio
from ser_core.errors import CorpusError
from ser_core.folds import Folds, make_folds, unused_notice


@dataclasses.dataclass(frozen=True)
class Audited:
    """The findings of an audit, most severe first, and what was audited."""

    corpus: str
    utterances: int
    protocol: str
    split: str
    """Hash of the split, as on the protocol card."""
    findings: list[Finding]
    notices: tuple[str, ...] = ()
    """Notices about the corpus, and about settings without effect."""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    """Processor time of the checks that take most of it."""

    @property
    def passed(self) -> bool:
        """Whether no finding contradicts the protocol; warnings are allowed."""
        return all(finding.severity != "fail" for finding in self.findings)

    def plain(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {**dataclasses.asdict(self), "passed": self.passed}


def audit(config: Config, overrides: Sequence[str] = (), progress: bool = False) -> Audited:
    """Audits what `config` would train and test on, with the utterances that `run.on_bad_audio=skip` would keep.

    `overrides` are the overrides that composed `config`; the notices name those without effect.

    Raises CorpusError when the corpus cannot be read, no audio can be used, or the folds cannot be made.
    """
    cache = config.cache
    corpus = config.corpus.read(cache)
    notices = (*corpus.notices, *settings_without_effect(config, corpus, overrides))
    shortest = shortest_audio(config)
    seconds: dict[str, float] = {}
    with _timed(seconds, "listening"):
        heard = listen(corpus, config.audio, shortest or 1, progress)
    broken = unusable(corpus, heard)
    bad = {name: each.reason for name, each in zip(corpus.table["utterance"], heard, strict=True) if each.reason}
    if shortest and len(bad) == len(corpus):
        name, reason = next(iter(bad.items()))
        raise CorpusError(f"corpus {corpus.name}: no utterance has usable audio; first {name}: {reason}; correct the paths")
    if shortest and bad:
        heard = [each for each in heard if not each.reason]
        corpus = corpus.without(bad)
    hashes = content_hashes(corpus.table["file"], cache, progress)
    # Unknown speakers are a finding and not an error here, so that all other findings appear too.
    accepting = dataclasses.replace(corpus, unknown_speakers="each") if corpus.why_unknown else corpus
    folds = make_folds(accepting, config.folds, corpus.card("".join(hashes[file] for file in corpus.table["file"])))
    notices += tuple(unused_notice(accepting, config.folds, folds))
    encoders = {f"model.{name}": checkpoint_names(getattr(option, "path", "")) for name, option in config.model.encoders.items()}
    findings = [*broken, *findings_of(corpus, folds, heard, config.audio, seconds), *pretraining(corpus, encoders)]
    findings += stored_features(config, corpus, progress)
    protocol = str(folds.protocol["protocol"])
    return Audited(corpus.name, len(corpus), protocol, folds.hash, gravest_first(findings), notices, seconds)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], check: str) -> Iterator[None]:
    """Notes the processor time of a check."""
    begin = time.process_time()
    yield
    seconds[check] = round(time.process_time() - begin, 2)


def findings_of(
    corpus: Corpus, folds: Folds, heard: Sequence[Heard], audio: Audio, seconds: dict[str, float] | None = None
) -> list[Finding]:
    """Runs every check over a corpus, its folds and its audio, which is given in the order of the corpus table.

    `seconds` receives the processor time of the expensive checks.
    """
    seconds = {} if seconds is None else seconds
    content = np.array([each.content for each in heard], dtype=str)
    with _timed(seconds, "copies"):
        pairs = sorted({*same_recordings([each.words for each in heard]), *overlapping(corpus)})
    with _timed(seconds, "changed copies"):
        copies = changed_copies([each.picture for each in heard])
        changed = sorted({(each.one, each.other) for each in copies}.difference(pairs))
    with _timed(seconds, "voices"):
        heard_voices = voices(corpus, heard)
    with _timed(seconds, "shortcuts"):
        told = shortcuts(corpus, heard)
    with _timed(seconds, "texts"):
        written = [*transcripts(corpus, folds), *tags(corpus), *code_words(corpus)]
    return [
        *people(corpus, folds),
        *heard_voices,
        *recordings(corpus, folds, content, pairs, changed),
        *written,
        *told,
        *balance(corpus, folds),
        *too_many_for_copies(corpus, heard),
        *doubtful(corpus, heard),
        *clipped(corpus, heard),
        *longer(corpus, heard, audio),
        *duplicated(corpus, content, sorted({*pairs, *changed})),
    ]
