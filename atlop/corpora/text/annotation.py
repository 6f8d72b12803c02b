"""Documents as annotation tools have them: a text, spans of characters, and relations between two mentions."""

from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from atlop.corpora.text.character_spans import Offsets
from atlop.errors import AtlopError
from atlop.schema import Document, Fact, Mention, Span

MentionIndex: TypeAlias = tuple[int, int]
"""Index of an entity, and of one of its mentions."""


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text with mentions, and a relation between two of them for each fact."""

    text: str
    mentions: dict[MentionIndex, tuple[Span, ...]]
    """Spans of each mention."""
    relations: tuple[tuple[MentionIndex, MentionIndex, Fact], ...]
    """The two mentions of each fact that are nearest to each other, and the fact; those in one sentence first."""


def annotated_text(document: Document, *, where: str) -> AnnotatedText:
    """Return a document as annotation tools have it; facts from an entity to itself are left out.

    Raises:
        AtlopError: A mention has only empty words.
    """
    text, offsets = text_and_offsets(document)
    mentions = {
        (entity, number): mention.spans
        or (word_characters(mention, offsets=offsets, where=f"{where}, entity {entity}, mention {number}"),)
        for entity, each in enumerate(document.entities)
        for number, mention in enumerate(each.mentions)
    }
    relations = tuple(
        (*_nearest(fact, document=document, mentions=mentions), fact)
        for fact in document.facts or ()
        if fact.subject != fact.object
    )
    return AnnotatedText(text, mentions, relations)


def _nearest(
    fact: Fact, *, document: Document, mentions: dict[MentionIndex, tuple[Span, ...]]
) -> tuple[MentionIndex, MentionIndex]:
    subjects, objects = (
        [(entity, number) for number in range(len(document.entities[entity].mentions))]
        for entity in (fact.subject, fact.object)
    )

    def distance(pair: tuple[MentionIndex, MentionIndex]) -> tuple[bool, int]:
        (subject, number), (object_, other) = pair
        sentences = {
            document.entities[subject].mentions[number].sentence,
            document.entities[object_].mentions[other].sentence,
        }
        return len(sentences) > 1, abs(mentions[pair[0]][0][0] - mentions[pair[1]][0][0])

    return min(product(subjects, objects), key=distance)


def text_and_offsets(document: Document) -> tuple[str, Offsets]:
    """Return the text and the characters of each word; without a text, its words joined by spaces, if not empty."""
    if document.text is not None and document.offsets is not None:
        return document.text, document.offsets
    offsets = []
    end = 0
    for sentence in document.sentences:
        spans = []
        for word in sentence:
            start = end + 1 if word and end else end
            end = start + len(word)
            spans.append((start, end))
        offsets.append(tuple(spans))
    return " ".join(word for sentence in document.sentences for word in sentence if word), tuple(offsets)


def word_characters(mention: Mention, *, offsets: Offsets, where: str) -> Span:
    """Return the characters of a mention from its first to its last word.

    Raises:
        AtlopError: Its words are empty.
    """
    words = [span for span in offsets[mention.sentence][mention.start : mention.end] if span[0] < span[1]]
    if not words:
        raise AtlopError(
            f'{where} ("{mention.name}"): consists of empty words, so it has no characters; remove the '
            "mention, or fix the words"
        )
    return words[0][0], words[-1][1]
