"""One model, or several that score together: documents to scores and facts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from atlop.config import Precision
from atlop.corpora import Corpus
from atlop.decoding import Calibration, read_calibration
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.files import model_folder, read_json
from atlop.model import AtlopModel
from atlop.model_folder import load_model, preprocessor_for
from atlop.objectives import AdaptiveThresholding, make_objective
from atlop.prediction import (
    DecisionRule,
    DocumentScores,
    Progress,
    gather_in_order,
    predict_facts,
    score_documents,
)
from atlop.preprocessing import Features, Truncation
from atlop.schema import THRESHOLD_CLASS, Document, Fact, RelationVocabulary


@dataclass(frozen=True)
class Member:
    """A model and the tokenizer that it was trained with."""

    model: AtlopModel
    tokenizer: PreTrainedTokenizerBase

    def preprocess(self, documents: Sequence[Document]) -> list[Features]:
        """Preprocess documents as the model was trained."""
        return list(preprocessor_for(self.model, self.tokenizer).preprocess(documents))


@dataclass(frozen=True)
class Predictions:
    """What models find in documents, and what they cannot find."""

    facts: list[tuple[Fact, ...]]
    """Facts of each document, in the order of the documents."""
    truncation: Truncation
    """What the maximum length costs; of several models, the one that loses the fewest facts."""
    unknown_facts: int
    """Labelled facts of relations that no model knows."""


@dataclass(frozen=True)
class Ensemble:
    """Models that score together: the mean of their margins decides.

    A single model decides by its own scores. Several are put on one scale first: a score counts from the pair's
    threshold on, so that TH is 0 in every model.
    """

    members: tuple[Member, ...]
    rule: DecisionRule

    @classmethod
    def from_members(cls, members: Sequence[Member]) -> Self:
        """Let models score together; a single one keeps its calibration.

        Args:
            members: At least one.

        Raises:
            AtlopError: They know different relations.
        """
        first = members[0].model
        if len(members) == 1:
            return cls(tuple(members), rule=DecisionRule.from_model(first, calibration=first.config.calibrated))
        relations = set(first.config.vocabulary.relations)
        for number, member in enumerate(members[1:], start=2):
            if odd := sorted(relations ^ set(member.model.config.vocabulary.relations)):
                raise AtlopError(
                    f"models 1 and {number} know different relations (only one of them has {', '.join(odd[:8])}); "
                    "an ensemble needs models of the same relations"
                )
        rule = DecisionRule.from_model(first, calibration=None)
        return cls(tuple(members), rule=replace(rule, objective=AdaptiveThresholding()))

    def with_calibration(self, calibration: Calibration | None) -> Self:
        """Return the same models with other thresholds."""
        return replace(self, rule=self.rule.with_calibration(calibration))

    def predict(
        self,
        documents: Sequence[Document],
        *,
        accelerator: Accelerator,
        batch_size: int,
        progress: Progress[list[Features]] = iter,
    ) -> Predictions:
        """Find the facts of documents, the same in every process.

        Args:
            documents: Labelled or not.
            accelerator: Device, precision and processes; the models are moved to its device.
            batch_size: Documents in a batch.
            progress: Shows how many batches are done; called for each model.

        Raises:
            AtlopError: A score is not finite; the document is named.
        """
        features = [member.preprocess(documents) for member in self.members]
        if len(self.members) == 1:
            facts = predict_facts(
                self.members[0].model.to(accelerator.device),
                features[0],
                accelerator=accelerator,
                batch_size=batch_size,
                progress=progress,
                rule=self.rule,
            )
        else:
            scored = self._scores(features, accelerator=accelerator, batch_size=batch_size, progress=progress)
            facts = [self.rule.facts(each) for each in scored]
        return Predictions(
            facts=facts,
            truncation=min(map(Truncation.from_features, features), key=lambda truncation: truncation.facts),
            unknown_facts=sum(document.unknown_facts for document in features[0]),
        )

    def score(
        self,
        documents: Sequence[Document],
        *,
        accelerator: Accelerator,
        batch_size: int,
        progress: Progress[list[Features]] = iter,
    ) -> Iterator[DocumentScores]:
        """Score documents in their order, the same in every process; args and errors are those of `predict`."""
        features = [member.preprocess(documents) for member in self.members]
        return self._scores(features, accelerator=accelerator, batch_size=batch_size, progress=progress)

    def _scores(
        self,
        features: list[list[Features]],
        *,
        accelerator: Accelerator,
        batch_size: int,
        progress: Progress[list[Features]],
    ) -> Iterator[DocumentScores]:
        scored = []
        for member, of_member in zip(self.members, features, strict=True):
            found = score_documents(
                member.model.to(accelerator.device),
                of_member,
                accelerator=accelerator,
                batch_size=batch_size,
                progress=progress,
            )
            scored.append(gather_in_order(((each.index, each) for each in found), accelerator=accelerator))
        if len(scored) == 1:
            return iter(scored[0])
        return map(self._mean, zip(*scored, strict=True))

    def _mean(self, of_members: tuple[DocumentScores, ...]) -> DocumentScores:
        """Return the mean margin of one document's pairs, with TH at 0."""
        vocabulary = self.rule.vocabulary
        total = torch.zeros_like(of_members[0].scores)
        for member, scored in zip(self.members, of_members, strict=True):
            theirs = member.model.config.vocabulary
            columns = [theirs.class_of(relation) for relation in vocabulary.relations]
            margins: Tensor = make_objective(member.model.config.model.objective).margins(scored.scores)
            total[:, THRESHOLD_CLASS + 1 :] += margins[:, columns]
        return replace(of_members[0], scores=total / len(of_members))


def load_ensemble(
    models: str | Path | Member | Sequence[str | Path | Member], *, calibration: str | Path | None = None
) -> Ensemble:
    """Load models that score together.

    Args:
        models: Run folders (their `best/` is used), model folders, Hugging Face names or loaded models.
        calibration: File of thresholds, or `none`; by default those of a single model.

    Raises:
        AtlopError: A model cannot be loaded, or knows other relations; the calibration is not for it.
    """
    sources = [models] if isinstance(models, str | Path | Member) else models
    members = [each if isinstance(each, Member) else Member(*load_model(model_folder(each))) for each in sources]
    ensemble = Ensemble.from_members(members)
    if calibration is None:
        return ensemble
    if str(calibration) == "none":
        return ensemble.with_calibration(None)
    try:
        read = read_calibration(read_json(Path(calibration)), vocabulary=ensemble.rule.vocabulary)
    except AtlopError as error:
        raise AtlopError(f"--calibration {calibration}: {error}") from None
    return ensemble.with_calibration(read)


def predict_corpus(
    models: str | Path | Member | Sequence[str | Path | Member],
    corpus: Corpus,
    *,
    calibration: str | Path | None = None,
    batch_size: int = 8,
    precision: Precision = "auto",
    device: str | None = None,
    show_progress: bool = False,
) -> tuple[Predictions, RelationVocabulary]:
    """Load models and find the facts of a corpus; args and errors are those of `atlop.evaluate`.

    Returns:
        The facts, and the relations that the models know; the same in every process.
    """
    accelerator = accelerator_for(precision, device=device)
    ensemble = load_ensemble(models, calibration=calibration)
    progress = partial(tqdm, unit="batch", disable=not (show_progress and accelerator.is_main_process))
    predictions = ensemble.predict(corpus.documents, accelerator=accelerator, batch_size=batch_size, progress=progress)
    return predictions, ensemble.rule.vocabulary
