"""Outcomes in pairs of (seed, fold), and the refusal of whatever cannot be compared.

Two scores may stand side by side when their protocol cards agree: the same corpus content and label map, the same split and
development rule, the same text source, audio policy and metric definitions. A study that means to vary one of these (the
text source, say) names it in `across`; the test utterances have to be the same all the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.outcomes import Outcome
from ser_core.errors import BridgeworkError

FOLLOWING = ("content", "split", "text_source")
"""Card entries that differ of themselves when what a study varies is in the corpus table."""


class ComparisonError(BridgeworkError):
    """Variants that cannot be compared: other folds, other seeds, folds missing, or a metric nobody has."""


Pairs = dict[tuple[int, int], Outcome]
"""The outcomes of one variant by (seed, fold)."""


def pair(outcomes: Sequence[Outcome], baseline: str, across: Sequence[str] = ()) -> dict[str, Pairs]:
    """The outcomes of each variant by (seed, fold), sorted; every variant has the same ones, under the same card.

    `across` names the entries of the protocol card that the study varies on purpose.
    Raises ComparisonError with what is missing or different.
    """
    study: dict[str, Pairs] = {}
    for outcome in outcomes:
        key = outcome.record.seed, outcome.record.key.fold
        if key in study.setdefault(outcome.variant, {}):
            raise ComparisonError(f"{outcome.variant!r} has fold {key[1]} of seed {key[0]} twice; give each once")
        study[outcome.variant][key] = outcome
    if baseline not in study:
        found = ", ".join(map(repr, study)) or "none at all"
        raise ComparisonError(f"the baseline {baseline!r} has no folds; there are {found}: run the study again")
    _check_cards(study, baseline, across)
    _check_complete(study)
    _check_sizes(study, baseline)
    return {name: dict(sorted(pairs.items())) for name, pairs in study.items()}


def _card(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.record.card, "split": outcome.record.key.split}


def _check_cards(study: dict[str, Pairs], baseline: str, across: Sequence[str]) -> None:
    """Every outcome stands under the card of the baseline's first, but for what `across` allows."""
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
                    f"varying {', '.join(across)} may not change who is tested"
                )


def _other_card(name: str, baseline: str, differ: list[str], card: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """The refusal, with up to three entries in which the cards differ."""
    shown = [entry for entry in differ if entry not in ("content", "split")] or differ
    named = "; ".join(f"{entry} {card.get(entry)} against {reference.get(entry)}" for entry in shown[:3])
    return (
        f"{name!r} stands under another protocol card than the baseline {baseline!r}: {named}. Scores under different cards "
        "cannot be compared; run the study again with the same corpus, folds and audio settings for every variant and seed, or "
        "name in the study's `across` what it varies on purpose"
    )


def _tested(outcome: Outcome) -> list[str]:
    return sorted(map(str, outcome.test.predictions["utterance"]))


def _check_complete(study: dict[str, Pairs]) -> None:
    """Every variant has every fold of every seed that any variant has."""
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
    """Every variant was tested on as many utterances as the baseline, fold by fold."""
    for name, pairs in study.items():
        for (seed, fold), one in pairs.items():
            size, expected = one.record.sizes["test"], study[baseline][seed, fold].record.sizes["test"]
            if size != expected:
                raise ComparisonError(
                    f"{name!r} was tested on {size} utterances in fold {fold} of seed {seed}, the baseline "
                    f"{baseline!r} on {expected}; run the study again with the same corpus for every variant"
                )
