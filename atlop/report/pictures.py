"""The pictures of a run: what it learned, and what its model decides on labelled documents."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from atlop.calibration import collect_candidates
from atlop.config_files import flat_settings, load_config
from atlop.corpora import Corpus, TrainFacts
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores
from atlop.report.decisions import margin_picture, precision_recall_picture, relation_picture
from atlop.report.drawing import save
from atlop.report.learning import learning_picture
from atlop.report.margins import MarginCounter
from atlop.run_folder import refuse_earlier_version
from atlop.run_metrics import read_metrics
from atlop.scores import DecisionRule, DocumentScores
from atlop.scoring import score_facts


def draw_training(runs: Sequence[Path]) -> dict[str, Figure]:
    """Draw loss and dev scores over steps, by name `learning`; nothing of a model without `metrics.jsonl`.

    Args:
        runs: A run or a model folder, or several runs that differ in their seed.

    Raises:
        AtlopError: The metrics are damaged, or hold no step yet; or other settings than the seed differ.
    """
    metrics = [run / "metrics.jsonl" for run in runs]
    if len(runs) == 1 and not metrics[0].is_file():
        return {}
    for run in runs:
        refuse_earlier_version(run)
    if len(runs) > 1:
        _refuse_other_settings(runs)
    return {"learning": learning_picture([read_metrics(path) for path in metrics])}


def _refuse_other_settings(runs: Sequence[Path]) -> None:
    first, *others = [flat_settings(load_config(str(run / "config.toml"))) for run in runs]
    for run, settings in zip(runs[1:], others, strict=True):
        changed = [key for key in first if first[key] != settings.get(key) and key != "trainer.seed"]
        if changed:
            raise AtlopError(
                f"{run}: {', '.join(changed)} differ from those of {runs[0]}; expected runs that differ in "
                "trainer.seed alone"
            )


def draw_decisions(
    scored: Iterable[DocumentScores], *, corpus: Corpus, rule: DecisionRule, train: TrainFacts
) -> tuple[dict[str, Figure], OfficialScores]:
    """Draw what a model decides on a labelled corpus, from the scores of each document.

    Returns:
        Pictures by name, `relations` among them only with train frequencies and gold facts; and the scores of the
        decisions.

    Raises:
        AtlopError: A score is not finite.
    """
    counter = MarginCounter(corpus.documents, rule=rule)
    candidates = collect_candidates(counter.watch(scored), documents=corpus.documents, rule=rule)
    thresholds = np.zeros(rule.vocabulary.classes, np.float32) if rule.thresholds is None else rule.thresholds.numpy()
    evaluation = score_facts(candidates.facts(candidates.decide(thresholds)), corpus=corpus, train=train)
    pictures = {
        "precision_recall": precision_recall_picture(candidates, scores=evaluation.scores),
        "margins": margin_picture(counter.result()),
    }
    if train.frequency is not None and (detailed := evaluation.detailed()) is not None:
        pictures["relations"] = relation_picture(detailed, names=rule.vocabulary.names)
    return pictures, evaluation.scores


def save_pictures(pictures: Mapping[str, Figure], *, folder: Path) -> list[Path]:
    """Write pictures as PNG and SVG, over older ones of the same name; return their paths."""
    return [path for name, figure in pictures.items() for path in save(figure, folder, name=name)]


def experiment_pictures(run: Path) -> dict[str, str]:
    """Return the SVG of each picture of the experiment that a run is part of, such as learning curves, by file name."""
    experiment = run.resolve().parent.parent
    if run.resolve().parent.name != "runs" or not (experiment / "base.json").is_file():
        return {}
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(experiment.glob("*.svg"))}
