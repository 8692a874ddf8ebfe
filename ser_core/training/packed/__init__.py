"""Many models of one structure trained as one program: folds, seeds, learning rates and task weights side by side."""

from ser_core.training.packed.compatibility import why_not_packed
from ser_core.training.packed.fit_packed import PackJob, fit_packed

__all__ = ["PackJob", "fit_packed", "why_not_packed"]
