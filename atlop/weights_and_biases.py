"""Metrics of a run sent to Weights & Biases, which is optional and never ends a training."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

from atlop.config import TrackingConfig
from atlop.errors import AtlopError
from atlop.network import is_reachable

logger = logging.getLogger(__name__)

_TIMEOUT = 5  # seconds to wait for the server; wandb waits for two minutes


class Tracker:
    """Sends metrics to Weights & Biases unless tracking is disabled."""

    def __init__(self, config: TrackingConfig, *, folder: Path, run_id: str, settings: Mapping[str, Any]):
        """Start tracking.

        Args:
            config: Mode and project. `online` becomes what `WANDB_MODE` says, and falls back to `offline` without an
                account or a connection, without a prompt. No error of Weights & Biases ends the training.
            folder: The run's folder; the tracked run gets its name.
            run_id: Unique id of the run; a resumed run has the same one and continues the same tracked run.
            settings: The run's configuration.
        """
        self._run: Any = None
        mode = config.wandb
        if mode == "online" and (variable := os.environ.get("WANDB_MODE", "").lower()) in ("offline", "disabled"):
            mode = "offline" if variable == "offline" else "disabled"
        if mode == "disabled":
            return
        import wandb  # takes a second

        init = partial(
            wandb.init,
            project=config.project,
            resume="allow",
            name=folder.name,
            dir=folder,
            config=dict(settings),
            settings=wandb.Settings(silent=True, console="off"),
        )
        offline_id = run_id
        try:
            if mode == "online":
                _require_connection()
                offline_id = f"{run_id}-offline"  # wandb may still hold the run that it could not start
            self._run = init(mode=mode, id=run_id)
        except Exception as error:  # wandb raises many types
            logger.warning("wandb: %s; metrics are stored offline in %s/wandb", shorten(str(error), 200), folder)
            with self._ends_tracking_only():
                self._run = init(mode="offline", id=offline_id)

    def log(self, metrics: Mapping[str, Any], *, step: int) -> None:
        """Send the metrics of one step."""
        if self._run is not None:
            with self._ends_tracking_only():
                self._run.log(dict(metrics), step=step)

    def finish(self) -> None:
        """Wait until everything is sent."""
        if self._run is not None:
            with self._ends_tracking_only():
                self._run.finish()

    @contextmanager
    def _ends_tracking_only(self) -> Iterator[None]:
        """Catch any error of wandb: it must not end the training."""
        try:
            yield
        except Exception as error:
            self._run = None
            logger.warning("wandb: %s; metrics are only in metrics.jsonl from here on", shorten(str(error), 200))


def _require_connection() -> None:
    import wandb

    if not is_reachable(address := wandb.Settings().base_url, timeout=_TIMEOUT):
        raise AtlopError(f"{address} cannot be reached")
    if not wandb.login(prompt=False, verify=False):
        raise AtlopError("not logged in (see `wandb login`)")
