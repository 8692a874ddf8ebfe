"""What leaks between the parts of a split, what transcripts give away, and what is wrong with the files: corpus -> findings.

    corpus --listen, each file once--> Heard --> files
       |---- folds ------------------------+--> overlap, texts, balance, pretraining --> [Finding, ...]
Nothing here trains, and nothing reads what a model predicted.
"""

from ser_core.audit.audit import Audited, audit, findings_of
from ser_core.audit.finding import Finding

__all__ = ["Audited", "Finding", "audit", "findings_of"]
