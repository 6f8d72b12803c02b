"""What mentions are in: a text, or words alone; both find the words of mentions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar, Protocol

from atlop.corpora.text.character_spans import mention_text
from atlop.corpora.text.plain_text import locate_mention, slice_words, spans_and_extent, split_text
from atlop.corpora.text.sentence_ends import outside
from atlop.schema import Document, Mention, Span


@dataclass(frozen=True, slots=True)
class MarkedMention:
    """A mention before its words are known."""

    spans: tuple[Span, ...]
    type: str
    where: str
    number: int
    """Its index in the file."""

    @property
    def order(self) -> tuple[int, int, int]:
        """What mentions are sorted by."""
        return self.spans[0][0], self.spans[-1][1], self.number


class Content(Protocol):
    """What mentions are in: a text, or words alone. Spans count its characters or words."""

    unit: ClassVar[str]
    """What spans count, for messages."""

    @property
    def text(self) -> str:
        """The text, or all words parted by spaces."""

    def __len__(self) -> int:
        """Return the number of units."""

    def text_at(self, spans: tuple[Span, ...]) -> str:
        """Return the text of a mention."""

    def located(self, mentions: Sequence[MarkedMention], *, title: str) -> tuple[Document, list[Mention]]:
        """Return a document without entities and labels, and the mentions with their words."""


@dataclass(frozen=True)
class PlainText:
    """A text, perhaps with the words and sentences that the file gives it."""

    text: str
    words: tuple[Span, ...] | None = None
    """Characters of each word, in the order of the text."""
    starts: tuple[int, ...] | None = None
    """First character of each sentence except the first."""
    unit: ClassVar[str] = "character"

    def __len__(self) -> int:
        return len(self.text)

    def text_at(self, spans: tuple[Span, ...]) -> str:
        """Return the text of a mention."""
        return mention_text(spans, text=self.text)

    def located(self, mentions: Sequence[MarkedMention], *, title: str) -> tuple[Document, list[Mention]]:
        """Return a document without entities and labels, and the mentions with their words."""
        spans = [span for mention in mentions for span in spans_and_extent(mention.spans)]
        words = None if self.words is None else [span for span in self.words if self.text[slice(*span)].strip()]
        offsets = split_text(self.text, mentions=spans, words=words, starts=self.starts)
        found = [
            locate_mention(mention.spans, offsets=offsets, name=self.text_at(mention.spans), type=mention.type)
            for mention in mentions
        ]
        sentences = slice_words(self.text, offsets)
        return Document(title, sentences, (), None, text=self.text, offsets=offsets), found


@dataclass(frozen=True)
class PlainWords:
    """Sentences of words without a text; spans count the words of the document."""

    sentences: tuple[tuple[str, ...], ...]
    unit: ClassVar[str] = "word"

    def __len__(self) -> int:
        return sum(map(len, self.sentences))

    @property
    def text(self) -> str:
        """All words, parted by spaces."""
        return " ".join(word for sentence in self.sentences for word in sentence)

    def text_at(self, spans: tuple[Span, ...]) -> str:
        """Return the text of a mention."""
        words = [word for sentence in self.sentences for word in sentence]
        return " ".join(word for start, end in spans for word in words[start:end])

    def located(self, mentions: Sequence[MarkedMention], *, title: str) -> tuple[Document, list[Mention]]:
        """Return a document without entities and labels, and the mentions; sentences that a mention joins are one."""
        words = [word for sentence in self.sentences for word in sentence]
        starts = list(accumulate(map(len, self.sentences[:-1])))
        starts = outside(tuple(span for mention in mentions for span in mention.spans), starts=starts)
        bounds = list(pairwise([0, *starts, len(words)])) if self.sentences else []
        found = []
        for mention in mentions:
            start, end = mention.spans[0][0], mention.spans[-1][1]
            index = next(index for index, (first, last) in enumerate(bounds) if first <= start < last)
            first = bounds[index][0]
            name = " ".join(words[start:end])
            found.append(Mention(name, sentence=index, start=start - first, end=end - first, type=mention.type))
        return Document(title, tuple(tuple(words[start:end]) for start, end in bounds), (), None), found
