"""Memory settings of the process."""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's malloc.h
_KERNEL_CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""Capacity of the kernel caches of oneDNN and PyTorch, one kernel per shape of a matrix product. The default of 1,024
costs 0.7 GB after thousands of documents; the layers of one batch need a dozen."""


def keep_freed_memory() -> None:
    """Keep freed memory in the process for reuse, where the C library is glibc.

    Otherwise large blocks, such as the gradient of the word embeddings, return to the system after every step, and
    allocating them again costs thousands of page faults. The process keeps its peak memory until it ends.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def keep_few_kernels() -> None:
    """Limit the kernel caches of oneDNN and PyTorch; call it before PyTorch is imported."""
    for cache in _KERNEL_CACHES:
        os.environ.setdefault(cache, "64")
