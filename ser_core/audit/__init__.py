"""The audit: what leaks between the parts of a split, what transcripts give away, and which files are faulty.

    corpus --listen, each file once--> Heard --> files
       |---- folds ------------------------+--> overlap, texts, balance, pretraining --> [Finding, ...]
Nothing here trains or reads predictions.
"""

from ser_core.audit.audit import Audited, audit, findings_of
from ser_core.audit.finding import Finding

__all__ = ["Audited", "Finding", "audit", "findings_of"]
