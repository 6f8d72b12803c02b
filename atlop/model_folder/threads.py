"""Load models so that the process may be forked afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute in this thread only.

    A child that is forked later, as by gunicorn or `multiprocessing`, has no other threads, but would wait for those
    that its parent has started.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
