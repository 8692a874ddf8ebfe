"""What an audit reports: one sentence per finding, its severity, the counts and examples behind it, and the remedy.

fail   the split does not test what its protocol says (a speaker or a recording in two parts)
warn   scores will be too high or folds will be poor unless you act
info   true by design or harmless, and worth a line in the paper
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from ser_core.errors import SettingError

SEVERITIES = ("fail", "warn", "info")
EXAMPLES = 3
"""Examples kept per finding."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One finding. A check without a finding reports nothing."""

    name: str
    severity: str
    found: str
    """One sentence."""
    remedy: str
    counts: dict[str, Any] = dataclasses.field(default_factory=dict)
    examples: Sequence[str] = ()
    source: str = ""
    """The paper behind the claim, if any: author, year, number."""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise SettingError(f"severity of {self.name} must be one of {', '.join(SEVERITIES)}, got {self.severity!r}")


def gravest_first(findings: Sequence[Finding]) -> list[Finding]:
    """Sorts findings by severity and otherwise keeps their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def percent(share: float) -> str:
    """Formats a share as a percentage.

    >>> percent(0.2251)
    '22.5 %'
    """
    return f"{100 * share:.1f} %"
