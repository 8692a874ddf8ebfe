"""Which earlier looks were looks at the same comparison, how many chances they gave, and how many tests were judged so far.

ledger --same settings, shared speakers--> earlier looks --other scores--> number of this look
                                                         --pairs x metrics--> tests that Holm counts
Two looks are at the same comparison when at least two variants have the same settings, whatever their seeds, their folds and
the selection of the corpus are, and when any test speaker is in both.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.looks.ledger import PARTIAL, PLAN, TABLE, Entry, Look, read_set
from cluster.looks.tested_set import Tested, digests_of, shared_speakers
from ser_core.cross_validation.records import RunStore

APART = ("seed", "folds", "run", "corpus")
"""Settings that do not tell variants apart, except the text of the corpus."""


def settings_hash(config: Mapping[str, Any]) -> str:
    """Returns the hash of a recorded configuration without seed, folds and selection of the corpus."""
    kept = {name: value for name, value in config.items() if name not in APART}
    kept["text"] = config.get("corpus", {}).get("text", "")
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


class Comparison:
    """One look, and what the ledger knows about earlier ones at the same comparison."""

    def __init__(self, own: Look, tested: Tested, known: Sequence[Entry], store: RunStore) -> None:
        self.own, self.tested, self.store = own, tested, store
        self.digests = digests_of(tested)
        self.unreadable: set[str] = set()
        """Names of the tested sets that are missing or were changed, as far as they were asked for."""
        self._settings = {name: value for _, look in known for name, value in look.settings.items()} | dict(own.settings)
        self._speakers: dict[str, set[str]] = {}

    def speakers(self, look: Look) -> set[str]:
        """Returns the speakers of this look that an earlier one showed; all of them if its tested set cannot be read."""
        name = look.tested
        if name not in self._speakers:
            found = None if name in self.digests else read_set(self.store, name)
            self._speakers[name] = set(self.tested) if found is None else shared_speakers(self.tested, found)
            self.unreadable |= {name} if found is None and name not in self.digests else set()
        return self._speakers[name]

    def shared(self, look: Look) -> dict[str, frozenset[str]]:
        """Returns the fingerprints of an earlier look by variant of this one; {} unless they share two variants."""
        theirs = {name: {self.settings(one) for one in each} for name, each in look.configurations.items()}
        found, names = dict[str, frozenset[str]](), set[str]()
        for variant, each in self.own.configurations.items():
            mine = {self.settings(one) for one in each}
            names |= (alike := {name for name, known in theirs.items() if known & mine})
            matching = (one for name in alike for one in look.configurations[name] if self.settings(one) in mine)
            if same := frozenset(matching):
                found[variant] = same
        return found if len(found) > 1 and len(names) > 1 else {}

    def settings(self, fingerprint: str) -> str:
        """Returns the hash of the settings behind a fingerprint: from the ledger, else from a record, else the fingerprint."""
        if fingerprint not in self._settings:
            file = next(self.store.folder.glob(f"folds/{fingerprint}/*/fold-*/record.json"), None)
            self._settings[fingerprint] = settings_hash(json.loads(file.read_bytes())["config"]) if file else fingerprint
        return self._settings[fingerprint]

    def earlier(self, before: Iterable[Look]) -> list[Look]:
        """Returns the looks at scores of the same comparison on any of the same speakers."""
        return [look for look in before if look.kind != PLAN and self.speakers(look) and self.shared(look)]

    def number(self, before: Iterable[Look]) -> int:
        """Returns the number of this look: 1 plus the earlier looks that gave chance another try."""
        tries = set[tuple[frozenset[tuple[str, frozenset[str]]], str]]()
        for look in self.earlier(before):
            found = self.shared(look)
            own = {name: frozenset(self.own.configurations[name]) for name in found}
            same_study = look.kind == PARTIAL and look.study == self.own.study
            tested = self.digests[0] if look.tested in self.digests or same_study else look.tested
            # The same scores again give chance no further try.
            if (found, tested) != (own, self.digests[0]):
                tries.add((frozenset(found.items()), tested))
        # A table of fewer variants shows nothing that one of more variants does not show.
        return 1 + sum(not any(one < other and tested == where for other, where in tries) for one, tested in tries)

    def judged(self, before: Iterable[Look]) -> list[Look]:
        """Returns the earlier tables of the same comparison whose metrics are known, oldest first."""
        return [look for look in self.earlier(before) if look.kind == TABLE and look.metrics]

    def tests(self, judged: Iterable[Look]) -> int:
        """Returns how many tests these looks and this one judge together: pairs of variants on a metric."""
        found = set[tuple[frozenset[tuple[str, ...]], str]]()
        for look in (*judged, self.own):
            names = self._names(look)
            baseline, *others = names.values()
            found |= {(frozenset({baseline, other}), metric) for other in others for metric in look.metrics}
        return len(found)

    def _names(self, look: Look) -> dict[str, tuple[str, ...]]:
        """Returns what identifies each variant: its settings, and its name where one model stands for several variants."""
        known = {name: tuple(sorted({self.settings(one) for one in each})) for name, each in look.configurations.items()}
        return known if len(set(known.values())) == len(known) else {name: (*each, name) for name, each in known.items()}


def plans_of(comparison: Comparison, before: Sequence[Look]) -> list[Look]:
    """Returns the plans that cover two variants of this look or more, oldest first.

    Under another split the fingerprints differ. Then a plan covers it once its own study has shown some of these speakers.
    """
    own = comparison.own.fingerprints
    shown = {look.study for look in before if look.kind != PLAN and comparison.speakers(look)}
    plans = [look for look in before if look.kind == PLAN and comparison.shared(look)]
    return [plan for plan in plans if own & plan.fingerprints or plan.study in shown]
