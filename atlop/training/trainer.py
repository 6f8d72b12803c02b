"""Training from beginning to end, and its loop in the order of events."""

from contextlib import closing
from pathlib import Path
from signal import Signals
from time import monotonic
from typing import Any

from safetensors import SafetensorError

from atlop.config import RunConfig, find_config, load_config
from atlop.errors import AtlopError, StoppedError
from atlop.files import refuse_nonempty
from atlop.run_folder import RunFolder, keep_precision, refuse_changed_config
from atlop.stopping import StopRequests
from atlop.training.build import Training, build_training
from atlop.training.checkpoint import Checkpoints
from atlop.training.run import Run
from atlop.training.tracking import StepLog


def train(
    config: RunConfig | str,
    *,
    output: Path | str | None = None,
    resume: bool = False,
    device: str | None = None,
    show_progress: bool = True,
) -> dict[str, Any]:
    """Train a model and leave everything about it in one folder.

    Args:
        config: The run's configuration, or the path or name of one.
        output: The run's folder; unless it is resumed, it must not exist, or be empty. `best/` and `last/` in it are
            model folders. Without it, `runs/NAME` of a named configuration.
        resume: Whether to go on with what the folder holds of this run, from its last checkpoint. It begins where the
            folder holds nothing, and only gives the summary where it has ended.
        device: `cpu`, `cuda` or `cuda:N`; without it, a GPU where there is one.
        show_progress: Whether to draw progress bars.

    Returns:
        What `summary.json` says: the best dev scores from 0 to 1 with intervals, where they were reached, whether
        patience ended the training early, what truncation cost, and seconds.

    Raises:
        AtlopError: The folder exists, or holds a run of another configuration, other data or other code; a file is not
            as it should be, the encoder cannot be loaded, a loss is not finite, memory or disk space are not enough.
        StoppedError: SIGTERM or Ctrl-C came; a checkpoint is written.
    """
    started = monotonic()
    if isinstance(config, str):
        output = output or Path("runs") / find_config(config).stem
        config = load_config(config)
    if output is None:
        raise AtlopError("train: a configuration without a name needs output, the run's folder")
    folder = RunFolder(Path(output))
    if resume:
        folder.tidy()
    is_resumed = resume and folder.config.exists()
    if not is_resumed:
        refuse_nonempty(folder.path)
    else:
        began = load_config(str(folder.config))
        config = keep_precision(began, config)
        refuse_changed_config(folder.path, began=began, now=config)
        if (summary := folder.summary()) is not None:
            Checkpoints(folder.checkpoints, keep=1).remove()  # a stop may have left them
            return summary
    training = build_training(config, device=device, show_progress=show_progress)
    with training.accelerator.settings():
        run = Run(training, folder=folder, is_resumed=is_resumed)
        try:
            run.rewrite_models()
            with StopRequests() as stop:
                stopped = fit(training, run=run, stop=stop)
        except AtlopError as error:
            raise AtlopError(f"{error}. {run.resume_hint()}") from None
        except (OSError, SafetensorError) as error:
            raise AtlopError(f"{folder.path}: cannot be written: {error}. {run.resume_hint()}") from None
        if stopped:
            run.close()
            raise StoppedError(
                f"stopped by {Signals(stopped).name} after step {training.state.progress.step:,} of "
                f"{training.schedule.total:,}. {run.resume_hint()}",
                exit_code=128 + stopped,
            )
        return run.finish(started=started)


def fit(training: Training, *, run: Run, stop: StopRequests) -> int:
    """Train until the schedule or the patience ends, or a stop is asked for.

    Args:
        training: What is trained, as far as it is already.
        run: Keeps metrics, checkpoints and models.
        stop: Knows whether a stop is asked for.

    Returns:
        0, or the number of the signal that stopped training; a checkpoint is written then.

    Raises:
        AtlopError: A loss, a gradient or a weight is not finite, or memory is not enough; the documents are named.
        OSError: The disk is full, or may not be written to.
    """
    progress = training.state.progress
    log = StepLog(training, log=run.log)
    with log.bar, closing(training.prefetch_steps()) as feed:
        is_due = training.is_evaluation_due()  # where a stop came before the evaluation
        while is_due or not training.is_finished():
            if not is_due:
                step, batches = next(feed)
                metrics = training.step(batches)
                progress.step, progress.epoch = step.number, step.epoch
                log.add(step, metrics)
                is_due = training.is_evaluation_due()
            if is_due:
                log.read()
                scores = training.evaluate(stop)
                if scores is None:  # stopped in the midst of it; it is made again when training goes on
                    run.checkpoint()
                    return stop.signal
                is_best, is_due = progress.record_scores(scores), False
                run.log_scores(scores)
                log.show(scores)
                run.checkpoint()
                run.save(is_best=is_best)  # after the checkpoint, from which models can be written again
            stopped, is_checkpoint_due = run.poll(stop.signal, can_synchronize=not log.pending)
            if is_checkpoint_due:
                log.read()  # so that nothing of a step whose numbers are wrong is kept
                run.checkpoint()
            if stopped:
                return stopped
    return 0
