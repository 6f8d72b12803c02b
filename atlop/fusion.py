"""Fusion of a document with shorter ones made of its evidence (DREEAM, arXiv 2302.08675, 'Inference-stage Fusion')."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from atlop.decoding import Fusion, fused_margin
from atlop.errors import AtlopError
from atlop.schema import THRESHOLD_CLASS, Document
from atlop.scores import DecisionRule, DocumentScores, UnscoredDocument, all_scored

logger = logging.getLogger(__name__)

MAX_PSEUDO_DOCUMENTS = 32
"""Pseudo documents of a document at most; those that the evidence of most pairs makes. Measured: docs/training.md."""
LOWEST_MARGIN = -1.0
"""Margin in nats that a relation of a pair must exceed for the pair's evidence to make a pseudo document. Measured: the
evidence of less likely pairs doubles the time and gains nothing."""
DOCUMENTS_PER_CHUNK = 64
"""Documents whose pseudo documents are in memory at a time."""

Score = Callable[[Sequence[Document]], Iterable[DocumentScores | UnscoredDocument]]
"""Scores documents, in any order."""
Margins = Callable[[Tensor], Tensor]
"""Margins from scores, both `[pairs, classes]`; −∞ for TH and for what does not count."""


@dataclass(frozen=True)
class PseudoDocument:
    """Some sentences of a document, with the entities that they mention."""

    document: Document
    entities: tuple[int, ...]
    """Index of each of its entities in the whole document, ascending."""


@dataclass
class FusionCost:
    """What fusion has read, added up over documents."""

    documents: int = 0
    words: int = 0
    """Of the whole documents."""
    pseudo_documents: int = 0
    pseudo_words: int = 0

    def add(self, document: Document, scored: DocumentScores) -> None:
        """Add a document, if its pseudo documents were scored."""
        if scored.pseudo_margins is not None:
            self.documents += 1
            self.words += document.words
            self.pseudo_documents += len(scored.pseudo_words)
            self.pseudo_words += sum(scored.pseudo_words)

    def log(self, *, seconds: float) -> None:
        """Log what was read in so many seconds, if anything was."""
        if self.documents:
            logger.info(
                "fusion: %d documents, %.1f documents/s; %.1f pseudo documents a document; "
                "%.1f times the words of the documents alone",
                self.documents,
                self.documents / seconds,
                self.pseudo_documents / self.documents,
                1 + self.pseudo_words / max(1, self.words),
            )


def with_logged_cost(
    documents: Mapping[int, Document] | Sequence[Document], scored: Iterable[DocumentScores], *, started: float
) -> Iterator[DocumentScores]:
    """Yield scores, and log at the end what fusion cost since `started`, by `monotonic`; nothing without fusion."""
    cost = FusionCost()
    for each in scored:
        cost.add(documents[each.index], each)
        yield each
    cost.log(seconds=monotonic() - started)


def with_pseudo_margins(
    documents: Mapping[int, Document] | Sequence[Document],
    scored: Iterable[DocumentScores],
    *,
    score: Score,
    rule: DecisionRule,
    margins: Margins | None = None,
) -> Iterator[DocumentScores]:
    """Yield each document's scores with the largest margins in its pseudo documents.

    Args:
        documents: The whole documents, by index.
        scored: Their scores, in any order.
        score: Scores pseudo documents by the same models.
        rule: Supplies margins, and the threshold of evidence.
        margins: Margins of pseudo documents; by default those of the rule's objective.

    Raises:
        AtlopError: The model has no evidence, or a pseudo document cannot be scored; its document is named.
    """
    return all_scored(try_pseudo_margins(documents, scored, score=score, rule=rule, margins=margins))


def try_pseudo_margins(
    documents: Mapping[int, Document] | Sequence[Document],
    tried: Iterable[DocumentScores | UnscoredDocument],
    *,
    score: Score,
    rule: DecisionRule,
    margins: Margins | None = None,
) -> Iterator[DocumentScores | UnscoredDocument]:
    """Do what `with_pseudo_margins` does, but go on after a document of which a pseudo document cannot be scored."""
    margins = margins or rule.objective.margins
    tried = iter(tried)
    while taken := list(islice(tried, DOCUMENTS_PER_CHUNK)):
        yield from (each for each in taken if isinstance(each, UnscoredDocument))
        chunk = [each for each in taken if isinstance(each, DocumentScores)]
        made = [
            (position, pseudo)
            for position, each in enumerate(chunk)
            for pseudo in pseudo_documents(documents[each.index], each, rule=rule)
        ]
        largest = [torch.full_like(each.scores, -torch.inf) for each in chunk]
        words: list[list[int]] = [[] for _ in chunk]
        unscored: dict[int, UnscoredDocument] = {}
        for found in score([pseudo.document for _, pseudo in made]):
            position, pseudo = made[found.index]
            if isinstance(found, UnscoredDocument):
                problem = f"in a pseudo document, {found.problem}"
                unscored[position] = UnscoredDocument(chunk[position].index, found.title, problem)
                continue
            rows = _rows(pseudo, found, whole=chunk[position])
            largest[position][rows] = torch.maximum(largest[position][rows], margins(found.scores))
            words[position].append(pseudo.document.words)
        for position, (each, pseudo_margins, read) in enumerate(zip(chunk, largest, words, strict=True)):
            fusible = replace(each, pseudo_margins=pseudo_margins, pseudo_words=tuple(read))
            yield unscored.get(position, fusible)


def pseudo_documents(document: Document, scored: DocumentScores, *, rule: DecisionRule) -> list[PseudoDocument]:
    """Return the distinct pseudo documents of a document, those that most pairs make first.

    Each is the evidence of a pair, with the sentence of the first mention of an entity that the evidence does not
    mention. The whole document is none, nor is one in which fewer than two entities are mentioned.

    Raises:
        AtlopError: The model has no evidence.
    """
    if scored.evidence is None:
        raise AtlopError('the model has no evidence to make pseudo documents of: pooling.context is not "localized"')
    if not len(scored.pairs):
        return []
    best = rule.objective.margins(scored.scores).amax(dim=1)
    is_evidence = (scored.evidence > rule.decision.evidence_threshold) & (best > LOWEST_MARGIN)[:, None]
    mentioned = [{mention.sentence for mention in entity.mentions} for entity in document.entities]
    sentence_sets: Counter[tuple[int, ...]] = Counter()
    for row in is_evidence.any(dim=1).nonzero()[:, 0].tolist():
        sentences = set(is_evidence[row].nonzero()[:, 0].tolist())
        missing = [entity for entity in scored.pairs[row].tolist() if not sentences & mentioned[entity]]
        sentences.update(document.entities[entity].mentions[0].sentence for entity in missing)
        if len(sentences) < len(document.sentences):
            sentence_sets[tuple(sorted(sentences))] += 1
    pseudo = (_part(document, sentences) for sentences, _ in sentence_sets.most_common(MAX_PSEUDO_DOCUMENTS))
    return [each for each in pseudo if each.document.pairs or (each.document.pairs is None and len(each.entities) > 1)]


def fused(scored: DocumentScores, fusion: Fusion, *, rule: DecisionRule) -> DocumentScores:
    """Return the scores of a document with pseudo margins as fused margins, with TH at 0; its evidence is kept.

    A relation that is not among the k largest of its pair in the whole document has −∞.
    """
    pseudo = scored.pseudo_margins
    assert pseudo is not None, "pseudo documents were scored"
    whole = rule.objective.margins(scored.scores)
    margins = fused_margin(whole.numpy(), pseudo.numpy(), weight=fusion.weight, missing=fusion.missing)
    scores = torch.where(rule.largest(scored.scores), torch.from_numpy(margins), -torch.inf)
    scores[:, THRESHOLD_CLASS] = 0.0
    return replace(scored, scores=scores, decisions=None)


def _part(document: Document, sentences: tuple[int, ...]) -> PseudoDocument:
    """Return the pseudo document of some sentences, in the order of the text."""
    position = {sentence: index for index, sentence in enumerate(sentences)}
    entities = {}
    for number, entity in enumerate(document.entities):
        mentions = tuple(
            replace(mention, sentence=position[mention.sentence], spans=())
            for mention in entity.mentions
            if mention.sentence in position
        )
        if mentions:
            entities[number] = replace(entity, mentions=mentions)
    index = {number: new for new, number in enumerate(entities)}
    pairs = document.pairs
    if pairs is not None:
        kept = [pair for pair in pairs if index.keys() >= set(pair)]
        pairs = tuple((index[subject], index[object_]) for subject, object_ in kept)
    part = replace(
        document,
        sentences=tuple(document.sentences[sentence] for sentence in sentences),
        entities=tuple(entities.values()),
        facts=None,
        text=None,
        offsets=None,
        pairs=pairs,
    )
    return PseudoDocument(part, tuple(entities))


def _rows(pseudo: PseudoDocument, found: DocumentScores, *, whole: DocumentScores) -> Tensor:
    """Return the row in the whole document of each pair of a pseudo document, int64 `[pairs]`."""
    entities = 1 + max(int(whole.pairs.max()), *pseudo.entities)
    row_of = np.full((entities, entities), -1)
    row_of[whole.pairs[:, 0], whole.pairs[:, 1]] = np.arange(len(whole.pairs))
    subjects, objects = np.array(pseudo.entities)[found.pairs].T
    rows = row_of[subjects, objects]
    assert (rows >= 0).all(), "a pseudo document has only pairs of the whole one"
    return torch.from_numpy(rows)
