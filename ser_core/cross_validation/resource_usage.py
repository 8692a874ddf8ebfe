"""What training a fold costs besides time: peak memory, and GPU seconds.

    start_measuring(device) -> train -> measured_usage(device, seconds)
        ->  {"memory_gb": 1.2, "gpu_memory_gb": 3.4, "gpu_share": 0.06, "gpu_seconds": 17.0}
The peak of main memory is that of the process so far, including earlier folds: an upper bound for this fold.
"""

import resource
import sys

import torch

CONTEXT = 0.6e9
"""Estimated bytes of GPU memory that a process needs before its first tensor, on the safe side."""


def start_measuring(device: torch.device) -> None:
    """Starts to measure the peak of GPU memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def measured_usage(device: torch.device, seconds: float) -> dict[str, float]:
    """Returns peak memory in GB (10^9 bytes). On a GPU, also returns the peak GPU memory, the seconds the GPU was reserved,
    and the largest share of its memory that the process held, including the reserve of its allocator.
    """
    # ru_maxrss is in bytes on macOS and in KiB on Linux.
    unit = 1 if sys.platform == "darwin" else 1024
    measured = {"memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9}
    if device.type == "cuda":
        taken = torch.cuda.max_memory_reserved(device) + CONTEXT
        measured |= {"gpu_memory_gb": torch.cuda.max_memory_allocated(device) / 1e9, "gpu_seconds": seconds}
        measured["gpu_share"] = taken / torch.cuda.get_device_properties(device).total_memory
    return measured
