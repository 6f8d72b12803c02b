"""Read JSON lines: the format for your own data, plain text and character offsets (`.jsonl`, `.jsonl.gz`).

One JSON object per line, in UTF-8; this one is wrapped for reading:

    {"title": "Skai TV",
     "text": "Skai TV is Greek. It is based in Piraeus.",
     "entities": [{"mentions": [[0, 7], [18, 20]], "type": "ORG", "id": "Q2629337"},
                  {"mentions": [[33, 40]], "type": "LOC"}],
     "relations": [{"subject": 0, "object": 1, "relation": "P159", "evidence": [0, 1]}]}

`text` and `entities` are required; keys other than these are ignored:

- `title`: a string, by default `line N`. In a submission, titles must be unique.
- `text`: a string; split into sentences and words by `split_text` unless there are `words`.
- `entities`: a list of objects. `mentions` is a list of at least one; `type` a string, by default ""; `id` a string,
  for example from a knowledge base.
- `relations`: a list of objects, which may be empty; without it, the document is not labelled. `subject` and `object`
  are indices of entities and `relation` is a string. `evidence` is a list of sentence indices; `novelty` a string, as
  in BioRED.
- `words`: a list of sentences, each a list of `[start, end]` for each word, in the order of the text. Text outside
  words is ignored. Mentions must start and end at word boundaries of one sentence.
- `pairs`: a list of `[subject, object]`, the pairs to classify; by default all ordered pairs. Relations of other pairs
  and from an entity to itself are kept, and counted.
- `directed`: `false` if relations hold in both directions; relations and pairs then have the lower entity as subject.

A mention is `[start, end]`, or an object with `spans`, a list of `[start, end]` in the order of the text, several for a
discontinuous mention; `name`, if it differs from the text; `type`, if it differs from the entity's.

`[start, end]` are character offsets from 0, with an exclusive end, as in Python: a character outside Unicode's first
65,536, such as an emoji, is one, though JavaScript and Java count it as two. Entities, mentions, relations and
sentences are also numbered from 0, lines from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_objects import parse_json_object
from atlop.corpora.text.character_spans import ListedWords, Offsets, parse_span, parse_spans, parse_words
from atlop.corpora.text.plain_text import locate_mention, slice_words, spans_and_extent, split_text
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated, expect, field, integers
from atlop.schema import Document, Entity, Fact, Mention, Span

EXPECTED = 'expected one JSON object per line, with "text", "entities" and, where labelled, "relations"'


def read_json_lines(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file of JSON lines, with one line in memory. Blank lines are ignored.

    Duplicate relations are left out; they and relations without a pair are counted in `issues`.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if line.isspace():
            continue
        try:
            record = parse_json_object(line, expected=EXPECTED, where=f"{path}, line {number}")
            document, duplicate_count = parse_document(record, title=f"line {number}", where=f"{path}, line {number}")
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_duplicate_facts(duplicate_count)
            issues.add_unclassified_facts(document)
            yield document


def parse_document(record: dict[str, Any], *, title: str, where: str) -> tuple[Document, int]:
    """Parse a document, with `title` as default title; return it and its number of duplicate relations.

    Raises:
        AtlopError: The document is invalid.
    """
    if "title" in record:
        title = field(record, "title", str, where=where)
        where = f'{where} ("{title}")'
    text = field(record, "text", str, where=where)
    entities = [
        _entity(value, text=text, where=f"{where}, entity {index}")
        for index, value in enumerate(field(record, "entities", list, where=where))
    ]
    offsets = _offsets(record, entities, text=text, where=where)
    directed = field(record, "directed", bool, where=where) if "directed" in record else True
    pairs = _pairs(record, entities, directed=directed, where=where) if "pairs" in record else None
    facts: dict[tuple[int, int, str], Fact] = {}
    relations = field(record, "relations", list, where=where) if "relations" in record else []
    for index, value in enumerate(relations):
        fact = _fact(value, entities, offsets=offsets, directed=directed, where=f"{where}, relation {index}")
        facts.setdefault(fact.key, fact)
    document = Document(
        title=title,
        sentences=slice_words(text, offsets),
        entities=_with_words(entities, offsets=offsets),
        facts=tuple(facts.values()) if "relations" in record else None,
        text=text,
        offsets=offsets,
        pairs=pairs,
        directed=directed,
    )
    return document, len(relations) - len(facts)


@dataclass(frozen=True, slots=True)
class _Mention:
    """A mention before its words are known."""

    spans: tuple[Span, ...]
    name: str
    type: str
    where: str


@dataclass(frozen=True, slots=True)
class _Entity:
    """An entity before the words of its mentions are known."""

    mentions: tuple[_Mention, ...]
    identifier: str | None


def _entity(value: object, *, text: str, where: str) -> _Entity:
    record: dict[str, Any] = expect(value, dict, where=where)
    mentions = field(record, "mentions", list, where=where)
    if not mentions:
        raise AtlopError(f"{where}: has no mentions; expected at least one")
    type_ = field(record, "type", str, where=where) if "type" in record else ""
    return _Entity(
        tuple(
            _mention(mention, text=text, type=type_, where=f"{where}, mention {index}")
            for index, mention in enumerate(mentions)
        ),
        field(record, "id", str, where=where) if "id" in record else None,
    )


def _mention(value: object, *, text: str, type: str, where: str) -> _Mention:
    if isinstance(value, list):
        span = parse_span(value, text=text, where=where)
        return _Mention((span,), text[span[0] : span[1]], type, where)
    if not isinstance(value, dict):
        raise AtlopError(f'{where}: expected [start, end], or an object with "spans"; found {abbreviated(value)}')
    spans = parse_spans(field(value, "spans", list, where=where), text=text, where=where)
    name = field(value, "name", str, where=where) if "name" in value else mention_text(spans, text=text)
    return _Mention(spans, name, field(value, "type", str, where=where) if "type" in value else type, where)


def mention_text(spans: tuple[Span, ...], *, text: str) -> str:
    """Return the text of a mention; several spans are joined by a space."""
    return " ".join(text[start:end] for start, end in spans)


def _offsets(record: dict[str, Any], entities: list[_Entity], *, text: str, where: str) -> Offsets:
    """Return the offsets of the words that the record lists; without a list, split the text."""
    mentions = [mention for entity in entities for mention in entity.mentions]
    if "words" not in record:
        for mention in mentions:
            if text[mention.spans[0][0] : mention.spans[-1][1]].isspace():
                raise AtlopError(f"{mention.where}: has only space; expected characters of a word")
        return split_text(text, mentions=[span for mention in mentions for span in spans_and_extent(mention.spans)])
    offsets = parse_words(field(record, "words", list, where=where), text=text, where=where)
    listed = ListedWords(offsets)
    for mention in mentions:
        listed.check_mention(mention.spans, where=mention.where)
    return offsets


def _with_words(entities: list[_Entity], *, offsets: Offsets) -> tuple[Entity, ...]:
    """Find the words of the entities' mentions."""
    indices = [index for index, words in enumerate(offsets) if words]
    nonempty = tuple(words for words in offsets if words)  # `locate_mention` needs the first word of each sentence

    def with_words(mention: _Mention) -> Mention:
        found = locate_mention(mention.spans, offsets=nonempty, name=mention.name, type=mention.type)
        return replace(found, sentence=indices[found.sentence])

    return tuple(Entity(tuple(map(with_words, entity.mentions)), entity.identifier) for entity in entities)


def _pairs(
    record: dict[str, Any], entities: list[_Entity], *, directed: bool, where: str
) -> tuple[tuple[int, int], ...]:
    pairs: dict[tuple[int, int], int] = {}
    for index, value in enumerate(field(record, "pairs", list, where=where)):
        location = f"{where}, pair {index}"
        numbers = integers(expect(value, list, where=location), where=location)
        if len(numbers) != 2:
            raise AtlopError(f"{location}: expected [subject, object], found {abbreviated(value)}")
        subject, object_ = numbers if directed else sorted(numbers)
        _check_entities(subject, object_, entities=entities, where=location)
        if subject == object_:
            raise AtlopError(f"{location}: subject and object are both entity {subject}; expected two entities")
        if (first := pairs.setdefault((subject, object_), index)) != index:
            raise AtlopError(f"{location}: repeats pair {first}; list each pair once")
    return tuple(pairs)


def _fact(value: object, entities: list[_Entity], *, offsets: Offsets, directed: bool, where: str) -> Fact:
    record: dict[str, Any] = expect(value, dict, where=where)
    subject, object_ = field(record, "subject", int, where=where), field(record, "object", int, where=where)
    _check_entities(subject, object_, entities=entities, where=where)
    if not directed and subject > object_:
        subject, object_ = object_, subject
    evidence: tuple[int, ...] = ()
    if "evidence" in record:
        evidence = integers(field(record, "evidence", list, where=where), where=f'{where}, "evidence"')
    for sentence in evidence:
        if not 0 <= sentence < len(offsets):
            raise AtlopError(
                f"{where}: its evidence is sentence {sentence}, but the document has {len(offsets)} sentences, "
                "numbered from 0"
            )
    return Fact(
        subject,
        object_,
        field(record, "relation", str, where=where),
        evidence,
        field(record, "novelty", str, where=where) if "novelty" in record else None,
    )


def _check_entities(subject: int, object_: int, *, entities: list[_Entity], where: str) -> None:
    for role, index in (("subject", subject), ("object", object_)):
        if not 0 <= index < len(entities):
            raise AtlopError(
                f"{where}: its {role} is entity {index}, but the document has {len(entities)} entities, numbered from 0"
            )
