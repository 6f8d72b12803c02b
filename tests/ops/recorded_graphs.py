"""A stand-in for CUDA graphs on the CPU: it records operators, and runs them again on the same memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from atlop.ops import Packing

Result = TypeVar("Result")


class _Recording(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, result))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for function, args, kwargs, result in self.calls:
            again = function(*args, **kwargs)
            read = {each.untyped_storage().data_ptr() for each in _tensors((args, kwargs))}
            for old, new in zip(_tensors(result), _tensors(again), strict=True):
                if old.untyped_storage().data_ptr() not in read:  # neither a view nor written in place
                    old.copy_(new)


class RecordedGraphs:
    """Counts what it records."""

    def __init__(self) -> None:
        self.count, self.released = 0, False

    @contextmanager
    def preparing(self) -> Iterator[None]:
        state = torch.get_rng_state()
        try:
            yield
        finally:
            torch.set_rng_state(state)

    def warm_up(self, function: Callable[[], object]) -> None:
        function()

    def record(self, function: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        self.count += 1
        with _Recording() as recording:
            result = function()
        return recording.replay, result

    def release(self) -> None:
        self.released = True


def attention_from_boundaries(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, *, scaling: float, dropout: float = 0.0
) -> Tensor:
    """Do what `packed_attention` does; as on a GPU, sequences are read from memory, not from the host."""
    numbers = torch.searchsorted(packing.boundaries.long(), torch.arange(query.shape[1]), right=True)
    dots = (query * scaling) @ key.transpose(1, 2)
    weights = dots.masked_fill(numbers[:, None] != numbers, -torch.inf).softmax(dim=-1)
    return torch.nn.functional.dropout(weights, dropout) @ value


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
