"""JSON lines: the format for one's own data, plain text and character offsets (`.jsonl`, `.jsonl.gz`).

One JSON object a line in UTF-8, here broken for reading:

    {"title": "Skai TV",
     "text": "Skai TV is Greek. It is based in Piraeus.",
     "entities": [{"mentions": [[0, 7], [18, 20]], "type": "ORG", "id": "Q2629337"},
                  {"mentions": [[33, 40]], "type": "LOC"}],
     "relations": [{"subject": 0, "object": 1, "relation": "P159", "evidence": [0, 1]}]}

Needed are `text` and `entities`; other keys than these are ignored. Of a document:

- `title`: a string; without it, `line N`. A submission wants each title once.
- `text`: a string, cut into sentences and words by `cut_text` where there are no `words`.
- `entities`: a list of objects. `mentions` is a list, at least one; `type` a string, without it ""; `id` a string,
  what a knowledge base calls it.
- `relations`: a list of objects, empty where there are none; without it, the document is not labelled. `subject` and
  `object` are indices of entities and `relation` is a string. `evidence` is a list of sentence indices; `novelty` a
  string, as in BioRED.
- `words`: a list of sentences, each a list of `[start, end]`, one a word, in the order of the text. What no word covers
  is left out. No mention starts or ends inside a word or goes beyond its sentence.
- `pairs`: a list of `[subject, object]`, the pairs to classify; without it, all ordered pairs. Relations of other pairs
  and from an entity to itself are kept, and counted.
- `directed`: `false` where a relation holds both ways; relations and pairs then have the lower entity as subject.

A mention is `[start, end]`, or an object with `spans`, a list of `[start, end]` in the order of the text, several for a
discontinuous mention; `name`, where it differs from the text; `type`, where it differs from the entity's.

`[start, end]` are characters of the text from 0, the end one past the last, as Python counts them: an emoji outside
Unicode's first 65,536 characters is one, though JavaScript and Java count it as two. Entities, mentions, relations and
sentences count from 0 as well; lines count from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_objects import parse_json_object
from atlop.corpora.text.character_spans import ListedWords, Offsets, parse_span, parse_spans, parse_words
from atlop.corpora.text.plain_text import cut_text, locate_mention, parts_and_extent, slice_words
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated, expect, field, integers
from atlop.schema import Document, Entity, Fact, Mention, Span

FORMAT = 'expected one JSON object a line, with "text", "entities" and, where labelled, "relations"'


def read_json_lines(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file of JSON lines, one line held at a time. Blank lines are passed over.

    Args:
        path: A `.jsonl` or `.jsonl.gz` file.
        issues: Is told of invalid documents, and of relations that a document lists more than once or that no pair
            stands for.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if line.isspace():
            continue
        try:
            row = parse_json_object(line, expected=FORMAT, where=f"{path}, line {number}")
            document, merged = parse_document(row, title=f"line {number}", where=f"{path}, line {number}")
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_merged(merged)
            issues.add_unclassified(document)
            yield document


def parse_document(row: dict[str, Any], *, title: str, where: str) -> tuple[Document, int]:
    """Return the document that an object of this format holds, and the number of relations that repeat an earlier one.

    Args:
        row: The object.
        title: The document's title where the object has none.
        where: Its place, for messages.

    Raises:
        AtlopError: The document is invalid.
    """
    if "title" in row:
        title = field(row, "title", str, where=where)
        where = f'{where} ("{title}")'
    text = field(row, "text", str, where=where)
    entities = [
        _entity(value, text=text, where=f"{where}, entity {index}")
        for index, value in enumerate(field(row, "entities", list, where=where))
    ]
    offsets = _offsets(row, entities, text=text, where=where)
    directed = field(row, "directed", bool, where=where) if "directed" in row else True
    pairs = _pairs(row, entities=len(entities), directed=directed, where=where) if "pairs" in row else None
    facts: dict[tuple[int, int, str], Fact] = {}
    relations = field(row, "relations", list, where=where) if "relations" in row else []
    for index, value in enumerate(relations):
        fact = _fact(
            value, entities=len(entities), sentences=len(offsets), directed=directed, where=f"{where}, relation {index}"
        )
        facts.setdefault(fact.key, fact)
    document = Document(
        title=title,
        sentences=slice_words(text, offsets),
        entities=_placed(entities, offsets=offsets),
        facts=tuple(facts.values()) if "relations" in row else None,
        text=text,
        offsets=offsets,
        pairs=pairs,
        directed=directed,
    )
    return document, len(relations) - len(facts)


@dataclass(frozen=True, slots=True)
class _Mention:
    """A mention whose words are not known yet."""

    spans: tuple[Span, ...]
    name: str
    type: str
    where: str


@dataclass(frozen=True, slots=True)
class _Entity:
    """An entity whose mentions' words are not known yet."""

    mentions: tuple[_Mention, ...]
    identifier: str | None


def _entity(value: object, *, text: str, where: str) -> _Entity:
    row: dict[str, Any] = expect(value, dict, where=where)
    mentions = field(row, "mentions", list, where=where)
    if not mentions:
        raise AtlopError(f"{where}: has no mentions; expected at least one")
    type_ = field(row, "type", str, where=where) if "type" in row else ""
    return _Entity(
        tuple(
            _mention(mention, text=text, type=type_, where=f"{where}, mention {index}")
            for index, mention in enumerate(mentions)
        ),
        field(row, "id", str, where=where) if "id" in row else None,
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
    """Return the name of a mention that is not given one: what the text has there, parts joined by a space."""
    return " ".join(text[start:end] for start, end in spans)


def _offsets(row: dict[str, Any], entities: list[_Entity], *, text: str, where: str) -> Offsets:
    """Return the words that the document lists, or those that its text is cut into."""
    mentions = [mention for entity in entities for mention in entity.mentions]
    if "words" not in row:
        for mention in mentions:
            if text[mention.spans[0][0] : mention.spans[-1][1]].isspace():
                raise AtlopError(f"{mention.where}: holds only space; expected characters of a word")
        return cut_text(text, mentions=[span for mention in mentions for span in parts_and_extent(mention.spans)])
    offsets = parse_words(field(row, "words", list, where=where), text=text, where=where)
    listed = ListedWords(offsets)
    for mention in mentions:
        listed.check_mention(mention.spans, where=mention.where)
    return offsets


def _placed(entities: list[_Entity], *, offsets: Offsets) -> tuple[Entity, ...]:
    """Return the entities with the words of their mentions."""
    numbers = [number for number, words in enumerate(offsets) if words]
    filled = tuple(words for words in offsets if words)  # an empty sentence stands nowhere in the text

    def placed(mention: _Mention) -> Mention:
        found = locate_mention(mention.spans, offsets=filled, name=mention.name, type=mention.type)
        return found if len(filled) == len(offsets) else replace(found, sentence=numbers[found.sentence])

    return tuple(Entity(tuple(map(placed, entity.mentions)), entity.identifier) for entity in entities)


def _pairs(row: dict[str, Any], *, entities: int, directed: bool, where: str) -> tuple[tuple[int, int], ...]:
    pairs: dict[tuple[int, int], int] = {}
    for index, value in enumerate(field(row, "pairs", list, where=where)):
        place = f"{where}, pair {index}"
        numbers = integers(expect(value, list, where=place), where=place)
        if len(numbers) != 2:
            raise AtlopError(f"{place}: expected [subject, object], found {abbreviated(value)}")
        subject, object_ = numbers if directed else sorted(numbers)
        _check_entities(subject, object_, entities=entities, where=place)
        if subject == object_:
            raise AtlopError(f"{place}: subject and object are both entity {subject}; expected two entities")
        if (first := pairs.setdefault((subject, object_), index)) != index:
            raise AtlopError(f"{place}: repeats pair {first}; list each pair once")
    return tuple(pairs)


def _fact(value: object, *, entities: int, sentences: int, directed: bool, where: str) -> Fact:
    row: dict[str, Any] = expect(value, dict, where=where)
    subject, object_ = field(row, "subject", int, where=where), field(row, "object", int, where=where)
    _check_entities(subject, object_, entities=entities, where=where)
    if not directed and subject > object_:
        subject, object_ = object_, subject
    evidence: tuple[int, ...] = ()
    if "evidence" in row:
        evidence = integers(field(row, "evidence", list, where=where), where=f'{where}, "evidence"')
    for sentence in evidence:
        if not 0 <= sentence < sentences:
            raise AtlopError(
                f"{where}: its evidence is sentence {sentence}, but the document has {sentences} sentences, "
                "counted from 0"
            )
    return Fact(
        subject,
        object_,
        field(row, "relation", str, where=where),
        evidence,
        field(row, "novelty", str, where=where) if "novelty" in row else None,
    )


def _check_entities(subject: int, object_: int, *, entities: int, where: str) -> None:
    for role, index in (("subject", subject), ("object", object_)):
        if not 0 <= index < entities:
            raise AtlopError(
                f"{where}: its {role} is entity {index}, but the document has {entities} entities, counted from 0"
            )
