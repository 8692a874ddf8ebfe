"""Pairs outcomes by (seed, fold) into a PairedStudy, and rejects outcomes that cannot be compared.

You can compare two scores when their protocol cards agree: same corpus content and label map, same split and development rule,
same text source, audio policy and metric definitions. A study that varies one of these on purpose (such as the text source)
names it in `across`. The test utterances must still be the same.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablations.outcomes import Outcome, metrics_of
from ablations.paired_study import PairedStudy, Pairs
from ser_core.errors import BridgeworkError

FOLLOWING = ("content", "split", "text_source")
"""Card entries that always differ when a study varies something in the corpus table."""


class ComparisonError(BridgeworkError):
    """Raised when variants cannot be compared: different folds or seeds, missing folds, or a metric that no variant has."""


def pair(outcomes: Sequence[Outcome], baseline: str = "", metric: str = "uar", across: Sequence[str] = ()) -> PairedStudy:
    """Pairs the outcomes of all variants by seed and fold. All variants have the same pairs and protocol card.

    The first variant is the baseline unless `baseline` names another. `across` names the entries of the protocol card
    that the study varies on purpose. Raises ComparisonError that lists what is missing or different.
    """
    study = _by_variant(outcomes)
    baseline = baseline or next(iter(study), "")
    if baseline not in study:
        found = ", ".join(map(repr, study)) or "none"
        raise ComparisonError(f"the baseline {baseline!r} has no folds; variants with folds: {found}. Run the study again")
    _check_cards(study, baseline, across)
    _check_complete(study)
    _check_sizes(study, baseline)
    return PairedStudy(
        pairs={name: dict(sorted(pairs.items())) for name, pairs in study.items()},
        baseline=baseline,
        metric=metric,
        across=tuple(across),
        metrics=tuple(metrics_of(outcomes)),
        test_to_train=_size_ratio(outcomes),
    )


def _by_variant(outcomes: Iterable[Outcome]) -> dict[str, Pairs]:
    """Returns the outcomes of each variant by (seed, fold), both in order of appearance."""
    study: dict[str, Pairs] = {}
    for outcome in outcomes:
        key = outcome.record.seed, outcome.record.key.fold
        if key in study.setdefault(outcome.variant, {}):
            raise ComparisonError(f"{outcome.variant!r} has fold {key[1]} of seed {key[0]} twice; give each once")
        study[outcome.variant][key] = outcome
    return study


def _size_ratio(outcomes: Sequence[Outcome]) -> float:
    """Returns the mean ratio of test utterances to those that the tested model saw, over all folds."""
    return math.fsum(outcome.record.sizes["test"] / outcome.taught for outcome in outcomes) / len(outcomes)


def _card(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.record.card, "split": outcome.record.key.split}


def _check_cards(study: dict[str, Pairs], baseline: str, across: Sequence[str]) -> None:
    """Checks that every outcome has the card of the baseline's first outcome, except for the entries in `across`."""
    reference = _card(next(iter(study[baseline].values())))
    for name, pairs in study.items():
        for (seed, fold), one in pairs.items():
            card = _card(one)
            if card == reference:
                continue
            differ = sorted(entry for entry in {*card, *reference} if card.get(entry) != reference.get(entry))
            asked = {*across, *(FOLLOWING if set(across) & set(differ) else ())}
            if refused := [entry for entry in differ if entry not in asked]:
                raise ComparisonError(_other_card(name, baseline, refused, card, reference))
            if differ and _tested(one) != _tested(study[baseline].get((seed, fold), one)):
                raise ComparisonError(
                    f"{name!r} was tested on other utterances than the baseline {baseline!r} in fold {fold} of seed {seed}; "
                    f"varying {', '.join(across)} must not change the test utterances"
                )


def _other_card(name: str, baseline: str, differ: list[str], card: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """Returns the error, with up to three entries in which the cards differ."""
    shown = [entry for entry in differ if entry not in ("content", "split")] or differ
    named = "; ".join(f"{entry} {card.get(entry)} against {reference.get(entry)}" for entry in shown[:3])
    return (
        f"{name!r} and the baseline {baseline!r} have different protocol cards: {named}. Scores under different cards "
        "cannot be compared; run the study again with the same corpus, folds and audio settings for every variant and seed, or "
        "list the entries that it varies on purpose in the study's `across`"
    )


def _tested(outcome: Outcome) -> list[str]:
    return sorted(map(str, outcome.test.predictions["utterance"]))


def _check_complete(study: dict[str, Pairs]) -> None:
    """Checks that every variant has every (seed, fold) that any variant has."""
    seeds = sorted({seed for pairs in study.values() for seed, _ in pairs})
    folds = sorted({fold for pairs in study.values() for _, fold in pairs})
    missing = []
    for name, pairs in study.items():
        for seed in seeds:
            lacking = [fold for fold in folds if (seed, fold) not in pairs]
            if lacking == folds:
                missing.append(f"{name!r} lacks seed {seed}")
            elif lacking:
                missing.append(f"{name!r} lacks fold {', '.join(map(str, lacking))} of seed {seed}")
    if missing:
        raise ComparisonError(
            f"the study is incomplete: {'; '.join(missing)}. Run the study again: it trains only what is missing"
        )


def _check_sizes(study: dict[str, Pairs], baseline: str) -> None:
    """Checks that every variant was tested on the same number of utterances as the baseline in each fold."""
    for name, pairs in study.items():
        for (seed, fold), one in pairs.items():
            size, expected = one.record.sizes["test"], study[baseline][seed, fold].record.sizes["test"]
            if size != expected:
                raise ComparisonError(
                    f"{name!r} was tested on {size} utterances in fold {fold} of seed {seed}, the baseline "
                    f"{baseline!r} on {expected}; run the study again with the same corpus for every variant"
                )
