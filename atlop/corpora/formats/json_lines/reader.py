"""Read JSON lines: the format for your own data, plain text and character offsets (`.jsonl`, `.jsonl.gz`).

One JSON object per line, in UTF-8, or a JSON list of such objects; this one is wrapped for reading:

    {"title": "Skai TV",
     "text": "Skai TV is Greek. It is based in Piraeus.",
     "entities": [{"mentions": [[0, 7], [18, 20]], "type": "ORG", "id": "Q2629337"},
                  {"mentions": [[33, 40]], "type": "LOC"}],
     "relations": [{"subject": 0, "object": 1, "relation": "P159", "evidence": [0, 1]}]}

`text` and `entities` are required; a key whose value is `null` counts as missing, and other keys are ignored:

- `title`: a string, by default `line N`. In a submission, titles must be unique.
- `text`: a string; split into sentences and words by `split_text` unless there are `words`.
- `entities`: a list of objects. `mentions` is a list of at least one; `type` (or `label`, `entity_group`, as NER
  systems call it) a string, by default ""; `id` a string, for example from a knowledge base. Or a list of mentions,
  which are grouped by identical text; relations and pairs then have indices of mentions. So may be the tokens of
  transformers' NER pipeline, which are joined to mentions.
- `relations`: a list of objects, which may be empty; without it, the document is not labelled. `subject` and `object`
  are indices of entities and `relation` is a string. `evidence` is a list of sentence indices; `novelty` a string, as
  in BioRED.
- `words`: a list of sentences, each a list of `[start, end]` for each word, in the order of the text. Text outside
  words is ignored. Mentions must start and end at word boundaries of one sentence.
- `pairs`: a list of `[subject, object]`, the pairs to classify; by default all ordered pairs. Relations of other pairs
  and from an entity to itself are kept, and counted.
- `directed`: `false` if relations hold in both directions; relations and pairs then have the lower entity as subject.

A mention is `[start, end]`, or an object with `start` and `end`, or `spans`, a list of `[start, end]` in the order of
the text, several for a discontinuous mention; `name`, if it differs from the text; `type`, if it differs from the
entity's.

`[start, end]` are character offsets from 0, with an exclusive end, as in Python: a character outside Unicode's first
65,536, such as an emoji, is one, though JavaScript and Java count it as two. Entities, mentions, relations and
sentences are also numbered from 0, lines from 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlop.corpora.formats.json_lines.grouping import grouped_entities, mention_spans, type_of
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_objects import to_json_line
from atlop.corpora.json_records import expected_line, read_records
from atlop.corpora.text.character_spans import ListedWords, Offsets, mention_text, parse_span, parse_words
from atlop.corpora.text.plain_text import locate_mention, slice_words, spans_and_extent, split_text
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers, optional
from atlop.schema import Document, Entity, Fact, Mention, Span

_KEYS = '"text", "entities" and, where labelled, "relations"'
EXPECTED = expected_line(_KEYS)
"""The part of messages that says what a line should be."""


def read_json_lines(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file of JSON lines, or of a JSON list, with one in memory. Blank lines are ignored.

    Duplicate relations are left out; they and relations without a pair are counted in `issues`.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    for name, record in read_records(path, keys=_KEYS, issues=issues):
        try:
            if name.startswith("document"):
                to_json_line(record, where=f"{path}, {name}")  # rejects lone surrogates, as in lines
            document, duplicate_count = parse_document(record, title=name, where=f"{path}, {name}")
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_duplicate_facts(duplicate_count)
            issues.add_unclassified_facts(document)
            yield document


def parse_document(
    record: Mapping[str, Any], *, title: str, where: str, group_by: str | None = None
) -> tuple[Document, int]:
    """Parse a document; return it and its number of duplicate relations.

    Args:
        record: An object in the JSON lines format.
        title: Title of a document without one.
        where: Location of the object, for messages.
        group_by: Key by which ungrouped mentions are grouped, for example `id`; by default by identical text.

    Raises:
        AtlopError: The document is invalid.
    """
    record = {key: value for key, value in record.items() if value is not None}
    if "title" in record:
        title = field(record, "title", str, where=where)
        where = f'{where} ("{title}")'
    text = field(record, "text", str, where=where)
    grouped, numbers = grouped_entities(record, text=text, group_by=group_by, where=where)
    entities = [_entity(value, text=text, where=f"{where}, entity {index}") for index, value in enumerate(grouped)]
    offsets = _offsets(record, entities, text=text, where=where)
    directed = field(record, "directed", bool, where=where) if "directed" in record else True
    pairs = _pairs(record, numbers, directed=directed, where=where) if "pairs" in record else None
    facts: dict[tuple[int, int, str], Fact] = {}
    relations = field(record, "relations", list, where=where) if "relations" in record else []
    for index, value in enumerate(relations):
        fact = _fact(value, numbers, offsets=offsets, directed=directed, where=f"{where}, relation {index}")
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
    type: str | None


def _entity(value: object, *, text: str, where: str) -> _Entity:
    record: dict[str, Any] = expect(value, dict, where=where)
    mentions = field(record, "mentions", list, where=where)
    if not mentions:
        raise AtlopError(f"{where}: has no mentions; expected at least one")
    type_ = type_of(record, where=where) or ""
    return _Entity(
        tuple(
            _mention(mention, text=text, type=type_, where=f"{where}, mention {index}")
            for index, mention in enumerate(mentions)
        ),
        optional(record, "id", str, where=where),
        type_of(record, where=where),
    )


def _mention(value: object, *, text: str, type: str, where: str) -> _Mention:
    if isinstance(value, list):
        span = parse_span(value, text=text, where=where)
        return _Mention((span,), text[span[0] : span[1]], type, where)
    if not isinstance(value, dict):
        raise AtlopError(f'{where}: expected [start, end], or an object with "spans"; found {abbreviated(value)}')
    spans = mention_spans(value, text=text, where=where)
    name, own_type = optional(value, "name", str, where=where), type_of(value, where=where)
    return _Mention(
        spans, mention_text(spans, text=text) if name is None else name, type if own_type is None else own_type, where
    )


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

    def entity_of(given: _Entity) -> Entity:
        entity = Entity(tuple(map(with_words, given.mentions)), given.identifier)
        return entity if given.type in (None, entity.type) else replace(entity, own_type=given.type)

    return tuple(map(entity_of, entities))


def _pairs(
    record: dict[str, Any], entity_numbers: Sequence[int], *, directed: bool, where: str
) -> tuple[tuple[int, int], ...]:
    pairs: dict[tuple[int, int], None] = {}
    listed: dict[tuple[int, int], int] = {}  # index of each pair of items; mentions of one entity give a pair twice
    for index, value in enumerate(field(record, "pairs", list, where=where)):
        location = f"{where}, pair {index}"
        numbers = integers(expect(value, list, where=location), where=location)
        if len(numbers) != 2:
            raise AtlopError(f"{location}: expected [subject, object], found {abbreviated(value)}")
        subject, object_ = numbers if directed else sorted(numbers)
        entities = _entities(subject, object_, entity_numbers=entity_numbers, directed=directed, where=location)
        if subject == object_:
            raise AtlopError(f"{location}: subject and object are both entity {subject}; expected two entities")
        if (first := listed.setdefault((subject, object_), index)) != index:
            raise AtlopError(f"{location}: repeats pair {first}; list each pair once")
        if entities[0] != entities[1]:
            pairs[entities] = None
    return tuple(pairs)


def _fact(value: object, entity_numbers: Sequence[int], *, offsets: Offsets, directed: bool, where: str) -> Fact:
    record: dict[str, Any] = expect(value, dict, where=where)
    pair = field(record, "subject", int, where=where), field(record, "object", int, where=where)
    subject, object_ = _entities(*pair, entity_numbers=entity_numbers, directed=directed, where=where)
    evidence = integers(optional(record, "evidence", list, where=where) or [], where=f'{where}, "evidence"')
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
        optional(record, "novelty", str, where=where),
    )


def _entities(
    subject: int, object_: int, *, entity_numbers: Sequence[int], directed: bool, where: str
) -> tuple[int, int]:
    """Return the entities of a pair of items of `entities`, the lower one first if the pair has no direction."""
    for role, index in (("subject", subject), ("object", object_)):
        if not 0 <= index < len(entity_numbers):
            raise AtlopError(
                f"{where}: its {role} is entity {index}, but the document has {len(entity_numbers)} entities, numbered "
                "from 0"
            )
    first, second = entity_numbers[subject], entity_numbers[object_]
    return (first, second) if directed else (min(first, second), max(first, second))
