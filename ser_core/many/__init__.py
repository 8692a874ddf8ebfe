"""Many models of one structure trained as one program: folds, seeds, learning rates and task weights side by side."""

from ser_core.many.fit_many import Job, fit_many
from ser_core.many.likeness import why_not

__all__ = ["Job", "fit_many", "why_not"]
