"""One model, or several that score together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Self, Unpack

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from atlop.decoding import DECISIONS, PLAIN, Decision, read_decision
from atlop.errors import AtlopError
from atlop.evaluation import PairEvidence
from atlop.files import exists, read_json, refuse_tilde
from atlop.fusion import Margins, fused, try_pseudo_margins, with_logged_cost, with_pseudo_margins
from atlop.model import AtlopModel
from atlop.model_folder import load_model, preprocessor_for
from atlop.objectives import AdaptiveThresholding, make_objective
from atlop.prediction import LoopSettings, gather_in_order, make_batches, score_documents, try_batches
from atlop.preprocessing import Features, Preprocessor, Truncation
from atlop.schema import THRESHOLD_CLASS, Document, Fact
from atlop.scores import DecisionRule, DocumentScores, UnscoredDocument, all_scored


@dataclass(frozen=True)
class Member:
    """A model and the tokenizer that it was trained with."""

    model: AtlopModel
    tokenizer: PreTrainedTokenizerBase

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """The preprocessor that the model was trained with."""
        return preprocessor_for(self.model, self.tokenizer)

    def preprocess(self, documents: Sequence[Document]) -> list[Features]:
        """Preprocess documents as the model was trained."""
        return list(self.preprocessor.preprocess(documents))


@dataclass(frozen=True)
class Predictions:
    """Predicted facts, and the limits of the models."""

    facts: list[tuple[Fact, ...]]
    """Facts of each document, in the order of the documents."""
    pair_evidence: list[PairEvidence] | None
    """Evidence of the pairs of each document that have a gold fact, found or not; `None` for a model without."""
    truncation: Truncation
    """What the maximum length cuts off; of several models, from the one that loses the fewest facts."""
    unknown_facts: int
    """Labelled facts of relations that no model knows."""


@dataclass(frozen=True)
class Ensemble:
    """Models that score together: the mean of their margins decides.

    A single model decides by its own scores. Scores of several models are margins, so that TH is 0 in each.
    """

    members: tuple[Member, ...]
    rule: DecisionRule

    @classmethod
    def from_members(cls, members: Sequence[Member]) -> Self:
        """Combine models, at least one; a single one keeps its stored decision.

        Raises:
            AtlopError: They know different relations.
        """
        first = members[0].model
        if len(members) == 1:
            return cls(tuple(members), rule=DecisionRule.from_model(first))
        relations = set(first.config.vocabulary.relations)
        for number, member in enumerate(members[1:], start=2):
            if unshared := sorted(relations ^ set(member.model.config.vocabulary.relations)):
                raise AtlopError(
                    f"models 1 and {number} know different relations (only one of them has {', '.join(unshared[:8])}); "
                    "an ensemble needs models of the same relations"
                )
        rule = DecisionRule.from_model(first, decision=PLAIN)
        return cls(tuple(members), rule=replace(rule, objective=AdaptiveThresholding()))

    def with_decision(self, decision: Decision) -> Self:
        """Return the same models with another decision."""
        return replace(self, rule=replace(self.rule, decision=decision))

    def predict(self, documents: Sequence[Document], **loop: Unpack[LoopSettings]) -> Predictions:
        """Predict the facts of documents, the same in every process.

        The models are moved to the accelerator's device; each has its own progress bar.

        Raises:
            AtlopError: A score is not finite; the document is named.
        """

        def found(scored: DocumentScores) -> tuple[tuple[Fact, ...], PairEvidence | None]:
            gold = {(fact.subject, fact.object) for fact in documents[scored.index].facts or ()}
            return self.rule.facts(scored), self.rule.evidence(scored, pairs=gold)

        features = [member.preprocess(documents) for member in self.members]
        shared = self._shared(documents, features, **loop)
        results = gather_in_order(((each.index, found(each)) for each in shared), accelerator=loop["accelerator"])
        evidence = [each for _, each in results if each is not None]
        return Predictions(
            facts=[facts for facts, _ in results],
            pair_evidence=evidence if len(evidence) == len(results) else None,
            truncation=min(map(Truncation.from_features, features), key=lambda truncation: truncation.facts),
            unknown_facts=sum(document.unknown_facts for document in features[0]),
        )

    def score(self, documents: Sequence[Document], **loop: Unpack[LoopSettings]) -> Iterator[DocumentScores]:
        """Score documents in their order, the same in every process; args and errors are those of `predict`."""
        shared = self._shared(documents, [member.preprocess(documents) for member in self.members], **loop)
        return iter(gather_in_order(((each.index, each.to_keep()) for each in shared), accelerator=loop["accelerator"]))

    def score_here(self, documents: Sequence[Document], *, accelerator: Accelerator) -> Iterator[DocumentScores]:
        """Yield the scores of all of some documents in this process, in any order; models are on its device.

        Raises:
            AtlopError: A document cannot be scored; it is named.
        """
        return all_scored(self._try_here(documents, accelerator=accelerator))

    def ready(
        self,
        documents: Mapping[int, Document] | Sequence[Document],
        scored: Iterable[DocumentScores],
        *,
        accelerator: Accelerator,
    ) -> Iterator[DocumentScores]:
        """Yield scores as the rule decides on them: fused with those of pseudo documents if it decides by fusion.

        Raises:
            AtlopError: A pseudo document cannot be scored; its document is named.
        """
        return all_scored(self.try_ready(documents, scored, accelerator=accelerator))

    def try_ready(
        self,
        documents: Mapping[int, Document] | Sequence[Document],
        tried: Iterable[DocumentScores | UnscoredDocument],
        *,
        accelerator: Accelerator,
    ) -> Iterable[DocumentScores | UnscoredDocument]:
        """Do what `ready` does, but go on after a document of which a single model cannot score a pseudo document."""
        fusion = self.rule.decision.fusion
        if self.rule.decision.use != "fusion" or fusion is None:
            return tried
        score = partial(self._try_here, accelerator=accelerator)
        completed = try_pseudo_margins(documents, tried, score=score, rule=self.rule)
        return (
            each if isinstance(each, UnscoredDocument) else fused(each, fusion, rule=self.rule) for each in completed
        )

    def with_pseudo_margins(
        self,
        documents: Mapping[int, Document] | Sequence[Document],
        scored: Iterable[DocumentScores],
        *,
        accelerator: Accelerator,
        margins: Margins | None = None,
    ) -> Iterator[DocumentScores]:
        """Score the pseudo documents of some documents in this process; see `atlop.fusion.with_pseudo_margins`."""
        score = partial(self._try_here, accelerator=accelerator)
        return with_pseudo_margins(documents, scored, score=score, rule=self.rule, margins=margins)

    def _try_here(
        self, documents: Sequence[Document], *, accelerator: Accelerator
    ) -> Iterator[DocumentScores | UnscoredDocument]:
        """Do what `score_here` does, but go on after a document that a single model cannot score."""
        members = [
            try_batches(
                member.model,
                make_batches(member.preprocess(documents), device=accelerator.device),
                accelerator=accelerator,
            )
            for member in self.members
        ]
        return members[0] if len(members) == 1 else self._means([all_scored(each) for each in members])

    def _shared(
        self, documents: Sequence[Document], features: list[list[Features]], **loop: Unpack[LoopSettings]
    ) -> Iterable[DocumentScores]:
        """Return the scores of this process's share of the documents, ready for the rule."""
        accelerator, started = loop["accelerator"], monotonic()
        models = [member.model.to(accelerator.device) for member in self.members]
        rule = self.rule if len(models) == 1 and self.rule.decision.use != "fusion" else None
        members = [
            score_documents(model, each, rule=rule, **loop) for model, each in zip(models, features, strict=True)
        ]
        scored: Iterable[DocumentScores] = members[0]
        if len(members) > 1:  # tokenizers differ, and with them the shares of a process
            gathered = [
                gather_in_order(((each.index, each.to_keep()) for each in scores), accelerator=accelerator)
                for scores in members
            ]
            scored = islice(self._means(gathered), accelerator.process_index, None, accelerator.num_processes)
        ready = self.ready(documents, scored, accelerator=accelerator)
        return with_logged_cost(documents, ready, started=started)

    def _means(self, members: Sequence[Iterable[DocumentScores]]) -> Iterator[DocumentScores]:
        """Yield the mean scores of each document of several models, which may score them in different orders."""
        scored = [sorted(each, key=lambda scores: scores.index) for each in members]
        return map(self._mean, zip(*scored, strict=True))

    def _mean(self, document_scores: tuple[DocumentScores, ...]) -> DocumentScores:
        """Return the mean margin of one document's pairs, with TH at 0."""
        vocabulary = self.rule.vocabulary
        total = torch.zeros_like(document_scores[0].scores)
        for member, scored in zip(self.members, document_scores, strict=True):
            class_of = member.model.config.vocabulary.class_of
            columns = [class_of(relation) for relation in vocabulary.relations]
            margins: Tensor = make_objective(member.model.config.model.objective).margins(scored.scores)
            total[:, THRESHOLD_CLASS + 1 :] += margins[:, columns]
        return replace(
            document_scores[0], scores=total / len(document_scores), evidence=_mean_evidence(document_scores)
        )


def _mean_evidence(document_scores: Sequence[DocumentScores]) -> Tensor | None:
    """Return the mean share of each sentence, over the models whose pairs have a context."""
    shares = [scored.evidence for scored in document_scores if scored.evidence is not None]
    if not shares:
        return None
    sentences = max(each.shape[1] for each in shares)  # models may truncate differently
    return torch.stack([nn.functional.pad(each, (0, sentences - each.shape[1])) for each in shares]).mean(dim=0)


def load_ensemble(
    models: str | Path | Member | Sequence[str | Path | Member], *, decision: str | Path | None = None
) -> Ensemble:
    """Load models that score together.

    Args:
        models: Run folders (their `best/` is used), model folders, Hugging Face names or loaded models.
        decision: Name of one of the decisions stored with a single model, or a file of `atlop calibrate --output`; by
            default the stored one, and `plain` for several models.

    Raises:
        AtlopError: A model cannot be loaded, or knows other relations; there is no such decision, or not for it.
    """
    sources = [models] if isinstance(models, str | Path | Member) else models
    members = [source if isinstance(source, Member) else Member(*load_model(source)) for source in sources]
    ensemble = Ensemble.from_members(members)
    return ensemble if decision is None else ensemble.with_decision(chosen_decision(decision, rule=ensemble.rule))


def chosen_decision(name: str | Path, *, rule: DecisionRule) -> Decision:
    """Return a decision by its name among those stored with a model, or from a file of `atlop calibrate --output`.

    Raises:
        AtlopError: There is none of that name; the file cannot be read, or is for other relations.
    """
    try:
        if name in DECISIONS:
            return rule.decision.using(name)
        path = Path(name)
        refuse_tilde(path)
        if not exists(path):
            nearest = get_close_matches(str(name), DECISIONS, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            known = ", ".join(DECISIONS)
            raise AtlopError(f"no such file; expected {known}, or a file of `atlop calibrate --output`{hint}")
        return read_decision(read_json(path), vocabulary=rule.vocabulary)
    except ValueError as error:
        advice = f"; `atlop calibrate MODEL FILE --decision {name}` chooses one" if name in DECISIONS else ""
        raise AtlopError(f"--decision {name}: {error}{advice}") from None
