"""The results of extraction: facts that make sense without their document and convert to JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias, overload

from atlop.inference.notebook import facts_as_html
from atlop.schema import Document, Span

DIGITS = 6
"""Decimals of margins and weights, about the precision of float32."""


@dataclass(frozen=True, slots=True)
class Participant:
    """The subject or the object of a fact."""

    entity: int
    """Index of the entity in its document."""
    name: str
    """Name of its first mention."""
    type: str
    """Entity type, or "" if unknown."""
    id: str | None
    """Knowledge base identifier, if the input has one."""
    mentions: tuple[Span, ...]
    """First character of each mention and one past its last; empty if the document has no text."""


@dataclass(frozen=True, slots=True)
class EvidenceSentence:
    """A sentence that supports a fact."""

    sentence: int
    """Index of the sentence."""
    start: int | None
    """Its first character in the text; `None` if the document has no text."""
    end: int | None
    """One past its last character."""
    text: str
    share: float
    """Its share of the localized context of the fact's pair, from 0 to 1. All sentences have at most 1 together; the
    rest is on special tokens."""


@dataclass(frozen=True, slots=True)
class ContextWord:
    """A word that the model read for a fact."""

    word: str
    sentence: int
    """Index of its sentence."""
    start: int | None
    """Its first character in the text; `None` if the document has no text."""
    end: int | None
    """One past its last character."""
    weight: float
    """Share of the localized context's total weight on words, including the markers next to it, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Context:
    """What both entities of a pair attend to, largest weight first."""

    words: tuple[ContextWord, ...]
    share_of_words: float
    """Share of the localized context on words; the rest is on the encoder's special tokens."""


@dataclass(frozen=True, slots=True)
class ExtractedFact:
    """A relation that the model finds between two entities of a document."""

    subject: Participant
    relation: str
    """Relation id, for example `P17`."""
    relation_name: str
    """Readable name, or the id if it has none."""
    object: Participant
    margin: float
    """The value that the decision compares with its threshold, in nats: `s_r − s_TH`, or `s_r` for an objective without
    TH; the fused margin if the decision is `fusion`. A near miss need not exceed the threshold."""
    probability: float | None
    """Probability that the fact is right, from 0 to 1; `None` if the model has not been calibrated."""
    evidence: tuple[EvidenceSentence, ...]
    """Sentences whose share of the pair's localized context is above the model's evidence threshold, in the order of
    the text; empty if the model has no localized context."""
    context: Context | None = None
    """Words that the model read; `None` without `explain`, or if the model has no localized context."""

    def __repr__(self) -> str:
        names = f"{self.subject.name!r}, {self.relation_name!r}, {self.object.name!r}"
        probability = "" if self.probability is None else f", probability={self.probability:.2f}"
        return f"ExtractedFact({names}, margin={self.margin:.2f}{probability})"

    def _repr_html_(self) -> str:
        return facts_as_html([self])

    def as_json(self) -> dict[str, Any]:
        """Return the fact as JSON values, without the key `context` if there is none."""
        row = _fields(self) | {"subject": _fields(self.subject), "object": _fields(self.object)}
        row["evidence"] = [_fields(sentence) for sentence in self.evidence]
        if self.context is None:
            del row["context"]
        else:
            row["context"] = asdict(self.context)
        return row


@dataclass(frozen=True, slots=True)
class Extraction(Sequence[ExtractedFact]):
    """The facts that a model finds in one document; a sequence, shown as a table in notebooks."""

    document: int
    """Index of the document in the input, from 0."""
    title: str
    facts: tuple[ExtractedFact, ...]
    unread_mentions: int
    """Mentions beyond the model's maximum length, which it did not read."""
    near_misses: tuple[ExtractedFact, ...] = ()
    """What came closest to being a fact, closest first; only with `explain`, where nothing is a fact."""

    def __iter__(self) -> Iterator[ExtractedFact]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)

    @overload
    def __getitem__(self, index: int) -> ExtractedFact: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ExtractedFact, ...]: ...

    def __getitem__(self, index: int | slice) -> ExtractedFact | tuple[ExtractedFact, ...]:
        return self.facts[index]

    def _repr_html_(self) -> str:
        return facts_as_html(self.facts, title=self.title, unread_mentions=self.unread_mentions)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "document": self.document,
            "title": self.title,
            "facts": [fact.as_json() for fact in self.facts],
            "unread_mentions": self.unread_mentions,
            **({"near_misses": [fact.as_json() for fact in self.near_misses]} if self.near_misses else {}),
        }


@dataclass(frozen=True, slots=True)
class ExtractionError:
    """Takes the place of the extraction of an invalid document."""

    document: int
    """Index of the document in the input, from 0."""
    message: str
    """Where, what was found and what was expected."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"document": self.document, "error": self.message}


ExtractionResult: TypeAlias = Extraction | ExtractionError


def _fields(value: ExtractedFact | Participant | EvidenceSentence) -> dict[str, Any]:
    """Return the fields without a copy; the deep copy of `asdict` takes a tenth of the time of an extraction."""
    return {name: getattr(value, name) for name in value.__slots__}


def participant(document: Document, entity: int) -> Participant:
    """Return an entity of a document as facts describe it."""
    found = document.entities[entity]
    spans = tuple((mention.spans[0][0], mention.spans[-1][1]) for mention in found.mentions if mention.spans)
    return Participant(entity, found.name, found.type, found.identifier, spans)


def evidence_sentence(document: Document, sentence: int, *, share: float) -> EvidenceSentence:
    """Return a sentence of a document as facts describe it; `share` is that of the pair's localized context."""
    share = round(share, DIGITS)
    if document.text is None or document.offsets is None:
        return EvidenceSentence(sentence, None, None, " ".join(document.sentences[sentence]), share)
    start, end = document.offsets[sentence][0][0], document.offsets[sentence][-1][1]
    return EvidenceSentence(sentence, start, end, document.text[start:end], share)
