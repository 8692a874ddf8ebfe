"""One study over several corpora: what is ranked, what each corpus's line tells, and everything that is refused."""

import csv
import dataclasses
import io

import numpy as np
import pytest

from ablations.pairing import ComparisonError
from ablations.report.across import CorpusStudy, across_corpora, across_section, across_to_csv
from tests.ablations.conftest import outcome

VARIANTS = {"concat": {"name": "concat"}, "bridge": {"name": "bridge", "tokens": 8}, "mbt": {"name": "mbt"}}
CORPORA = ("emodb", "ravdess", "cremad", "meld", "iemocap", "demo")


def study(corpus, gains=(0.0, 0.05, 0.01), seeds=(0, 1), folds=3, variants=VARIANTS, metric="uar", **card):
    """A finished study: fold means are the corpus's own plus each variant's gain."""
    place = CORPORA.index(corpus)
    facts = {
        "corpus": corpus,
        "content": f"{place:016d}",
        "protocol": "loso",
        "dev_rule": "another session",
        "text_source": "none",
        "classes": ["anger", "neutral", "sadness"][: 2 + place % 2],
        "metrics": "metrics-1",
    }
    outcomes = [
        outcome(
            *(name, seed, fold, {metric: 0.5 + place / 20 + gain + 0.1 * fold - 0.02 * seed}),
            split=f"{place:012d}",
            config={"seed": seed, "corpus": {"name": corpus}, "model": {"fusion": settings}, "run": {"store": corpus}},
            card=facts | card,
        )
        for (name, settings), gain in zip(variants.items(), gains, strict=False)
        for seed in seeds
        for fold in range(1, folds + 1)
    ]
    return CorpusStudy(f"fusion-{place:06d}", outcomes)


def studies(count=6, **changes):
    return [study(corpus, **changes) for corpus in CORPORA[:count]]


def test_seeds_are_averaged_within_folds_and_folds_within_corpora():
    found = across_corpora(studies(), "uar")
    assert list(found.scores.index) == list(CORPORA)
    assert found.scores.at["ravdess", "bridge"] == pytest.approx(0.5 + 1 / 20 + 0.05 + 0.2 - 0.01)
    assert found.ranks.means == {"bridge": 1, "mbt": 2, "concat": 3}
    assert found.ranks.test == "Friedman" and found.ranks.apart == (("bridge", "concat"),)


def test_an_error_is_better_the_smaller_it_is():
    found = across_corpora(studies(metric="mae.valence"), "mae.valence")
    assert list(found.ranks.means) == ["concat", "mbt", "bridge"]


def test_fewer_than_five_corpora_are_ranked_and_not_tested():
    section = across_section(across_corpora(studies(4), "uar"))
    assert [row[0] for row in section.rows] == ["bridge", "mbt", "concat"] and section.rows[0][-1] == "1.00"
    assert section.notes[0].startswith("No test: 4 corpora are too few; at least 5 are needed")


def test_the_table_tells_what_each_corpus_holds():
    section = across_section(across_corpora(studies(), "uar"))
    assert section.columns == ("variant", *CORPORA, "mean rank")
    assert section.rows[0] == ("bridge", *(f"{74 + 5 * place:.2f}" for place in range(6)), "1.00")
    notes = "\n".join(section.notes)
    assert "emodb: 2 classes (anger, neutral) · protocol loso · split 000000000000 · development another session" in notes
    assert "size 3 folds x 2 seeds" in notes and "metrics metrics-1" in notes
    assert "Corpora have 2 or 3 classes: compare scores within a column" in notes
    assert "Besides" not in notes


def test_other_settings_that_differ_between_corpora_are_told():
    first, *others = studies()
    odd = [
        dataclasses.replace(one, record=dataclasses.replace(one.record, config={**one.record.config, "optim": {"epochs": 9}}))
        for one in first.outcomes
    ]
    found = across_corpora([dataclasses.replace(first, outcomes=odd), *others], "uar")
    assert found.notes[-1] == "Besides corpus and folds the studies differ in optim.epochs."


def test_raw_scores_are_written_in_full():
    found = across_corpora(studies(), "uar")
    rows = list(csv.DictReader(io.StringIO(across_to_csv(found))))
    assert [row["variant"] for row in rows] == ["bridge", "mbt", "concat"]
    assert float(rows[0]["meld"]) == found.scores.at["meld", "bridge"] and float(rows[0]["mean_rank"]) == 1


def refused(given, message, metric="uar"):
    with pytest.raises(ComparisonError, match=message):
        across_corpora(given, metric)


def test_one_study_is_no_comparison_over_corpora():
    refused(studies(1), "at least two studies")
    few = studies(2, variants={"concat": {"name": "concat"}})
    refused(few, "every study has only the variant 'concat'")


def test_a_corpus_counts_once():
    refused([*studies(3), study("emodb")], "are both over the corpus emodb: these are not independent")
    twin = study("meld", content=f"{0:016d}")
    refused([study("emodb"), twin], r"both over the same utterances \(meld and emodb\)")


def test_other_variants_are_refused_by_name():
    few = dict(list(VARIANTS.items())[:2])
    more = {**few, "perceiver": {"name": "perceiver"}}
    message = r"fusion-000000 \(emodb\) lacks 'perceiver'; fusion-000001 \(ravdess\) lacks 'mbt'"
    refused([study("emodb"), study("ravdess", variants=more)], message)
    turned = dict(reversed(VARIANTS.items()))
    refused([study("emodb"), study("ravdess", variants=turned)], r"different baselines: .*\(emodb\) has concat; .* has mbt")
    masked = dataclasses.replace(study("ravdess"), mode="masked")
    refused([study("emodb"), masked], r"different modes: .*\(ravdess\) has masked")


def test_other_changes_under_the_same_name_are_refused():
    other = {**VARIANTS, "bridge": {"name": "bridge", "tokens": 4}}
    different = r"'bridge' changes different settings .*fusion\.tokens=8 against 4"
    refused([study("emodb"), study("ravdess", variants=other)], different)
    without = {**VARIANTS, "bridge": {"name": "bridge"}}
    refused([study("emodb"), study("ravdess", variants=without)], r"fusion\.tokens=8 against absent")


def test_missing_folds_and_seeds_are_named():
    gap = study("ravdess")
    gap = dataclasses.replace(gap, outcomes=gap.outcomes[:-1])
    refused([study("emodb"), gap], r"fusion-000001 \(ravdess\): the study is incomplete: 'mbt' lacks fold 3 of seed 1")
    refused([study("emodb"), study("ravdess", seeds=(0,))], r"fusion-000001 \(ravdess\) lacks seed 1\. Run each with the same")


def test_a_metric_that_a_variant_lacks_is_refused():
    refused([study("emodb"), study("ravdess", metric="wa")], r"\(ravdess\): 'concat' has no uar; choose a --metric")


def test_folds_without_the_metric_are_left_out_of_all_variants():
    odd = study("emodb", seeds=(0,))
    odd.outcomes[0].test.metrics["uar"] = np.nan
    found = across_corpora([odd, study("ravdess", seeds=(0,))], "uar")
    assert found.scores.loc["emodb"].tolist() == pytest.approx([0.75, 0.80, 0.76])
    assert "emodb: 1 of 3 (seed, fold) pairs lack uar in some variant and are left out for all." in found.notes
    for one in odd.outcomes:
        if one.record.key.fold != (2 if one.variant == "mbt" else 3):
            one.test.metrics["uar"] = np.nan
    refused([odd, study("ravdess", seeds=(0,))], "no fold has uar in all variants")
