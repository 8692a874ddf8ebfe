"""What transcripts give away: sentences in two parts, labels that a look-up predicts, annotators' tags.

Speaker-independent does not mean text-independent: in IEMOCAP, 22.5 % of test utterances have their exact transcript in training,
and 24.1 % a near duplicate, which has the same emotion in 76.5 % (computed on the 5531 utterances of four classes).
"""

from collections.abc import Sequence

import numpy as np

from ser_core.audit.finding import EXAMPLES, Finding, percent
from ser_core.audit.overlap import Shared, find_shared
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.texts import TAG, normalise
from ser_core.folds import Folds
from ser_core.matching import Keys, equal, near_texts

PEPINO = "Pepino et al. 2020, ICASSP; Atmaja and Sasou 2022, arXiv 2210.14501"


def transcripts(corpus: Corpus, folds: Folds) -> list[Finding]:
    """Reports texts in two parts, and whether looking them up predicts the label better than the majority class."""
    texts = np.array([normalise(text) for text in corpus.column("text")], dtype=str)
    if not (texts != "").any():
        return []
    findings = []
    for name, keys, what in (
        ("exact text", equal(texts), "their transcript"),
        ("near-duplicate text", near_texts(texts), "a transcript that differs in only a few words"),
    ):
        where = find_shared(corpus, folds, keys)
        if where:
            findings.append(_overlap(name, what, where, corpus, _looked_up(corpus, folds, keys)))
    return findings


def _overlap(name: str, what: str, where: Shared, corpus: Corpus, looked_up: dict[str, float]) -> Finding:
    """Builds the finding for a kind of text overlap; a warning if the look-up clearly beats the majority class."""
    gain = looked_up["lookup"] - looked_up["majority"]
    telling = gain > max(0.02, 2 * looked_up["standard_error"])
    found = (
        f"{percent(looked_up['rate'])} of test utterances have {what} in the training part; for these, a look-up is correct in "
        f"{percent(looked_up['lookup'])}, the majority class in {percent(looked_up['majority'])}."
    )
    remedy = (
        "Use folds=text_disjoint or script_disjoint, or report these utterances separately; a text encoder can memorise them."
        if telling
        else "No action needed if every sentence is acted in every emotion by design; say so when you report a text channel."
    )
    severity = "warn" if telling else "info"
    return Finding(f"{name} overlap", severity, found, remedy, {**where.counts, **looked_up}, where.examples, PEPINO)


def _looked_up(corpus: Corpus, folds: Folds, keys: Keys) -> dict[str, float]:
    """Returns, over the test utterances of all folds, the share with a match in training and the accuracy of two guesses there.

    `lookup` guesses the most frequent label of the matches, `majority` the most frequent one of the training part. The standard
    error is that of their difference.
    """
    classes = np.array(["", *corpus.classes])
    labels = np.searchsorted(np.sort(classes), corpus.column("emotion"))
    tested, guesses = 0, []
    for fold in folds.folds:
        train = fold.train[(labels[fold.train] > 0) & (keys.numbers[fold.train] >= 0)]
        test = fold.test[labels[fold.test] > 0]
        tested += len(test)
        table = np.zeros((keys.size, len(classes)))
        np.add.at(table, (keys.numbers[train], labels[train]), 1)
        near = keys.alike @ table
        usual = np.bincount(labels[fold.train][labels[fold.train] > 0], minlength=len(classes))
        for row in keys.touched(test, train):
            best = (near[keys.numbers[row]] + usual / (1 + usual.sum())).argmax()  # ties go to the more frequent label
            guesses.append((best == labels[row], usual.argmax() == labels[row]))
    right = np.array(guesses, dtype=float).reshape(-1, 2)
    if not len(right):
        return {"rate": 0.0, "lookup": 0.0, "majority": 0.0, "standard_error": 0.0}
    error = float((right[:, 0] - right[:, 1]).std() / np.sqrt(len(right)))
    lookup, majority = right.mean(0).tolist()
    return {"rate": len(right) / max(1, tested), "lookup": lookup, "majority": majority, "standard_error": error}


def tags(corpus: Corpus) -> list[Finding]:
    """Reports annotators' tags such as [LAUGHTER], counted per class, because they may name the emotion."""
    texts, labels = corpus.column("text"), corpus.column("emotion")
    tagged = np.array([bool(TAG.search(text)) for text in texts])
    if not tagged.any():
        return []
    kinds = {tag for text in texts[tagged] for tag in TAG.findall(text)}
    per_class = {name: int((tagged & (labels == name)).sum()) for name in _present(labels)}
    return [
        Finding(
            "annotation tags",
            "warn",
            f"{int(tagged.sum())} transcripts hold annotators' tags ({', '.join(sorted(kinds)[:EXAMPLES])}): "
            + ", ".join(f"{count} {name or 'unlabelled'}" for name, count in per_class.items())
            + ".",
            "Remove them with corpus.text=plain; a recogniser would not write them.",
            {"utterances": int(tagged.sum()), "per class": per_class},
            [f"{name}: {text}" for name, text in zip(corpus.column("utterance")[tagged], texts[tagged], strict=True)][:EXAMPLES],
        )
    ]


def _present(labels: np.ndarray) -> Sequence[str]:
    return np.unique(labels).tolist()
