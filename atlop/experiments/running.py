"""Run an experiment: train missing runs, resume interrupted ones and reuse finished ones."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from accelerate import Accelerator

from atlop.calibration import Candidates, collect_candidates
from atlop.config import RunConfig
from atlop.corpora import read_corpus, read_train_facts, require_files
from atlop.decoding import PLAIN
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member
from atlop.errors import AtlopError
from atlop.experiments.dev_split import split_dev
from atlop.experiments.devices import device_name, refuse_launched, train_side_by_side
from atlop.experiments.dreeam import collect_merged, listed_margins
from atlop.experiments.folder import ExperimentFolder
from atlop.experiments.plan import Experiment, Plan, PlannedRun, Reading, plan_runs
from atlop.experiments.results import ExperimentResults, collect_results
from atlop.fusion import with_logged_cost
from atlop.model_folder import check_start, load_encoder, load_model
from atlop.schema import Document
from atlop.scores import DocumentScores
from atlop.training import train

logger = logging.getLogger(__name__)


def run_experiment(
    experiment: Experiment,
    *,
    folder: Path,
    overrides: Sequence[str] = (),
    device: str | None = None,
    devices: Sequence[str] = (),
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
        devices: Train side by side, a run at a time on each: `cpu`, or the number of a GPU. By default one run after
            the other.
        show_progress: Whether to draw progress bars.
        on_results: Called before each training with the results so far, for a table that is there after a stop.

    Raises:
        AtlopError: The folder's runs have another base, a configuration is not valid, a run fails, or several
            processes were launched.
    """
    if devices:
        device, *_ = map(device_name, devices)
    refuse_launched(device=device)
    experiment_folder = ExperimentFolder(folder)
    plan, scored_file = prepare_plan(experiment, folder=experiment_folder, overrides=overrides, device=device)
    data = plan.runs[0].config.data
    scored = read_corpus(scored_file, format=data.format, invalid=data.invalid, relations=data.relations).documents
    if devices:
        train_side_by_side(plan.runs, folder=experiment_folder, devices=devices)
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
            (run.name, reading): _load_candidates(run, reading=reading, folder=folder)
            for run in plan.runs
            if folder.state(run) == "scored"
            for reading in run.readings
        },
        documents=scored,
        train_facts=train_facts,
    )


def prepare_plan(
    experiment: Experiment, *, folder: ExperimentFolder, overrides: Sequence[str], device: str | None = None
) -> tuple[Plan, Path]:
    """Return the runs of an experiment and the file to score, by default half of dev.

    Raises:
        AtlopError: The folder's runs have another base, or a configuration is not valid or has an encoder that cannot
            be trained on.
    """
    overrides = with_precision(experiment, folder=folder, overrides=overrides, device=device)
    plan = plan_runs(experiment, overrides=overrides)
    data = plan.runs[0].config.data
    _check_models([run.config for run in plan.runs if folder.state(run) in ("not started", "interrupted")])
    folder.record_base(plan)
    if experiment.scored is not None:
        return plan, experiment.scored
    selection, scored = split_dev(data, folder=folder.path, seed=experiment.split_seed)
    return plan_runs(experiment, overrides=overrides, data_dev=selection), scored


def with_precision(
    experiment: Experiment, *, folder: ExperimentFolder, overrides: Sequence[str], device: str | None = None
) -> Sequence[str]:
    """Return the overrides with the precision of the folder's runs, or else this machine's, instead of `auto`.

    Raises:
        AtlopError: A configuration is not valid, or the folder's record is damaged.
    """
    if plan_runs(experiment, overrides=overrides).base.trainer.precision != "auto":
        return overrides
    precision = folder.precision() or accelerator_for(device=device, training=True).precision
    return [*overrides, f"trainer.precision={precision}"]


def _check_models(configs: Sequence[RunConfig]) -> None:
    """Find out before the first training whether the last one can be done, too."""
    for config in configs:
        require_files(config.data)
    distinct = {
        (config.encoder.name, config.model.model_dump_json(), config.trainer.start_from): config for config in configs
    }
    for config in distinct.values():
        encoder = load_encoder(config.encoder.name, model_config=config.model, precision=config.trainer.precision)
        if config.trainer.start_from is not None:
            check_start(encoder, config.trainer.start_from)


def _save_candidates(
    run: PlannedRun, *, folder: ExperimentFolder, scored: Sequence[Document], device: str | None
) -> None:
    """Save the candidates of a trained run on the documents that choose and on those to score, in float32."""
    data = run.config.data
    selection = read_corpus(data.dev, format=data.format, invalid=data.invalid, relations=data.relations).documents
    ensemble = Ensemble.from_members([Member(*load_model(folder.run(run) / "best"))]).with_decision(PLAIN)
    accelerator = accelerator_for("float32", device=device)
    for split, documents in (("chooses", selection), ("scored", scored)):
        scores = list(ensemble.score(documents, accelerator=accelerator))
        for reading in run.readings:
            candidates = _candidates(reading, ensemble, documents, scores=scores, accelerator=accelerator)
            candidates.save(folder.candidates(run, split=split, reading=reading))


def _candidates(
    reading: Reading,
    ensemble: Ensemble,
    documents: Sequence[Document],
    *,
    scores: Iterable[DocumentScores],
    accelerator: Accelerator,
) -> Candidates:
    """Return what a decision chooses from, from the scores of whole documents."""
    started, rule, collect = monotonic(), ensemble.rule, collect_candidates
    if reading != "whole":
        margins = None
        if reading == "dreeam":
            margins, collect = partial(listed_margins, rule=rule), collect_merged
        completed = ensemble.with_pseudo_margins(documents, scores, accelerator=accelerator, margins=margins)
        scores = with_logged_cost(documents, completed, started=started)
    return collect(scores, documents=documents, rule=rule)


def _load_candidates(run: PlannedRun, *, reading: Reading, folder: ExperimentFolder) -> tuple[Candidates, Candidates]:
    paths = [folder.candidates(run, split=split, reading=reading) for split in ("chooses", "scored")]
    chooses, scored = map(Candidates.load, paths)
    if chooses.relations != scored.relations:
        raise AtlopError(f"{paths[0]} and {paths[1]}: have different relations; remove both, which are then made again")
    return chooses, scored
