"""Calibrate models on labelled documents, and store what was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from atlop.calibration.candidates import collect_candidates
from atlop.calibration.choice import ChosenDecision, choose_decision
from atlop.calibration.evidence import collect_evidence, evidence_threshold
from atlop.config import Invalid, Precision
from atlop.corpora import Corpus, read_labelled
from atlop.decoding import PLAIN, Decision, DecisionName
from atlop.ensemble import load_ensemble
from atlop.errors import AtlopError
from atlop.files import model_folder, one_writer, refuse_existing, write_json
from atlop.fusion import with_logged_cost
from atlop.model_folder import store_decision
from atlop.prediction import loop_settings


@dataclass(frozen=True)
class CalibratedModels:
    """A decision that was chosen for models, and the file that holds it."""

    chosen: ChosenDecision
    file: Path
    """The model's `config.json`, or the file of its own that was asked for."""
    corpus: Corpus
    """The documents that it was chosen on."""


def calibrate(
    models: str | Path | Sequence[str | Path],
    file: str | Path,
    *,
    decision: DecisionName = "offset",
    precision_target: float | None = None,
    evidence: bool = False,
    output: str | Path | None = None,
    precision: Precision = "auto",
    device: str | None = None,
    format: str | None = None,
    invalid: Invalid = "strict",
    show_progress: bool = False,
) -> CalibratedModels:
    """Choose a decision on labelled documents, and store it; the first process writes.

    Args:
        models: Run folder (its `best/` is used), model folder or Hugging Face name; several decide together.
        file: Labelled documents that the models were not trained on.
        decision: Which rule decides; an offset is chosen in any case.
        precision_target: Precision that the offset has to reach, with the highest recall; by default it is the one of
            the best F1.
        evidence: Whether to choose the evidence threshold too.
        output: JSON file for the decision; by default it replaces that of the model folder.
        precision: Number format of the matrix products; `auto` is bf16 or fp16 on a GPU, float32 on a CPU.
        device: `cpu`, `cuda` or `cuda:N`; by default a GPU where there is one.
        format: Format of the documents; by default it is recognised.
        invalid: Whether an invalid document stops the calibration or is left out and counted.
        show_progress: Whether to draw a progress bar.

    Raises:
        AtlopError: `output` exists, or is needed because there is no single model folder; a file cannot be read or has
            no labels; a model cannot be loaded; nothing can be chosen (see `choose_decision`); there is no such device.
    """
    names = [models] if isinstance(models, str | Path) else list(models)
    destination = _destination(names, output=None if output is None else Path(output))
    corpus = read_labelled(Path(file), format=format, invalid=invalid)
    loop = loop_settings(precision, device=device, show_progress=show_progress)
    is_main = loop["accelerator"].is_main_process
    with one_writer(destination, by_this_process=is_main):
        ensemble = load_ensemble(names).with_decision(PLAIN)
        corpus = corpus.without_negatives(ensemble.rule.vocabulary.negative)
        if not any(document.facts for document in corpus.documents):
            raise AtlopError(
                f"{file}: has no gold fact, so no threshold can be chosen on it; give documents with facts"
            )
        started = monotonic()
        scored = list(ensemble.score(corpus.documents, **loop))
        sentences = collect_evidence(scored, documents=corpus.documents) if evidence else None
        if decision == "fusion":
            if sentences is not None:
                ensemble = ensemble.with_decision(
                    Decision(use="plain", evidence_threshold=evidence_threshold(sentences))
                )
            completed = ensemble.with_pseudo_margins(corpus.documents, scored, accelerator=loop["accelerator"])
            scored = list(with_logged_cost(corpus.documents, completed, started=started))
        chosen = choose_decision(
            collect_candidates(scored, documents=corpus.documents, rule=ensemble.rule),
            use=decision,
            precision_target=precision_target,
            evidence=sentences,
        )
        if is_main and output is not None:
            write_json(destination, chosen.decision.model_dump(exclude_none=True))
        elif is_main:
            store_decision(destination.parent, chosen.decision)
    return CalibratedModels(chosen, destination, corpus)


def _destination(models: Sequence[str | Path], *, output: Path | None) -> Path:
    if output is not None:
        refuse_existing(output)
        return output
    if len(models) > 1:
        raise AtlopError("several models have no config.json in common; give --output FILE for their decision")
    folder = Path(model_folder(models[0]))
    if not folder.is_dir():
        raise AtlopError(f"{models[0]}: is not a folder, so nothing can be kept in it; give --output FILE")
    return folder / "config.json"
