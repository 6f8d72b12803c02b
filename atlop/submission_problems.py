"""What a leaderboard would reject in a submission, or count as wrong."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from atlop.schema import Document, Fact

MAX_LISTED = 5
"""Problems of one kind that are kept and listed; further ones are counted."""


class Problems:
    """Problems of a submission by kind: the first are kept, all are counted."""

    def __init__(self) -> None:
        self._kept: defaultdict[str, list[str]] = defaultdict(list)
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, message: str) -> None:
        """Count a problem of a kind, and keep its message if it is one of the first."""
        self._counts[kind] += 1
        if len(self._kept[kind]) < MAX_LISTED:
            self._kept[kind].append(message)

    def extend(self, kind: str, messages: Iterable[str]) -> None:
        """Add problems of one kind."""
        for message in messages:
            self.add(kind, message)

    @property
    def count(self) -> int:
        """Number of all problems."""
        return self._counts.total()

    def listed(self) -> list[str]:
        """Return what is kept, each kind followed by the number of others."""
        listed: list[str] = []
        for kind, messages in self._kept.items():
            listed += messages
            if others := self._counts[kind] - len(messages):
                listed.append(f"… and {others} more of this kind ({kind})")
        return listed


class Titles:
    """Titles of documents, to find the one that an unknown title means: the leaderboard compares byte for byte."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._by_form = {unicodedata.normalize("NFKC", document.title): document.title for document in documents}

    def hint(self, title: str) -> str:
        """Return what to add to a message about an unknown title, if it is one in another Unicode form."""
        known = self._by_form.get(unicodedata.normalize("NFKC", title))
        if known is None:
            return ""
        return f"; one differs only in its Unicode form: write {known!a}, not {title!a}"


def fact_problems(
    fact: Fact, *, document: Document | None, relations: frozenset[str] | None
) -> Iterator[tuple[str, str]]:
    """Yield kind and message of each problem; without a document, only of those that need none."""
    if document is not None:
        for message in index_problems(fact, document=document):
            yield "entity out of range", message
        sentences = len(document.sentences)
        for sentence in fact.evidence:
            if not 0 <= sentence < sentences:
                yield (
                    "evidence out of range",
                    f"evidence sentence {sentence}, but the document has {sentences} sentences",
                )
    if fact.subject == fact.object:
        yield "one entity twice", f"subject and object are both entity {fact.subject}"
    if relations is not None and fact.relation not in relations:
        yield "unknown relation", f'relation "{fact.relation}" is not one of the {len(relations)} relations'


def index_problems(fact: Fact, *, document: Document) -> Iterator[str]:
    """Yield a message for subject and object if the document does not have them."""
    entities = len(document.entities)
    for role, index in (("subject (h_idx)", fact.subject), ("object (t_idx)", fact.object)):
        if not 0 <= index < entities:
            yield f"{role} is entity {index}, but the document has {entities} entities, counted from 0"


def repeated_titles(documents: Sequence[Document]) -> list[str]:
    """Return a message for each title that several documents have."""
    counts = Counter(document.title for document in documents)
    return [
        f'more than one document has the title "{title}", so its facts are ambiguous; give each document its own title'
        for title, count in counts.items()
        if count > 1
    ]
