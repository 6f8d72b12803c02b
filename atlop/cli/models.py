"""Models for the commands that use them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from atlop.cli.session import quiet_libraries
from atlop.config import Precision
from atlop.files import model_folder

if TYPE_CHECKING:
    from atlop.ensemble import Ensemble


@contextmanager
def quiet_models(names: Sequence[str]) -> Iterator[None]:
    """Prepare libraries to load models; see `quiet_libraries`."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(quiet_libraries(needs=model_folder(name), kind="model"))
        yield


@contextmanager
def loaded_models(
    names: Sequence[str], *, batch_size: int, precision: Precision, device: str | None
) -> "Iterator[tuple[Ensemble, dict[str, Any]]]":
    """Load models that score together.

    Args:
        names: Run folders, model folders or Hugging Face names.
        batch_size: Documents in a batch.
        precision: Number format of the matrix products.
        device: `cpu`, `cuda` or `cuda:N`; by default a GPU where there is one.

    Yields:
        The models, and keyword arguments for `Ensemble.score`.

    Raises:
        AtlopError: A model cannot be loaded or knows other relations; there is no such device.
    """
    with quiet_models(names):
        from tqdm import tqdm

        from atlop.device import accelerator_for
        from atlop.ensemble import load_ensemble

        accelerator = accelerator_for(precision, device=device)
        is_shown = accelerator.is_main_process and sys.stderr.isatty()
        progress = partial(tqdm, unit="batch", disable=not is_shown)
        yield load_ensemble(names), {"accelerator": accelerator, "batch_size": batch_size, "progress": progress}
