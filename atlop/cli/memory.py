"""How the process of a command uses memory."""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's malloc.h
_KERNEL_CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""Where oneDNN and PyTorch read how many kernels they keep, one for each shape of a product: 1,024, or 0.7 GB when
thousands of documents have gone through. The layers of one batch need a dozen."""


def keep_freed_memory() -> None:
    """Let the process keep memory that it frees, to take it again; where the C library is glibc.

    Otherwise large blocks, such as the gradient of the word embeddings, go back to the system after every step, and
    asking for them anew costs thousands of page faults. What the process once needed stays its own until it ends.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def keep_few_kernels() -> None:
    """Bound what oneDNN and PyTorch keep for shapes that they have met; call it before PyTorch is imported."""
    for cache in _KERNEL_CACHES:
        os.environ.setdefault(cache, "64")
