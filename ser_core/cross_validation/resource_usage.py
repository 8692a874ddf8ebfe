"""What training a fold took beside time: peak memory, and seconds of a GPU.

    start_measuring(device) -> train -> measured_usage(device, seconds)
        ->  {"memory_gb": 1.2, "gpu_memory_gb": 3.4, "gpu_share": 0.06, "gpu_seconds": 17.0}
The peak of main memory is that of the process so far, all it has trained before included: an upper bound for the fold.
"""

import resource
import sys

import torch

CONTEXT = 0.6e9
"""Bytes of GPU memory that a process needs before its first tensor, an estimate on the safe side."""


def start_measuring(device: torch.device) -> None:
    """Begins to measure the peak of GPU memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def measured_usage(device: torch.device, seconds: float) -> dict[str, float]:
    """Peak memory in GB (10^9 bytes); on a GPU also its own, the seconds during which it was set aside, and the share of its
    memory that the process took at most, what its allocator keeps in reserve included.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    measured = {"memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9}
    if device.type == "cuda":
        taken = torch.cuda.max_memory_reserved(device) + CONTEXT
        measured |= {"gpu_memory_gb": torch.cuda.max_memory_allocated(device) / 1e9, "gpu_seconds": seconds}
        measured["gpu_share"] = taken / torch.cuda.get_device_properties(device).total_memory
    return measured
