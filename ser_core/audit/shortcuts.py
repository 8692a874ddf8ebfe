"""Whether the recording alone gives the label away: silence, bandwidth, noise or file format that differ between classes.

    each speaker's utterances, ranked by a cue --> does one class rank higher? (area under the curve, averaged over speakers)
    labels permuted within speakers --> what chance reaches          all cues --LDA, other speakers--> UAR
Comparing within speakers leaves out what a speaker's microphone explains. Level and duration carry emotion genuinely, so they are
a note, until a class has one level (or length) of its own or they tell more classes apart than in any natural corpus. Natural
speech moves the other cues too (soft endings of sad speech read as silence), so a warning needs more than chance: the limits
below are what acted corpora reach (EmoDB, RAVDESS, demo) plus a margin.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from ser_core.audit.cues import Cues
from ser_core.audit.finding import Finding, percent
from ser_core.audit.listening import Heard
from ser_core.corpus.corpus import Corpus

LIMITS = {
    "silence_before": ("silence before speech", 0.88),
    "silence_after": ("silence after speech", 0.88),
    "zeros_before": ("digital silence at the start", 0.85),
    "zeros_after": ("digital silence at the end", 0.85),
    "edge": ("a sharp edge in the spectrum, as codecs and resampling leave it,", 0.85),
    "treble_floor": ("noise above 6 kHz", 0.95),
}
"""Cues of the recorder or the editor: their words, and the area under the curve from which they tell (chance is 0.5)."""
FORMAT_LIMIT = 0.65
"""The same for a file format; in a corpus of one format it is 0.5."""
PURE, COVERAGE = 0.9, 0.25
"""A cue also tells a class if the utterances beyond a limit are at least this pure and cover at least this share of the class."""
FEWEST = 10
"""Minimum utterances of a class beyond that limit."""
NATURAL = {"level": "level", "seconds": "duration"}
CONSTANT = {"level": ("level", 1.0, "dB"), "peak": ("peak level", 1.0, "dB"), "seconds": ("duration", 0.02, "s")}
"""Cues of which a class may have one value: their words, and the range within which values count as the same."""
MOST_SAME, FEWEST_SAME = 0.5, 0.1
"""One value is a class's own if it has at least this share of the class and at most this share of some other class."""
MOST_TOLD, CERTAIN = 2.75, 0.97
"""Classes that a natural cue may tell apart (UAR times classes), and the UAR that is always too high. EmoDB, RAVDESS and demo
reach 2.2 with any choice of their classes, and 0.93 with the loudest against the softest."""
PERMUTATIONS = 99
SIGNIFICANT = 0.01
LEAST_GAIN = 0.05
"""UAR above chance from which a natural cue is worth a note."""
MOST_GROUPS = 10
"""Groups of speakers of the cross-validation."""


@dataclasses.dataclass(frozen=True)
class Ranked:
    """Ranks [rows cues] of the cues within each speaker, the rows of each speaker, and one column of labels per class."""

    ranks: Float[np.ndarray, "rows cues"]
    groups: Sequence[np.ndarray]
    labels: Bool[np.ndarray, "rows classes"]

    def areas(self, order: np.ndarray | None = None) -> Float[np.ndarray, "cues classes"]:
        """Returns the area under the curve of each cue for each class, averaged over speakers; `order` permutes the labels."""
        labels = (self.labels if order is None else self.labels[order]).astype(float)
        total = np.zeros((self.ranks.shape[1], labels.shape[1]))
        weight = np.zeros(labels.shape[1])
        for rows in self.groups:
            ones = labels[rows].sum(0)
            pairs = ones * (len(rows) - ones)
            wins = self.ranks[rows].T @ labels[rows] - ones * (ones + 1) / 2
            total += np.where(pairs > 0, wins / len(rows), 0.0)
            weight += pairs / len(rows)
        return np.where(weight > 0, total / np.maximum(weight, 1e-9), 0.5)


def shortcuts(corpus: Corpus, heard: Sequence[Heard]) -> list[Finding]:
    """Reports recording cues that give the label away; what level and duration alone reach is a note while it is natural."""
    labels, speakers = corpus.column("emotion"), corpus.column("speaker")
    rows = np.flatnonzero((labels != "") & np.array([not each.reason for each in heard], dtype=bool))
    classes = np.unique(labels[rows])
    if len(classes) < 2 or len(set(speakers[rows].tolist())) < 2:
        return []
    labels, speakers = labels[rows], speakers[rows]
    cues = {
        field.name: np.array([getattr(heard[row].cues, field.name) for row in rows.tolist()])
        for field in dataclasses.fields(Cues)
    }
    formats = np.array([heard[row].format for row in rows.tolist()])
    kinds = np.unique(formats) if len(set(formats.tolist())) > 1 else []
    names = [*LIMITS, *kinds]
    table = np.stack([*(cues[name] for name in LIMITS), *((formats == kind).astype(float) for kind in kinds)], axis=1)
    groups = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]
    ranks = np.empty_like(table)
    for group in groups:
        ranks[group] = rankdata(table[group], axis=0)
    ranked = Ranked(ranks, groups, labels[:, None] == classes)
    told = _told_apart(ranked, table, names, classes, labels, speakers)
    return [*_artefacts(told, table, labels, speakers), *_natural(cues, labels, speakers)]


@dataclasses.dataclass(frozen=True)
class Told:
    """A class that a cue tells apart, how well, and the chance of that under permuted labels."""

    cue: str
    emotion: str
    area: float
    covered: float
    chance: float
    higher: bool


def _told_apart(ranked: Ranked, table: np.ndarray, names: list[str], classes: np.ndarray, labels, speakers) -> list[Told]:
    """Returns the clearest class of each cue that passes its limit and that permuted labels do not reach."""
    areas = ranked.areas()
    strength = np.abs(areas - 0.5)
    generator = np.random.default_rng(0)
    highest = np.zeros((PERMUTATIONS, len(names)))
    for number in range(PERMUTATIONS):
        order = np.arange(len(table))
        for rows in ranked.groups:
            order[rows] = generator.permutation(rows)
        highest[number] = np.abs(ranked.areas(order) - 0.5).max(1)
    told = []
    for place, name in enumerate(names):
        best = int(strength[place].argmax())
        covered, emotion, higher = 0.0, str(classes[best]), bool(areas[place, best] > 0.5)
        limit = LIMITS[name][1] if name in LIMITS else FORMAT_LIMIT
        if strength[place, best] < limit - 0.5 and name in LIMITS and name != "treble_floor":
            covered, emotion, higher = _pure(table[:, place], labels, speakers)
            best = classes.tolist().index(emotion)
        chance = float((1 + (highest[:, place] >= strength[place, best] - 1e-12).sum()) / (1 + PERMUTATIONS))
        if (strength[place, best] >= limit - 0.5 or covered >= COVERAGE) and chance <= SIGNIFICANT:
            told.append(Told(name, emotion, float(max(areas[place, best], 1 - areas[place, best])), covered, chance, higher))
    return told


def _pure(values: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> tuple[float, str, bool]:
    """Returns the largest share of a class beyond a limit that hardly any other utterance passes, the class and the side."""
    best = (0.0, str(labels[0]), True)
    for side in (1, -1):
        order = np.argsort(-side * values, kind="stable")
        last = np.append(np.diff(values[order]) != 0, True)
        for emotion in np.unique(labels).tolist():
            hits = np.cumsum(labels[order] == emotion)
            allowed = np.flatnonzero(last & (hits >= FEWEST) & (hits >= PURE * np.arange(1, len(values) + 1)))
            if len(allowed) and len(set(speakers[order[: allowed[-1] + 1]].tolist())) >= 3:
                best = max(best, (float(hits[allowed[-1]] / hits[-1]), emotion, side > 0))
    return best


def _artefacts(told: list[Told], table: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> list[Finding]:
    if not told:
        return []
    uar = probe(table, labels, speakers)
    chance = 1 / len(np.unique(labels))
    findings = []
    for each in told:
        words = LIMITS[each.cue][0] if each.cue in LIMITS else f"the file format {each.cue}"
        how = ("most" if each.higher else "least") + (" often" if each.cue not in LIMITS else "")
        more = f"it tells {percent(each.area)} of pairs apart"
        if each.covered:
            more = f"a limit on it picks out {percent(each.covered)} of the class"
        findings.append(
            Finding(
                "recording tells the label",
                "warn",
                f"{each.emotion} has {words} {how}: within a speaker, {more}; such cues together reach a UAR of {uar:.2f} across "
                f"speakers (chance {chance:.2f}).",
                "Trim, filter and encode all files alike, from the originals, or a model may learn the editor instead.",
                {"cue": each.cue, "class": each.emotion, "area": round(each.area, 3), "covered": round(each.covered, 3)}
                | {"p": each.chance, "uar": round(uar, 3)},
            )
        )
    return findings


def _natural(cues: dict[str, np.ndarray], labels: np.ndarray, speakers: np.ndarray) -> list[Finding]:
    """Warns of a level or duration that no natural corpus has, and otherwise notes what they alone reach if above chance."""
    classes = len(np.unique(labels))
    chance, limit = 1 / classes, min(CERTAIN, MOST_TOLD / classes)
    reached, findings = {}, list[Finding]()
    for name, (words, width, unit) in CONSTANT.items():
        uar = probe(cues[name][:, None], labels, speakers)
        above = uar >= chance + LEAST_GAIN and _significant(uar, cues[name][:, None], labels, speakers)
        what = _own_value(cues[name], labels, speakers, width, unit)
        if not what and above and uar >= limit:
            what = f"far more than in any natural corpus (at most {limit:.2f} with {classes} classes)"
        if what:
            findings.append(_set_by_label(name, words, what, uar, chance))
        elif above and name in NATURAL:
            reached[NATURAL[name]] = round(uar, 3)
    return [*findings, *_note(reached, chance)]


def _own_value(values: np.ndarray, labels: np.ndarray, speakers: np.ndarray, width: float, unit: str) -> str:
    """Returns which class has one value that another class hardly has, in words; "" if there is none."""
    order = np.argsort(values, kind="stable")
    ends = np.searchsorted(values[order], values[order] + width, side="right")
    classes = np.unique(labels)
    inside = np.stack([np.r_[0, np.cumsum(labels[order] == name)] for name in classes])
    hits = inside[:, ends] - inside[:, : len(values)]
    shares = hits / inside[:, -1:]
    least = shares.min(0)
    shares[(hits < FEWEST) | (shares < MOST_SAME) | (least > FEWEST_SAME)] = 0
    most, best = np.unravel_index(shares.argmax(), shares.shape)
    own = labels == classes[most]
    within = np.isin(np.arange(len(values)), order[best : ends[best]]) & own
    if not shares[most, best] or len(set(speakers[within])) < max(2, MOST_SAME * len(set(speakers[own]))):
        return ""
    other, low = classes[(hits[:, best] / inside[:, -1]).argmin()], values[order[best]]
    return (
        f"{percent(shares[most, best])} of {classes[most]} and {percent(least[best])} of {other} are between {low:.2f} and "
        f"{low + width:.2f} {unit}"
    )


def _set_by_label(name: str, words: str, what: str, uar: float, chance: float) -> Finding:
    return Finding(
        "recording tells the label",
        "warn",
        f"The {words} follows the class: {what}; it alone reaches a UAR of {uar:.2f} across speakers (chance {chance:.2f}).",
        "Take the original files, or bring all files to one level and cut them alike, or a model may learn the editor instead.",
        {"cue": name, "uar": round(uar, 3)},
    )


def _note(reached: dict[str, float], chance: float) -> list[Finding]:
    if not reached:
        return []
    return [
        Finding(
            "level and duration",
            "info",
            "What can be had without a model: a UAR of "
            + " and ".join(f"{uar:.2f} from {words}" for words, uar in reached.items())
            + f" alone, across speakers (chance {chance:.2f}).",
            "Emotion is loud or slow by nature, so nothing is wrong; a model should beat these figures clearly.",
            dict(reached),
        )
    ]


def _significant(uar: float, table: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> bool:
    """Whether labels permuted within speakers never reach `uar`."""
    generator = np.random.default_rng(0)
    groups = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]
    for _ in range(PERMUTATIONS):
        order = np.arange(len(labels))
        for rows in groups:
            order[rows] = generator.permutation(rows)
        if probe(table, labels[order], speakers) >= uar:
            return False
    return True


def probe(table: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> float:
    """Returns the UAR of a linear discriminant on the ranks of the columns, trained without the speakers that it is tested on."""
    values = rankdata(table, axis=0) / len(table)
    values = values - values.mean(0)
    classes, numbers = np.unique(labels, return_inverse=True)
    names = np.unique(speakers, return_inverse=True)[1]
    groups = names % min(MOST_GROUPS, names.max() + 1)
    given = np.zeros(len(labels), int)
    for group in range(groups.max() + 1):
        train, test = groups != group, groups == group
        counts = np.bincount(numbers[train], minlength=len(classes))
        onehot = (numbers[train][:, None] == np.arange(len(classes))).astype(float)
        means = (onehot.T @ values[train]) / np.maximum(counts, 1)[:, None]
        rest = values[train] - means[numbers[train]]
        inverse = np.linalg.inv(rest.T @ rest / max(1, train.sum()) + 1e-4 * np.eye(values.shape[1]))
        scores = values[test] @ inverse @ means.T - 0.5 * np.einsum("ij,jk,ik->i", means, inverse, means)
        given[test] = np.where(counts > 0, scores, -np.inf).argmax(1)
    return float(np.mean([(given[numbers == number] == number).mean() for number in range(len(classes))]))
