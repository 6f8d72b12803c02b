"""The cores of the CPU."""

import os


def usable_cores() -> int:
    """Return how many cores this process may use; a job of Slurm or of a container may have few of the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
