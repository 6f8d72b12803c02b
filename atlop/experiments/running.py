"""Run an experiment: train missing runs, resume interrupted ones and reuse finished ones."""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from pydantic import BaseModel, Field

from atlop.calibration import Candidates, collect_candidates
from atlop.config import Precision, RunConfig
from atlop.config_files import default_settings, flat_settings
from atlop.corpora import read_corpus, read_train_facts
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member
from atlop.errors import AtlopError
from atlop.experiments.dev_split import split_dev
from atlop.experiments.plan import Experiment, Plan, PlannedRun, plan_runs
from atlop.experiments.results import ExperimentResults, collect_results
from atlop.files import file_sha256, read_json, write_json
from atlop.json_values import typed
from atlop.model_folder import load_encoder, load_model
from atlop.prediction import predict_facts
from atlop.preprocessing import Batch
from atlop.run_folder import refuse_earlier_version
from atlop.schema import Document
from atlop.training import Training, build_training, train

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExperimentFolder:
    """Folder of all experiments with the same base: `base.json`, the dev split, `runs/` and `candidates/`."""

    path: Path

    def run(self, run: PlannedRun) -> Path:
        """Return the folder of a run."""
        return self.path / "runs" / run.name

    def candidates(self, run: PlannedRun, *, split: str) -> Path:
        """Return the file of a run's candidates on the documents that choose (`chooses`) or are scored (`scored`)."""
        return self.path / "candidates" / f"{run.name}.{split}.safetensors"

    def state(self, run: PlannedRun) -> str:
        """Return the state of a run: `not started`, `interrupted`, `trained` or `scored`."""
        if self.candidates(run, split="scored").exists():
            return "scored"
        if (self.run(run) / "summary.json").exists():
            return "trained"
        return "interrupted" if self.run(run).exists() else "not started"

    @property
    def _base(self) -> Path:
        return self.path / "base.json"

    def precision(self) -> Precision | None:
        """Return the precision of the folder's runs, `None` if there are none."""
        precision: Precision | None = self._recorded()["trainer.precision"] if self._base.exists() else None
        return precision

    def record_base(self, plan: Plan) -> None:
        """Record the base configuration and the scored documents, or check that they match the recorded ones.

        Raises:
            AtlopError: The folder's runs have another base, or are of version 0.1.
        """
        for run in sorted(self.path.glob("runs/*")):
            refuse_earlier_version(run)
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
        recorded = self._recorded()
        before = default_settings() | recorded
        if changed := [key for key in sorted({*base, *recorded}) if before.get(key) != base.get(key)]:
            raise AtlopError(
                f"{self.path}: has runs with different {', '.join(changed)}; use another folder with --output, or undo "
                "the change"
            )

    def _recorded(self) -> dict[str, Any]:
        recorded: dict[str, Any] = read_json(self._base)
        typed(recorded, _Base, where=str(self._base), advice="use another folder with --output")
        return recorded


class _Base(BaseModel):
    """Required values of a recorded base."""

    precision: Precision = Field(alias="trainer.precision")


def run_experiment(
    experiment: Experiment,
    *,
    folder: Path,
    overrides: Sequence[str] = (),
    device: str | None = None,
    show_progress: bool = True,
    on_results: Callable[[ExperimentResults], object] | None = None,
) -> ExperimentResults:
    """Train the missing runs of an experiment and score it.

    It can be interrupted at any time: the next call reuses finished runs and resumes the interrupted one.

    Args:
        experiment: The experiment.
        folder: The experiment's folder.
        overrides: `section.key=value` strings for all runs.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        show_progress: Whether to draw progress bars.
        on_results: Called before each training with the results so far, for a table that is there after a stop.

    Raises:
        AtlopError: The folder's runs have another base, a configuration is not valid, or a run fails.
    """
    experiment_folder = ExperimentFolder(folder)
    plan, scored_file = prepare_plan(experiment, folder=experiment_folder, overrides=overrides, device=device)
    data = plan.runs[0].config.data
    scored = read_corpus(scored_file, format=data.format, invalid=data.invalid, relations=data.relations).documents
    for number, run in enumerate(plan.runs, start=1):
        if experiment_folder.state(run) == "scored":
            continue
        if on_results is not None:
            on_results(_results(plan, folder=experiment_folder, scored=scored))
        logger.info("run %d of %d: %s", number, len(plan.runs), run.name)
        train(run.config, output=experiment_folder.run(run), resume=True, device=device, show_progress=show_progress)
        _save_candidates(run, folder=experiment_folder, scored=scored, device=device)
    return _results(plan, folder=experiment_folder, scored=scored)


def _results(plan: Plan, *, folder: ExperimentFolder, scored: Sequence[Document]) -> ExperimentResults:
    """Return the results of the runs that are scored."""
    data = plan.runs[0].config.data
    scored_triples = {triple for document in scored for triple in document.name_triples()}
    train_facts = read_train_facts(
        data.train_facts or data.train, format=data.format, invalid=data.invalid, among=scored_triples
    )
    return collect_results(
        plan,
        candidates={
            run.name: _load_candidates(run, folder=folder) for run in plan.runs if folder.state(run) == "scored"
        },
        documents=scored,
        train_facts=train_facts,
    )


def prepare_plan(
    experiment: Experiment, *, folder: ExperimentFolder, overrides: Sequence[str], device: str | None = None
) -> tuple[Plan, Path]:
    """Return the runs of an experiment and the file to score, by default half of dev.

    The precision `auto` becomes that of the folder's runs, or else this machine's, so that all runs have the same.

    Raises:
        AtlopError: The folder's runs have another base, or a configuration is not valid or has an encoder that cannot
            be trained on.
    """
    plan = plan_runs(experiment, overrides=overrides)
    if plan.base.trainer.precision == "auto":
        precision = folder.precision() or accelerator_for(device=device, training=True).precision
        overrides = [*overrides, f"trainer.precision={precision}"]
        plan = plan_runs(experiment, overrides=overrides)
    data = plan.runs[0].config.data
    _check_encoders(run.config for run in plan.runs if folder.state(run) in ("not started", "interrupted"))
    folder.record_base(plan)
    if experiment.scored is not None:
        return plan, experiment.scored
    selection, scored = split_dev(data, folder=folder.path, seed=experiment.split_seed)
    return plan_runs(experiment, overrides=overrides, data_dev=selection), scored


def _check_encoders(configs: Iterable[RunConfig]) -> None:
    """Find out before the first training whether the last one can be done, too."""
    distinct = {(config.encoder.name, config.model.model_dump_json()): config for config in configs}
    for config in distinct.values():
        load_encoder(config.encoder.name, model_config=config.model, precision=config.trainer.precision)


def estimate_runs(plan: Plan, *, folder: Path, device: str | None = None) -> list[dict[str, Any]]:
    """Return name, state and, for runs that are not trained yet, the estimated seconds from start to end, else 0."""
    states, measured, runs = ExperimentFolder(folder), {}, []
    for run in plan.runs:
        state, seconds = states.state(run), 0.0
        if state in ("not started", "interrupted"):
            trainer = run.config.trainer.model_copy(update={"seed": 0})
            without_seed = run.config.model_copy(update={"trainer": trainer}).model_dump_json()
            if without_seed not in measured:
                measured[without_seed] = estimate_seconds(run.config, device=device)
            seconds = measured[without_seed]
        runs.append({"name": run.name, "state": state, "seconds": seconds})
    return runs


def estimate_seconds(config: RunConfig, *, device: str | None = None, steps: int = 3) -> float:
    """Estimate the seconds of a run by timing its first `steps`, after one for warm-up, and some dev documents."""
    training = build_training(config, device=device)
    schedule, size = training.schedule, training.config.trainer.prediction_batch_size
    dev = training.data.dev.documents
    sample = list(islice(dev, 2 * size))
    with training.accelerator.settings(), closing(training.prefetch_steps()) as planned_steps:
        step_times = [_time(partial(_run_step, training, batches)) for _, batches in islice(planned_steps, steps + 1)]
        predict = partial(predict_facts, accelerator=training.accelerator, batch_size=size)
        sample_time = _time(partial(predict, training.state.model, sample))
    evaluations = sum(map(schedule.is_evaluated, range(1, schedule.total + 1)))
    evaluation_time = sample_time * len(dev) / max(1, len(sample))
    return schedule.total * median(step_times[1:] or step_times) + evaluations * evaluation_time


def _run_step(training: Training, batches: list[Batch]) -> None:
    training.step(batches).loss.item()  # waits for the device


def _time(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _save_candidates(
    run: PlannedRun, *, folder: ExperimentFolder, scored: Sequence[Document], device: str | None
) -> None:
    """Save the candidates of a trained run on the documents that choose and on those to score, in float32."""
    data = run.config.data
    selection = read_corpus(data.dev, format=data.format, invalid=data.invalid, relations=data.relations).documents
    ensemble = Ensemble.from_members([Member(*load_model(folder.run(run) / "best"))])
    for split, documents in (("chooses", selection), ("scored", scored)):
        accelerator = accelerator_for("float32", device=device)
        scores = ensemble.score(documents, accelerator=accelerator, batch_size=run.config.trainer.prediction_batch_size)
        collect_candidates(scores, documents=documents, rule=ensemble.rule).save(folder.candidates(run, split=split))


def _load_candidates(run: PlannedRun, *, folder: ExperimentFolder) -> tuple[Candidates, Candidates]:
    paths = [folder.candidates(run, split=split) for split in ("chooses", "scored")]
    chooses, scored = map(Candidates.load, paths)
    if chooses.relations != scored.relations:
        raise AtlopError(f"{paths[0]} and {paths[1]}: have different relations; remove both, which are then made again")
    return chooses, scored
