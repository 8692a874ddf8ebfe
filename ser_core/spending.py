"""What training a fold took beside time: peak memory, and seconds of a GPU.

    begun(device) -> train -> spent(device, seconds)  ->  {"memory_gb": 1.2, "gpu_memory_gb": 3.4, "gpu_seconds": 17.0}
The peak of main memory is that of the process so far, all it has trained before included: an upper bound for the fold.
"""

import resource
import sys

import torch


def begun(device: torch.device) -> None:
    """Begins to measure the peak of GPU memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def spent(device: torch.device, seconds: float) -> dict[str, float]:
    """Peak memory in GB (10^9 bytes); on a GPU also its own, and the seconds during which it was set aside."""
    unit = 1 if sys.platform == "darwin" else 1024
    measured = {"memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9}
    if device.type == "cuda":
        measured |= {"gpu_memory_gb": torch.cuda.max_memory_allocated(device) / 1e9, "gpu_seconds": seconds}
    return measured
