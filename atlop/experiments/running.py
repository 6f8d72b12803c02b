"""The runs of an experiment: those that are missing are trained, those that stopped go on, finished ones are kept."""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

from atlop.calibration import Candidates, collect_candidates
from atlop.config import Precision, RunConfig, default_settings, flat_settings
from atlop.corpora import read_corpus, read_train_facts
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member
from atlop.errors import AtlopError
from atlop.experiments.dev_split import split_dev
from atlop.experiments.plan import Experiment, Plan, PlannedRun, plan_runs
from atlop.experiments.results import ExperimentResults, collect_results
from atlop.files import file_sha256, read_json, write_json
from atlop.model_folder import load_model
from atlop.prediction import predict_facts
from atlop.preprocessing import Batch
from atlop.schema import Document
from atlop.training import Training, build_training, train

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExperimentFolder:
    """`base.json`, the two halves of dev, `runs/` and `candidates/` of all experiments that start from one base."""

    path: Path

    def run(self, run: PlannedRun) -> Path:
        """Folder of a run."""
        return self.path / "runs" / run.name

    def candidates(self, run: PlannedRun, *, of: str) -> Path:
        """File of a run's scores on the documents that choose (`chooses`) or are scored (`scored`)."""
        return self.path / "candidates" / f"{run.name}.{of}.safetensors"

    def state(self, run: PlannedRun) -> str:
        """Return how far a run is: `finished`, `trained`, `begun` or `missing`."""
        if self.candidates(run, of="scored").exists():
            return "finished"
        if (self.run(run) / "summary.json").exists():
            return "trained"
        return "begun" if self.run(run).exists() else "missing"

    @property
    def _base(self) -> Path:
        return self.path / "base.json"

    def precision(self) -> Precision | None:
        """Return the precision of all runs in the folder, `None` where there are none."""
        found = read_json(self._base) if self._base.exists() else {}
        return found.get("trainer.precision") if isinstance(found, dict) else None

    def record_base(self, plan: Plan) -> None:
        """Keep what all runs in the folder start from, and which documents are scored.

        Raises:
            AtlopError: It holds runs of another base.
        """
        scored = plan.experiment.scored
        base = {
            **flat_settings(plan.base),
            "sha256 of data.dev": file_sha256(plan.base.data.dev),
            "sha256 of scored": None if scored is None else file_sha256(scored),
            "split_seed": plan.experiment.split_seed,
        }
        if not self._base.exists():
            write_json(self._base, base)
            return
        found = read_json(self._base)
        found = found if isinstance(found, dict) else {}
        was = default_settings() | found
        if differ := [key for key in sorted({*base, *found}) if was.get(key) != base.get(key)]:
            raise AtlopError(
                f"{self.path}: holds runs of another {', '.join(differ)}; give another folder with --output, or go "
                "back to what it was"
            )


def run_experiment(
    experiment: Experiment,
    *,
    folder: Path,
    overrides: Sequence[str] = (),
    device: str | None = None,
    show_progress: bool = True,
) -> ExperimentResults:
    """Run what is missing of an experiment and score it.

    A stop at any moment loses nothing: called again, finished runs are kept and a run that was begun goes on.

    Args:
        experiment: The experiment.
        folder: Where everything of it goes.
        overrides: `section.key=value` each, for all runs.
        device: `cpu`, `cuda` or `cuda:N`; without it, a GPU where there is one.
        show_progress: Whether to draw progress bars.

    Raises:
        AtlopError: The folder is another experiment's, a configuration is wrong, or a run fails.
    """
    experiment_folder = ExperimentFolder(folder)
    plan, scored_file = prepare_plan(experiment, folder=experiment_folder, overrides=overrides, device=device)
    data = plan.runs[0].config.data
    scored = read_corpus(scored_file, format=data.format, invalid=data.invalid).documents
    for number, run in enumerate(plan.runs, start=1):
        if experiment_folder.state(run) == "finished":
            continue
        logger.info("run %d of %d: %s", number, len(plan.runs), run.name)
        train(run.config, output=experiment_folder.run(run), resume=True, device=device, show_progress=show_progress)
        _save_candidates(run, folder=experiment_folder, scored=scored, device=device)
    among = {triple for document in scored for triple in document.name_triples()}
    train_facts = read_train_facts(
        data.train_facts or data.train, format=data.format, invalid=data.invalid, among=among
    )
    return collect_results(
        plan,
        candidates={
            run.name: (
                Candidates.load(experiment_folder.candidates(run, of="chooses")),
                Candidates.load(experiment_folder.candidates(run, of="scored")),
            )
            for run in plan.runs
        },
        documents=scored,
        train_facts=train_facts,
    )


def prepare_plan(
    experiment: Experiment, *, folder: ExperimentFolder, overrides: Sequence[str], device: str | None = None
) -> tuple[Plan, Path]:
    """Return the runs of an experiment, and the file that is scored; both are halves of dev where none is given.

    A precision of `auto` becomes that of the folder's runs, or else the machine's, so that all have the same.

    Raises:
        AtlopError: The folder is another experiment's, or a configuration is wrong.
    """
    plan = plan_runs(experiment, overrides=overrides)
    if plan.base.trainer.precision == "auto":
        precision = folder.precision() or accelerator_for(device=device, training=True).precision
        overrides = [*overrides, f"trainer.precision={precision}"]
        plan = plan_runs(experiment, overrides=overrides)
    data = plan.runs[0].config.data
    folder.record_base(plan)
    if experiment.scored is not None:
        return plan, experiment.scored
    chooses, scored = split_dev(data, folder=folder.path, seed=experiment.split_seed)
    return plan_runs(experiment, overrides=overrides, data_dev=chooses), scored


def estimate_seconds(config: RunConfig, *, device: str | None = None, steps: int = 3) -> float:
    """Return about how long a run takes, from its first steps and some documents of dev, measured here and now.

    Args:
        config: The run.
        device: `cpu`, `cuda` or `cuda:N`; without it, a GPU where there is one.
        steps: Steps that are measured, after one that is not.
    """
    training = build_training(config, device=device)
    schedule, size = training.schedule, training.config.trainer.prediction_batch_size
    dev = training.data.dev.documents
    some = list(islice(dev, 2 * size))
    with training.accelerator.settings(), closing(training.prefetch_steps()) as feed:
        seconds = [_seconds(partial(_finished, training, batches)) for _, batches in islice(feed, steps + 1)]
        predict = partial(predict_facts, accelerator=training.accelerator, batch_size=size)
        of_some = _seconds(partial(predict, training.state.model, some))
    evaluations = sum(map(schedule.is_evaluated, range(1, schedule.total + 1)))
    return schedule.total * median(seconds[1:] or seconds) + evaluations * of_some * len(dev) / max(1, len(some))


def _finished(training: Training, batches: list[Batch]) -> None:
    """Make a step and wait until the device has done it."""
    training.step(batches).loss.item()


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _save_candidates(
    run: PlannedRun, *, folder: ExperimentFolder, scored: Sequence[Document], device: str | None
) -> None:
    """Score a trained run on the documents that choose and on those that are scored, in float32."""
    data = run.config.data
    chooses = read_corpus(data.dev, format=data.format, invalid=data.invalid).documents
    ensemble = Ensemble.from_members([Member(*load_model(folder.run(run) / "best"))])
    for of, documents in (("chooses", chooses), ("scored", scored)):
        accelerator = accelerator_for("float32", device=device)
        found = ensemble.score(documents, accelerator=accelerator, batch_size=run.config.trainer.prediction_batch_size)
        collect_candidates(found, documents=documents, rule=ensemble.rule).save(folder.candidates(run, of=of))
