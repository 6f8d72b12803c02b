"""Train runs side by side: on each device one process after the other, which no other's crash ends."""

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from signal import Signals

from transformers.utils import logging as transformers_logging

from atlop.config import RunConfig
from atlop.device import accelerator_for, find_device
from atlop.errors import AtlopError, StoppedError
from atlop.experiments.folder import ExperimentFolder
from atlop.experiments.plan import PlannedRun
from atlop.stopping import StopRequests
from atlop.training import train

logger = logging.getLogger(__name__)

_GPUS = "CUDA_VISIBLE_DEVICES"
_PAUSE = 0.1  # seconds between looks at the processes


def device_name(name: str) -> str:
    """Return what `--device` calls an entry of `--devices`: `cpu`, or `cuda:N` for the number of a GPU.

    Raises:
        AtlopError: There is no such device.
    """
    return str(find_device(name if name == "cpu" else f"cuda:{name}"))


def refuse_launched(*, device: str | None) -> None:
    """Refuse to train several runs in processes that were launched together: each run has processes of its own.

    Raises:
        AtlopError: Several processes were launched.
    """
    if (processes := accelerator_for("float32", device=device).num_processes) > 1:
        raise AtlopError(f"{processes} processes were launched; start one alone, with --devices")


def train_side_by_side(runs: Sequence[PlannedRun], *, folder: ExperimentFolder, devices: Sequence[str]) -> None:
    """Train the runs that are not trained yet in processes of their own, each with a log file.

    Args:
        runs: The runs.
        folder: Their experiment's folder.
        devices: A process at a time for each: `cpu`, or the number of a GPU.

    Raises:
        AtlopError: Runs failed, after all others have ended; names each, and the last line of its log.
        StoppedError: A signal arrived, and every process was asked to stop.
    """
    waiting = deque(run for run in runs if folder.state(run) in ("not started", "interrupted"))
    running: dict[int, tuple[PlannedRun, SpawnProcess]] = {}
    failed, asked_to_stop = [], False
    with StopRequests() as stop:
        while running or (waiting and not stop.signal):
            for slot, device in enumerate(devices):
                if slot not in running and waiting and not stop.signal:
                    run = waiting.popleft()
                    logger.info("%s: training on %s; log: %s", run.name, device_name(device), folder.log(run))
                    running[slot] = run, _start(run, folder=folder, device=device)
            time.sleep(_PAUSE)
            if stop.signal and not asked_to_stop:
                asked_to_stop = True
                for _, process in running.values():
                    os.kill(process.pid or 0, stop.signal)
            for slot, (run, process) in list(running.items()):
                if process.exitcode is not None:
                    del running[slot]
                    logger.info("%s: %s", run.name, "failed" if process.exitcode else "trained")
                    if process.exitcode:
                        failed.append(f"{run.name}: {_last_line(folder.log(run))} (exit code {process.exitcode})")
    if stop.signal:
        raise StoppedError(
            f"stopped by {Signals(stop.signal).name}; the same command continues", exit_code=128 + stop.signal
        )
    if failed:
        raise AtlopError(
            f"{len(failed)} of {len(runs)} runs failed; the same command continues them:\n  " + "\n  ".join(failed)
        )


def _start(run: PlannedRun, *, folder: ExperimentFolder, device: str) -> SpawnProcess:
    """Start the process of a run; it sees only its GPU, from its first instruction."""
    log = folder.log(run)
    log.parent.mkdir(parents=True, exist_ok=True)
    process = get_context("spawn").Process(
        target=_train, args=(run.config, folder.run(run), log, "cpu" if device == "cpu" else None), name=run.name
    )
    before = os.environ.get(_GPUS)
    if device != "cpu":
        os.environ[_GPUS] = before.split(",")[int(device)] if before else device  # numbers count visible GPUs
    try:
        process.start()
    finally:
        os.environ.pop(_GPUS, None)
        if before is not None:
            os.environ[_GPUS] = before
    return process


def _train(config: RunConfig, output: Path, log: Path, device: str | None) -> None:
    """Train in this process, whose output goes to a file."""
    os.setsid()  # Ctrl-C reaches the parent alone, which passes it on once
    sys.stdout = sys.stderr = log.open("a", encoding="utf-8", buffering=1)
    for stream in (1, 2):  # of libraries that are not Python
        os.dup2(sys.stderr.fileno(), stream)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        train(config, output=output, resume=True, device=device)
    except AtlopError as error:
        sys.exit(f"error: {error}")
    except StoppedError as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.exit_code)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
