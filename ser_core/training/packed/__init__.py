"""Many models of one structure trained as one program: folds, seeds, learning rates and task weights side by side."""

from ser_core.training.packed.compatibility import why_not
from ser_core.training.packed.fit_packed import Job, fit_many

__all__ = ["Job", "fit_many", "why_not"]
