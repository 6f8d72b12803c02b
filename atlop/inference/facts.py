"""What extraction gives: facts that can be read without the document, ready as JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from atlop.schema import Document, Span

DIGITS = 6
"""Decimals of margins and weights; float32 has no more to say."""


@dataclass(frozen=True, slots=True)
class Participant:
    """The subject or the object of a fact."""

    entity: int
    """Index of the entity in its document."""
    name: str
    """Name of its first mention."""
    type: str
    """Entity type, "" where none was given."""
    id: str | None
    """What a knowledge base calls it, where it was given."""
    mentions: tuple[Span, ...]
    """Characters of each mention, from its first to one past its last; none where the document has no text."""


@dataclass(frozen=True, slots=True)
class ContextSentence:
    """A sentence that the model read for a fact."""

    sentence: int
    """Index of the sentence."""
    start: int | None
    """Its first character in the text; `None` where the document has no text."""
    end: int | None
    """One past its last character."""
    text: str
    weight: float
    """Share of what the localized context reads of words, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class ContextWord:
    """A word that the model read for a fact."""

    word: str
    sentence: int
    """Index of its sentence."""
    start: int | None
    """Its first character in the text; `None` where the document has no text."""
    end: int | None
    """One past its last character."""
    weight: float
    """Share of what the localized context reads of words, from 0 to 1; marks count to the words they stand at."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where the localized context of a pair looks: what both of its entities attend to, heaviest first."""

    sentences: tuple[ContextSentence, ...]
    words: tuple[ContextWord, ...]
    share_of_words: float
    """Share of the localized context that lies on words; the rest lies on the encoder's special tokens."""


@dataclass(frozen=True, slots=True)
class ExtractedFact:
    """A relation that the model finds between two entities of a document."""

    subject: Participant
    relation: str
    """Relation id, for example `P17`."""
    relation_name: str
    """Its readable name, or the id where it has none."""
    object: Participant
    margin: float
    """How far the relation's score is above what the decision compares it with: `s_r − s_TH`, in nats. Below 0 only
    where a calibration has lowered the threshold."""
    probability: float | None
    """That the fact is right, from 0 to 1; `None` where the model has no calibration."""
    sentences: tuple[int, ...]
    """Sentences that mention both subject and object."""
    context: Context | None = None
    """What the model read; `None` where it was not asked for, or the model has no localized context."""

    def as_json(self) -> dict[str, Any]:
        """Return the fact as values that JSON can hold; without `context` where it was not asked for."""
        row = _fields(self) | {"subject": _fields(self.subject), "object": _fields(self.object)}
        if self.context is None:
            del row["context"]
        else:
            row["context"] = asdict(self.context)
        return row


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a model finds in one document."""

    document: int
    """Place of the document in what was given, from 0."""
    title: str
    facts: tuple[ExtractedFact, ...]
    unread_mentions: int
    """Mentions beyond the model's maximum length, which it did not see."""

    def __iter__(self) -> Iterator[ExtractedFact]:
        return iter(self.facts)

    def as_json(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {
            "document": self.document,
            "title": self.title,
            "facts": [fact.as_json() for fact in self.facts],
            "unread_mentions": self.unread_mentions,
        }


@dataclass(frozen=True, slots=True)
class ExtractionError:
    """Stands in the place of a document that is invalid."""

    document: int
    """Place of the document in what was given, from 0."""
    message: str
    """Where, what was found and what was expected."""

    def as_json(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {"document": self.document, "error": self.message}


def _fields(of: ExtractedFact | Participant) -> dict[str, Any]:
    """Return the fields as they are; `asdict` copies all that they hold, which takes a tenth of an extraction."""
    return {name: getattr(of, name) for name in of.__slots__}


def participant(document: Document, entity: int) -> Participant:
    """Return an entity of a document as facts give it."""
    found = document.entities[entity]
    spans = tuple((mention.spans[0][0], mention.spans[-1][1]) for mention in found.mentions if mention.spans)
    return Participant(entity, found.name, found.type, found.identifier, spans)


def sentences_of(document: Document, entity: int) -> frozenset[int]:
    """Return the sentences that mention an entity of a document."""
    return frozenset(mention.sentence for mention in document.entities[entity].mentions)
