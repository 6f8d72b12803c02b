"""The states of a process's random generators, which a checkpoint saves and restores."""

import random
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
import torch
from pydantic import Field

_Word = Annotated[int, Field(ge=0, lt=2**32)]
_Words = Annotated[tuple[_Word, ...], Field(min_length=624, max_length=625)]
_Position = Annotated[int, Field(ge=0, le=624)]  # NumPy would read beyond its words


@dataclass(frozen=True)
class RandomStates:
    """States of the default generators of Python, NumPy, PyTorch and the current GPU; the last two in hexadecimal."""

    python: tuple[int, _Words, float | None]
    numpy: tuple[str, _Words, _Position, int, float]
    torch: str
    cuda: str | None

    @classmethod
    def current(cls) -> Self:
        """Return the present states."""
        numpy: Any = np.random.get_state()  # declared as two types
        name, words, position, has_gauss, gauss = numpy
        return cls(
            python=random.getstate(),
            numpy=(name, tuple(words.tolist()), position, has_gauss, gauss),
            torch=bytes(torch.get_rng_state().numpy()).hex(),
            cuda=bytes(torch.cuda.get_rng_state().numpy()).hex() if torch.cuda.is_available() else None,
        )

    def restore(self) -> None:
        """Give the generators these states.

        Raises:
            ValueError, RuntimeError: A generator does not accept its state.
        """
        random.setstate(self.python)
        numpy: Any = self.numpy
        np.random.set_state(numpy)
        torch.set_rng_state(torch.tensor(list(bytes.fromhex(self.torch)), dtype=torch.uint8))
        if self.cuda is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(torch.tensor(list(bytes.fromhex(self.cuda)), dtype=torch.uint8))
