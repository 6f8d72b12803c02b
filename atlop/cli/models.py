"""Models for the commands that use them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from atlop.cli.session import quiet_libraries
from atlop.config import Precision

if TYPE_CHECKING:
    from atlop.ensemble import Ensemble
    from atlop.prediction import LoopSettings


@contextmanager
def quiet_models(names: Sequence[str]) -> Iterator[None]:
    """Prepare libraries to load models; see `quiet_libraries`."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(quiet_libraries(model=name, kind="model"))
        yield


@contextmanager
def loaded_models(
    names: Sequence[str],
    *,
    decision: str | None = None,
    precision: Precision,
    device: str | None,
) -> "Iterator[tuple[Ensemble, LoopSettings]]":
    """Load models that score together, and the settings of `predict` and `score`.

    Raises:
        AtlopError: A model cannot be loaded or knows other relations; there is no such device.
    """
    with quiet_models(names):
        from atlop.ensemble import load_ensemble
        from atlop.prediction import loop_settings

        loop = loop_settings(precision, device=device, show_progress=sys.stderr.isatty())
        yield load_ensemble(names, decision=decision), loop
