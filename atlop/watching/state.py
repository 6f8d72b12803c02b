"""What a run does now, by what its folder holds: nothing is asked of the process that trains."""

from pathlib import Path
from typing import Literal, NamedTuple

from atlop.files import current_writer

Name = Literal["preparing", "running", "elsewhere", "finished", "stopped", "broken off", "gone"]


class State(NamedTuple):
    """The state of a run, and a sentence about it."""

    name: Name
    message: str


def state_of(run: Path, *, step: int, stopped_early: bool) -> State:
    """Return the state of a run.

    Args:
        run: Its folder.
        step: The last step that its metrics have; 0 for none.
        stopped_early: Whether its summary says that patience ended it.
    """
    if not run.is_dir():
        return State("gone", f"There is no folder {run} any more.")
    writer = current_writer(run)
    if (run / "summary.json").exists():  # asked after the writer, which leaves after it has written this
        reason = (
            "It had no new best for as many evaluations as trainer.patience allows"
            if stopped_early
            else "All steps are done"
        )
        return State("finished", f"{reason}; the best model is in {run / 'best'}.")
    if writer is not None and not writer.is_here:
        return State(
            "elsewhere",
            f"Written by {writer.description}. Whether that still runs cannot be seen from this machine; the time of "
            "the last line tells.",
        )
    if writer is not None and not step:
        return State("preparing", f"{_capital(writer.description)}, reads the corpora and the encoder; no step yet.")
    if writer is not None:
        return State("running", f"{_capital(writer.description)}, is training.")
    resume = f"`atlop train --resume {run}`"
    checkpoint = newest_checkpoint(run)
    if checkpoint is not None and checkpoint >= step:
        return State("stopped", f"No process trains it. Its last step is in a checkpoint: {resume} goes on from there.")
    kept = f"after step {checkpoint:,}" if checkpoint else "none"
    return State(
        "broken off",
        f"No process trains it, and its last step is in no checkpoint: it was killed or failed, and what it printed "
        f"last says why. The newest checkpoint: {kept}. {resume} does the steps since then again.",
    )


def newest_checkpoint(run: Path) -> int | None:
    """Return the step of a run's newest checkpoint, `None` without one."""
    steps = [int(path.name) for path in (run / "checkpoints").glob("[0-9]*") if path.name.isdecimal()]
    return max(steps, default=None)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
