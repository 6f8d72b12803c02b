"""The runs of an experiment: those that are missing are trained, those that stopped go on, finished ones are kept."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from atlop.calibration import Candidates, candidates_of
from atlop.config import RunConfig, default_settings, settings_of
from atlop.corpora import read_corpus, read_train_facts
from atlop.ensemble import Ensemble, Member
from atlop.errors import AtlopError
from atlop.experiments.halves import part_dev
from atlop.experiments.plan import Experiment, Plan, PlannedRun, plan_runs
from atlop.experiments.results import ExperimentResults, results_of
from atlop.files import read_json, sha256_of, write_json
from atlop.model_folder import encoder_tokenizer, load_model, new_model
from atlop.objectives import objective_named
from atlop.prediction import accelerator_for, predict_facts
from atlop.schema import Document
from atlop.training import train
from atlop.training.data import TrainingData
from atlop.training.loop import total_updates
from atlop.training.schedule import updates_of_epoch
from atlop.training.updates import Updater

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

    def claim(self, plan: Plan) -> None:
        """Keep what all runs in the folder start from, and which documents are scored.

        Raises:
            AtlopError: It holds runs of another base.
        """
        scored = plan.experiment.scored
        base = {
            **settings_of(plan.base),
            "sha256 of data.dev": sha256_of(plan.base.data.dev),
            "sha256 of scored": None if scored is None else sha256_of(scored),
            "split_seed": plan.experiment.split_seed,
        }
        file = self.path / "base.json"
        if not file.exists():
            write_json(file, base)
            return
        found = read_json(file)
        found = found if isinstance(found, dict) else {}
        was = default_settings() | found
        if differ := [key for key in sorted({*base, *found}) if was.get(key) != base.get(key)]:
            raise AtlopError(
                f"{self.path}: holds runs of another {', '.join(differ)}; give another folder with --output, or go "
                "back to what it was"
            )


def run_experiment(
    experiment: Experiment, *, folder: Path, overrides: Sequence[str] = (), show_progress: bool = True
) -> ExperimentResults:
    """Run what is missing of an experiment and score it.

    A stop at any moment loses nothing: called again, finished runs are kept and a run that was begun goes on.

    Args:
        experiment: The experiment.
        folder: Where everything of it goes.
        overrides: `section.key=value` each, for all runs.
        show_progress: Whether to draw progress bars.

    Raises:
        AtlopError: The folder is another experiment's, a configuration is wrong, or a run fails.
    """
    place = ExperimentFolder(folder)
    plan, scored_file = planned(experiment, place=place, overrides=overrides)
    data = plan.runs[0].config.data
    scored = read_corpus(scored_file, layout=data.layout, invalid=data.invalid).documents
    for number, run in enumerate(plan.runs, start=1):
        if place.state(run) == "finished":
            continue
        logger.info("run %d of %d: %s", number, len(plan.runs), run.name)
        train(run.config, output=place.run(run), resume=True, show_progress=show_progress)
        _keep_candidates(run, place=place, scored=scored)
    among = {triple for document in scored for triple in document.name_triples()}
    train_facts = read_train_facts(
        data.train_facts or data.train, layout=data.layout, invalid=data.invalid, among=among
    )
    return results_of(
        plan,
        candidates={
            run.name: (
                Candidates.load(place.candidates(run, of="chooses")),
                Candidates.load(place.candidates(run, of="scored")),
            )
            for run in plan.runs
        },
        documents=scored,
        train_facts=train_facts,
    )


def planned(experiment: Experiment, *, place: ExperimentFolder, overrides: Sequence[str]) -> tuple[Plan, Path]:
    """Return the runs of an experiment, and the file that is scored; both are halves of dev where none is given.

    Raises:
        AtlopError: The folder is another experiment's, or a configuration is wrong.
    """
    plan = plan_runs(experiment, overrides=overrides)
    data = plan.runs[0].config.data
    place.claim(plan)
    if experiment.scored is not None:
        return plan, experiment.scored
    chooses, scored = part_dev(data, folder=place.path, seed=experiment.split_seed)
    return plan_runs(experiment, overrides=overrides, data_dev=chooses), scored


def estimate_seconds(config: RunConfig, *, updates: int = 3) -> float:
    """Return about how long a run takes, from its first updates and some documents of dev, measured here and now.

    Args:
        config: The run.
        updates: Updates that are measured, after one that is not.
    """
    data = TrainingData(
        config.data, tokenizer=encoder_tokenizer(config.encoder.name), encoding=config.encoding, show_progress=False
    )
    accelerator = accelerator_for(config.trainer.precision)
    model, _ = new_model(
        config.encoder.name,
        vocabulary=data.vocabulary,
        encoding=config.encoding,
        classifier=config.classifier,
        objective=config.objective,
    )
    documents, trainer = data.train.documents, config.trainer
    total = total_updates(trainer, documents=len(documents))
    objective = objective_named(config.objective.name, parameters=config.objective.parameters)
    shares = torch.from_numpy(documents.class_shares(data.vocabulary.classes)).float()
    updater = Updater(
        model,
        objective=objective.informed(shares),
        accelerator=accelerator,
        documents=documents,
        pair_counts=documents.pair_counts,
        config=config.optimizer,
        updates=total,
    )
    shuffled = updates_of_epoch(
        len(documents),
        batch_size=trainer.batch_size,
        accumulation=trainer.gradient_accumulation,
        seed=trainer.seed,
        epoch=0,
    )
    seconds = [_seconds(partial(updater.apply, update)) for update in islice(shuffled, updates + 1)]
    some = list(islice(data.dev.documents, 2 * trainer.prediction_batch_size))
    predict = partial(predict_facts, accelerator=accelerator, batch_size=trainer.prediction_batch_size)
    of_some = _seconds(partial(predict, model, some))
    per_epoch = total // trainer.epochs
    evaluations = total // (trainer.evaluation_interval or per_epoch)
    return total * median(seconds[1:]) + evaluations * of_some * len(data.dev.documents) / max(1, len(some))


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _keep_candidates(run: PlannedRun, *, place: ExperimentFolder, scored: Sequence[Document]) -> None:
    """Score a trained run on the documents that choose and on those that are scored, in float32."""
    data = run.config.data
    chooses = read_corpus(data.dev, layout=data.layout, invalid=data.invalid).documents
    ensemble = Ensemble.of([Member(*load_model(place.run(run) / "best"))])
    for of, documents in (("chooses", chooses), ("scored", scored)):
        found = ensemble.score(
            documents, accelerator=accelerator_for("float32"), batch_size=run.config.trainer.prediction_batch_size
        )
        candidates_of(found, documents=documents, rule=ensemble.rule).save(place.candidates(run, of=of))
