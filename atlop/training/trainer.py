"""Train a model from start to end; `fit` is the training loop."""

from contextlib import closing
from pathlib import Path
from signal import Signals
from time import monotonic
from typing import Any

from safetensors import SafetensorError

from atlop.config import RunConfig
from atlop.config_files import find_config, load_config
from atlop.device import cublas_workspace, is_main_process
from atlop.errors import AtlopError, StoppedError
from atlop.files import refuse_nonempty
from atlop.run_folder import RunFolder, keep_precision, refuse_changed_config, refuse_earlier_version
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
    """Train a model and write everything about the run to one folder.

    Args:
        config: The run's configuration, or the path or name of one.
        output: The run's folder, which must be empty or missing unless the run is resumed; `runs/NAME` by default for a
            named configuration. Its `best/` and `last/` are model folders.
        resume: Whether to resume from the folder's last checkpoint. An empty folder starts a new run; a finished run
            only returns its summary.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        show_progress: Whether to draw progress bars.

    Returns:
        The contents of `summary.json`: the best dev scores from 0 to 1 with intervals and step, whether patience ended
        the training early, the cost of truncation, and seconds.

    Raises:
        AtlopError: The folder is not empty, or its run has another configuration, data or code; a file is invalid, the
            encoder cannot be loaded, a loss is not finite, or memory or disk space runs out.
        StoppedError: SIGTERM or Ctrl-C stopped the training; a checkpoint is written.
    """
    started = monotonic()
    if isinstance(config, str):
        output = output or Path("runs") / find_config(config).stem
        config = load_config(config)
    if output is None:
        raise AtlopError("train: a configuration without a name needs `output`, the run's folder")
    folder = RunFolder(Path(output))
    with folder.held(resume=resume, by_this_process=is_main_process(device)):
        is_resumed = resume and folder.config.exists()
        if not is_resumed:
            refuse_nonempty(folder.path)
        else:
            refuse_earlier_version(folder.path)
            began = load_config(str(folder.config))
            config = keep_precision(began, config)
            refuse_changed_config(folder.path, began=began, now=config)
            if (summary := folder.summary()) is not None:
                Checkpoints(folder.checkpoints, keep=1).remove()  # left if the process died before removing them
                return summary
        with cublas_workspace(deterministic=config.trainer.deterministic):  # before teachers compute
            training = build_training(config, device=device, show_progress=show_progress)
        with training.accelerator.settings():
            run = Run(training, folder=folder, is_resumed=is_resumed)
            try:
                run.rewrite_models()
                with StopRequests() as stop:
                    stop_signal = fit(training, run=run, stop=stop)
            except AtlopError as error:
                raise AtlopError(f"{error}. {run.resume_hint()}") from None
            except (OSError, SafetensorError) as error:
                raise AtlopError(f"{folder.path}: cannot be written: {error}. {run.resume_hint()}") from None
            if stop_signal:
                run.close()
                raise StoppedError(
                    f"stopped by {Signals(stop_signal).name} after step {training.state.progress.step:,} of "
                    f"{training.schedule.total:,}. {run.resume_hint()}",
                    exit_code=128 + stop_signal,
                )
            return run.finish(started=started)


def fit(training: Training, *, run: Run, stop: StopRequests) -> int:
    """Train until all steps are done, patience runs out, or a stop signal arrives.

    Returns:
        0, or the signal that stopped training after a checkpoint was written.

    Raises:
        AtlopError: A loss, gradient or weight is not finite, or memory runs out; names the documents.
        OSError: The disk is full or not writable.
    """
    progress = training.state.progress
    log = StepLog(training, log=run.log)
    with log.bar, closing(training.prefetch_steps()) as steps:
        is_evaluation_due = training.is_evaluation_due()  # resumed after a stop during an evaluation
        while is_evaluation_due or not training.is_finished():
            if not is_evaluation_due:
                step, batches = next(steps)
                metrics = training.step(batches)
                progress.step, progress.epoch = step.number, step.epoch
                log.add(step, metrics)
                is_evaluation_due = training.is_evaluation_due()
            if is_evaluation_due:
                log.flush()
                scores = training.evaluate(stop)
                if scores is None:  # stopped meanwhile; evaluated again when the run is resumed
                    run.checkpoint()
                    return stop.signal
                is_best, is_evaluation_due = progress.record_scores(scores), False
                run.log_scores(scores)
                log.show(scores, is_best=is_best)
                run.checkpoint()
                run.save(is_best=is_best)  # after the checkpoint, which can restore the models
            stop_signal, is_checkpoint_due = run.poll(stop.signal, can_synchronize=not log.pending)
            if is_checkpoint_due:
                log.flush()  # raises before a step that is not finite gets into a checkpoint
                run.checkpoint()
            if stop_signal:
                return stop_signal
    return 0
