"""DWIE's own format: a folder with a JSON file per document, with its mentions, concepts and relations.

DWIE is published without the articles. Its download script stores each text in its file under the key "content";
without that key, the text is read from `../texts/NAME.txt`, where NAME is the file's stem. Characters, and in messages
also concepts, mentions and relations, are numbered from 0.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_objects import check_characters
from atlop.corpora.text.plain_text import locate_mention, slice_words, split_text
from atlop.errors import AtlopError
from atlop.files import read_json, reading
from atlop.json_values import abbreviated, expect, field
from atlop.schema import Document, Entity, Fact, Mention, Span

_TYPE_TAG = "type::"
_TOP_TYPES = ("entity", "value")
_TYPES = ("location", "organization", "person", "misc", "event", "ethnicity", "time", "role", "money", "other")
"""Types below `entity` and `value`, as in DWIE's DocRED-format version; concepts may also have finer ones."""
_NO_TYPE = "none"


def read_dwie(path: Path, *, issues: IssueCollector, split: str | None = None) -> Iterator[Document]:
    """Yield the documents of a folder in DWIE's format, sorted by file name.

    Concepts become entities, with `link` as identifier. Concepts without mentions are left out with their relations.
    The type is the concept's tag below `type::entity` or `type::value`, for example `location`.

    Args:
        path: A folder of `.json` files.
        issues: Collects invalid documents, duplicate facts, and facts left out because a concept has no mention.
        split: Read only documents with this tag: `train`, `test`; `None` reads all.

    Raises:
        AtlopError: There are no files, no document has the tag, or a document is invalid and `issues` is strict.
    """
    files = sorted(path.glob("[!.]*.json"))
    if not files:
        raise AtlopError(f"{path}: expected a folder with DWIE's .json files, one per document; found none")
    tags: set[str] = set()
    for file in files:
        try:
            record = expect(read_json(file), dict, where=str(file))
            if split is not None:
                tagged = [
                    expect(tag, str, where=f'{file}, "tags"') for tag in field(record, "tags", list, where=str(file))
                ]
                tags.update(tagged)
                if split not in tagged:
                    continue
            document, duplicate_count, unmentioned_count = _document(record, file=file)
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            issues.add_duplicate_facts(duplicate_count)
            issues.add_unmentioned_facts(unmentioned_count)
            yield document
    if split is not None and split not in tags:
        raise AtlopError(f"{path}: no document has the tag {split!r}; found {', '.join(sorted(tags)) or 'none'}")


class _Concept(NamedTuple):
    type: str
    link: str | None
    mentions: list[tuple[Span, str]]
    """Character span and name of each mention; may be empty."""


def _document(record: dict[str, Any], *, file: Path) -> tuple[Document, int, int]:
    """Return the document, how many relations are duplicates, and how many have a concept without mentions."""
    where = str(file)
    title = field(record, "id", str, where=where)
    text = _text(record, file=file)
    concepts = _concepts(record, text=text, where=where)
    word_spans = split_text(text, mentions=[span for concept in concepts.values() for span, _ in concept.mentions])
    entities = {
        identifier: Entity(_mentions(concept, word_spans=word_spans, where=where), concept.link)
        for identifier, concept in concepts.items()
        if concept.mentions
    }
    numbers = {identifier: number for number, identifier in enumerate(entities)}
    relations = [
        _relation(relation, concepts=concepts, where=f"{where}, relation {index}")
        for index, relation in enumerate(field(record, "relations", list, where=where))
    ]
    kept = [
        Fact(numbers[subject], numbers[object_], relation)
        for subject, object_, relation in relations
        if subject in numbers and object_ in numbers
    ]
    document = Document(
        title=title,
        sentences=slice_words(text, word_spans),
        entities=tuple(entities.values()),
        facts=tuple(dict.fromkeys(kept)),
        text=text,
        offsets=word_spans,
    )
    return document, len(kept) - len(set(kept)), len(relations) - len(kept)


def _concepts(record: dict[str, Any], *, text: str, where: str) -> dict[int, _Concept]:
    """Return the concepts by id, in the order of the file."""
    concepts: dict[int, _Concept] = {}
    for index, value in enumerate(field(record, "concepts", list, where=where)):
        location = f"{where}, concept at index {index}"
        concept = expect(value, dict, where=location)
        identifier = field(concept, "concept", int, where=location)
        if identifier in concepts:
            raise AtlopError(f"{location}: duplicate concept id {identifier}")
        link = None if concept.get("link") is None else field(concept, "link", str, where=location)
        concepts[identifier] = _Concept(_type(field(concept, "tags", list, where=location), where=location), link, [])
    for index, value in enumerate(field(record, "mentions", list, where=where)):
        location = f"{where}, mention {index}"
        mention = expect(value, dict, where=location)
        identifier = _concept_id(mention, "concept", concepts=concepts, where=location)
        concepts[identifier].mentions.append(_span_and_name(mention, text=text, where=location))
    return concepts


def _text(record: dict[str, Any], *, file: Path) -> str:
    if "content" in record:
        text = field(record, "content", str, where=str(file))
        check_characters(text, where=f'{file}, "content"')
        return text
    text_file = file.parent.absolute().parent / "texts" / f"{file.stem}.txt"
    if not text_file.exists():
        raise AtlopError(
            f'{file}: has no "content", and there is no {text_file}; DWIE is published without articles: '
            "fetch them with its download script and pass the folder that it writes"
        )
    with reading(text_file):
        content = text_file.read_bytes()
    try:
        return content.decode()  # read_text would change line endings, and so offsets
    except UnicodeDecodeError as error:
        raise AtlopError(f"{text_file}: byte {error.start} is not UTF-8") from None


def _type(tags: list[Any], *, where: str) -> str:
    """Return the first known type; without one, the first finer type, then `entity` or `value`, then `none`."""
    named = [expect(tag, str, where=f'{where}, "tags"') for tag in tags]
    types = [tag.removeprefix(_TYPE_TAG) for tag in named if tag.startswith(_TYPE_TAG)]
    choices = (_TYPES, set(types).difference(_TOP_TYPES), types)
    return next((type_ for preferred in choices for type_ in types if type_ in preferred), _NO_TYPE)


def _span_and_name(mention: dict[str, Any], *, text: str, where: str) -> tuple[Span, str]:
    """Return the character span and the name of a mention, checked against the text."""
    start, end = field(mention, "begin", int, where=where), field(mention, "end", int, where=where)
    name = field(mention, "text", str, where=where)
    if not 0 <= start < end <= len(text):
        raise AtlopError(
            f"{where}: is at characters {start} to {end}; expected a start before the end, both within the text's "
            f"{len(text)} characters"
        )
    if text[start:end] != name:
        raise AtlopError(
            f"{where}: is {abbreviated(name)}, but characters {start} to {end} of the text are "
            f"{abbreviated(text[start:end])}; the article differs from the one that was annotated"
        )
    return (start, end), name


def _mentions(concept: _Concept, *, word_spans: tuple[tuple[Span, ...], ...], where: str) -> tuple[Mention, ...]:
    try:
        return tuple(
            locate_mention((span,), offsets=word_spans, name=name, type=concept.type) for span, name in concept.mentions
        )
    except AtlopError as problem:
        raise AtlopError(f"{where}, {problem}") from None


def _relation(value: object, *, concepts: Mapping[int, _Concept], where: str) -> tuple[int, int, str]:
    """Return the concept ids of subject and object, and the relation."""
    record: dict[str, Any] = expect(value, dict, where=where)
    subject, object_ = (_concept_id(record, key, concepts=concepts, where=where) for key in ("s", "o"))
    if subject == object_:
        raise AtlopError(f'{where}: "s" and "o" are both concept id {subject}; a relation holds between two concepts')
    return subject, object_, field(record, "p", str, where=where)


def _concept_id(record: dict[str, Any], key: str, *, concepts: Mapping[int, _Concept], where: str) -> int:
    identifier = field(record, key, int, where=where)
    if identifier not in concepts:
        raise AtlopError(f'{where}: "{key}" is concept id {identifier}, which the document does not have')
    return identifier


def _extra_folders(path: Path) -> tuple[Path, ...]:
    folder = path.absolute().parent / "texts"
    return (folder,) if folder.is_dir() else ()


def _matches(start: FileStart) -> bool:
    if start.path.is_dir():
        first = min(start.path.glob("[!.]*.json"), default=None)
        return first is not None and _matches(FileStart(first))
    return start.first_byte == b"{" and "concepts" in start.json_keys


DWIE = Format(
    "dwie",
    read=read_dwie,
    matches=_matches,
    description='a folder of .json files with "concepts", "mentions" and "relations"',
    extra_files=_extra_folders,
)
DWIE_TRAIN = Format("dwie_train", read=partial(read_dwie, split="train"), extra_files=_extra_folders)
DWIE_TEST = Format("dwie_test", read=partial(read_dwie, split="test"), extra_files=_extra_folders)
