"""Count what PubTator cannot store, by parsing the written lines and comparing them with the document."""

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

from atlop.corpora.formats.pubtator.lines import parse_document_lines
from atlop.corpora.formats.pubtator.reader import build_document
from atlop.corpora.formats.pubtator.scheme import PubtatorScheme
from atlop.corpora.losses import ConversionLoss, ConversionLosses
from atlop.errors import AtlopError
from atlop.schema import Document, Entity


class PubtatorLosses:
    """Counts what is lost while documents are written."""

    def __init__(self, scheme: PubtatorScheme) -> None:
        self._scheme = scheme
        self._losses = ConversionLosses()
        self._unlabelled = 0
        self._empty = 0
        self._facts = 0

    def add(self, document: Document, *, lines: Sequence[str], where: str) -> None:
        """Count what the written lines of a document lack; all its mentions must have spans.

        Raises:
            AtlopError: Reading the lines would give other entities or facts.
        """
        numbered = [(number, line.encode()) for number, line in enumerate(lines, start=1)]
        parsed = parse_document_lines(numbered, path=Path(where), scheme=self._scheme)
        read_back = build_document(parsed, scheme=self._scheme, labelled=True)
        order = _match(document.entities, read_back=read_back.entities, where=where)
        facts = document.facts or ()
        written = [(order[fact.subject], order[fact.object], fact.relation) for fact in facts]
        read_facts = {(*self._sorted(fact.subject, fact.object), fact.relation) for fact in read_back.facts or ()}
        for index, (subject, object_, relation) in enumerate(written):
            if (*self._sorted(subject, object_), relation) not in read_facts:
                raise AtlopError(
                    f"{where}, fact {index}: would be read as a fact of other entities, because one of its "
                    "identifiers has several types; use different identifiers for different types"
                )
        pairs = permutations(range(len(order)), 2) if document.pairs is None else document.pairs
        classified = {self._sorted(order[subject], order[object_]) for subject, object_ in pairs}
        self._unlabelled += document.facts is None
        self._empty += document.facts == ()
        self._facts += len(facts)
        self._losses.update(
            {
                ConversionLoss.EVIDENCE: sum(bool(fact.evidence) for fact in facts),
                ConversionLoss.PAIRS: classified != {self._sorted(*pair) for pair in read_back.pairs or ()},
                ConversionLoss.UNDIRECTED: self._scheme.directed and not document.directed,
                ConversionLoss.DIRECTED: document.directed and not self._scheme.directed,
                ConversionLoss.WORDS: read_back.sentences != document.sentences
                or read_back.offsets != document.offsets,
            }
        )

    def result(self) -> ConversionLosses:
        """Return the losses of all documents."""
        unlabelled = self._unlabelled if self._facts else self._empty  # a file counts as labelled if it has a fact
        return +(self._losses + ConversionLosses({ConversionLoss.UNLABELLED: unlabelled}))

    def _sorted(self, subject: int, object_: int) -> tuple[int, int]:
        return (subject, object_) if self._scheme.directed or subject < object_ else (object_, subject)


def _match(entities: Sequence[Entity], *, read_back: Sequence[Entity], where: str) -> list[int]:
    """Return the index of each entity among those that were read back."""
    indices: dict[object, list[int]] = {}
    for index, entity in enumerate(read_back):
        indices.setdefault(_entity_key(entity), []).append(index)
    order: list[int] = []
    for index, entity in enumerate(entities):
        matches = indices.get(_entity_key(entity))
        if not matches:
            raise AtlopError(
                f'{where}, entity {index} ("{entity.name}"): would be read as another entity; in PubTator, mentions '
                "belong to the same entity if and only if they share identifier and type"
            )
        order.append(matches.pop(0))
    return order


def _entity_key(entity: Entity) -> object:
    return entity.identifier, tuple(sorted((mention.spans, mention.name, mention.type) for mention in entity.mentions))
