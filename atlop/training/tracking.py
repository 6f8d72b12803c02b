"""Weights & Biases, without which everything works as well."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlop.config import TrackingConfig

logger = logging.getLogger(__name__)


class Tracker:
    """Sends metrics to Weights & Biases, or to nowhere."""

    def __init__(self, config: TrackingConfig, *, folder: Path, name: str, settings: Mapping[str, Any]):
        """Start tracking.

        Args:
            config: Mode and project. `online` without an account becomes `offline`: it neither asks nor fails.
            folder: The run's folder; its name names the tracked run.
            name: Tells the run from all others; the same when it is resumed, which goes on with the same tracked run.
            settings: The run's configuration.
        """
        self._run = None
        if config.wandb == "disabled":
            return
        import wandb  # only where it is wanted: it takes a second to import

        mode = config.wandb
        if mode == "online" and not (os.environ.get("WANDB_API_KEY") or wandb.api.api_key):
            logger.warning("wandb: no account is set up (`wandb login`); metrics are kept offline in %s/wandb", folder)
            mode = "offline"
        quiet = wandb.Settings(silent=True, console="off")
        arguments: dict[str, Any] = {
            "project": config.project,
            "id": name,
            "resume": "allow",
            "name": folder.name,
            "dir": folder,
            "config": dict(settings),
            "settings": quiet,
        }
        try:
            self._run = wandb.init(mode=mode, **arguments)
        except wandb.errors.Error as error:
            logger.warning("wandb: %s; metrics are kept offline in %s/wandb", error, folder)
            self._run = wandb.init(mode="offline", **arguments)

    def log(self, metrics: Mapping[str, Any], *, update: int) -> None:
        """Send metrics of one update."""
        if self._run is not None:
            self._run.log(dict(metrics), step=update)

    def finish(self) -> None:
        """Wait until everything is sent."""
        if self._run is not None:
            self._run.finish()
