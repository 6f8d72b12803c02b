"""Read DocRED format: JSON documents in one list or, as Hugging Face's datasets are saved, one a line; also as `.gz`.

Extra keys are ignored. In files and messages, everything except lines is numbered from 0.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_objects import check_characters
from atlop.corpora.json_records import read_records
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, integers, optional
from atlop.schema import Document, Entity, Fact, Mention

EXPECTED_KEYS = '"title", "sents", "vertexSet" and, where labelled, "labels"'
_HUGGING_FACE_KEYS = {"head": "h", "tail": "t", "relation_id": "r"}
"""Keys of a label in the dataset `thunlp/docred` as Hugging Face loads it, and in DocRED's own files."""


def read_docred(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file in DocRED format; duplicate facts are left out and counted in `issues`.

    Raises:
        AtlopError: The file cannot be read or has another form, or a document is invalid and `issues` is strict.
    """
    for name, record in read_records(path, keys=EXPECTED_KEYS, issues=issues):
        try:
            document, duplicate_count = parse_docred(record, where=f"{path}, {name}")
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_duplicate_facts(duplicate_count)
            yield document


def parse_docred(record: dict[str, Any], *, where: str) -> tuple[Document, int]:
    """Return a document and its number of duplicate facts.

    Raises:
        AtlopError: The document is invalid.
    """
    if isinstance(record.get("title"), list):
        raise AtlopError(
            f"{where}: has a list of titles, so the file has columns; expected a document a line, as `to_json` of "
            "Hugging Face's datasets writes: datasets.Dataset.from_dict(columns).to_json(path)"
        )
    title = field(record, "title", str, where=where)
    where = f'{where} ("{title}")'
    sentences = tuple(
        _sentence(words, where=f"{where}, sentence {index}")
        for index, words in enumerate(field(record, "sents", list, where=where))
    )
    lengths = tuple(map(len, sentences))
    entities = tuple(
        _entity(mentions, lengths=lengths, where=f"{where}, entity {index}")
        for index, mentions in enumerate(field(record, "vertexSet", list, where=where))
    )
    if record.get("labels") is None:
        return Document(title=title, sentences=sentences, entities=entities, facts=None), 0
    labels = _labels(record, where=where)
    facts: dict[tuple[int, int, str], Fact] = {}
    for index, label in enumerate(labels):
        fact = _fact(label, entities=entities, sentences=sentences, where=f"{where}, label {index}")
        facts.setdefault(fact.key, fact)
    document = Document(title=title, sentences=sentences, entities=entities, facts=tuple(facts.values()))
    return document, len(labels) - len(facts)


def _labels(record: dict[str, Any], *, where: str) -> list[Any]:
    """Return the labels in DocRED's own form; Hugging Face has an object with a list for each key."""
    labels = record["labels"]
    if isinstance(labels, dict):
        columns = [field(labels, key, list, where=f'{where}, "labels"') for key in labels]
        if len({len(column) for column in columns}) > 1:
            lengths = ", ".join(f"{key} has {len(column)}" for key, column in zip(labels, columns, strict=True))
            raise AtlopError(
                f'{where}, "labels": its lists have different lengths: {lengths}; expected a value of each'
            )
        return [
            {_HUGGING_FACE_KEYS.get(key, key): value for key, value in zip(labels, row, strict=True)}
            for row in zip(*columns, strict=True)
        ]
    return [
        {_HUGGING_FACE_KEYS.get(key, key): value for key, value in label.items()}
        if isinstance(label, dict) and "relation_id" in label
        else label
        for label in field(record, "labels", list, where=where)
    ]


def _sentence(words: object, *, where: str) -> tuple[str, ...]:
    words = expect(words, list, where=where)
    if not set(map(type, words)) <= {str}:
        for index, word in enumerate(words):
            expect(word, str, where=f"{where}, word {index}")
    check_characters("".join(words), where=where)
    return tuple(words)


def _entity(mentions: object, *, lengths: tuple[int, ...], where: str) -> Entity:
    mentions = expect(mentions, list, where=where)
    if not mentions:
        raise AtlopError(f"{where}: has no mentions; expected at least one")
    return Entity(
        tuple(
            _mention(mention, lengths=lengths, where=f"{where}, mention {index}")
            for index, mention in enumerate(mentions)
        )
    )


def _mention(value: object, *, lengths: tuple[int, ...], where: str) -> Mention:
    record: dict[str, Any] = expect(value, dict, where=where)
    sentence = field(record, "sent_id", int, where=where)
    if not 0 <= sentence < len(lengths):
        raise AtlopError(f"{where}: is in sentence {sentence}, but {_available('sentence', len(lengths))}")
    start, end = _word_available(field(record, "pos", list, where=where), where=where)
    length = lengths[sentence]
    if end > length:
        raise AtlopError(f"{where}: ends at word {end}, but sentence {sentence} has {_counted('word', length)}")
    return Mention(
        name=field(record, "name", str, where=where),
        sentence=sentence,
        start=start,
        end=end,
        type=field(record, "type", str, where=where),
    )


def _word_available(position: list[Any], *, where: str) -> tuple[int, int]:
    numbers = integers(position, where=f'{where}, "pos"')
    if len(numbers) != 2:
        raise AtlopError(
            f'{where}, "pos": expected [first word, one past the last word], found {abbreviated(position)}'
        )
    start, end = numbers
    if start < 0:
        raise AtlopError(f"{where}: starts at word {start}; words are numbered from 0 within their sentence")
    if end <= start:
        raise AtlopError(
            f"{where}: starts at word {start} and ends at word {end}, so it has no words; "
            "the end is one past the last word"
        )
    return start, end


def _fact(value: object, *, entities: tuple[Entity, ...], sentences: tuple[tuple[str, ...], ...], where: str) -> Fact:
    record: dict[str, Any] = expect(value, dict, where=where)
    subject, object_ = field(record, "h", int, where=where), field(record, "t", int, where=where)
    if not (0 <= subject < len(entities) and 0 <= object_ < len(entities)):
        key, index = ("t", object_) if 0 <= subject < len(entities) else ("h", subject)
        raise AtlopError(f'{where}: "{key}" is entity {index}, but {_available("entity", len(entities))}')
    if subject == object_:
        raise AtlopError(f'{where}: "h" and "t" are both entity {subject}; a relation holds between two entities')
    evidence = integers(optional(record, "evidence", list, where=where) or [], where=f'{where}, "evidence"')
    for index in evidence:
        if not 0 <= index < len(sentences):
            raise AtlopError(f"{where}: its evidence is sentence {index}, but {_available('sentence', len(sentences))}")
    return Fact(subject, object_, field(record, "r", str, where=where), evidence)


def _counted(noun: str, number: int) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


def _available(noun: str, number: int) -> str:
    return f"the document has {_counted(noun, number)}" + (f" (0 to {number - 1})" if number else "")
