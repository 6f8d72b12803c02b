"""Write PubTator files."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from atlop.corpora.formats.pubtator.losses import PubtatorLosses
from atlop.corpora.formats.pubtator.scheme import PubtatorScheme, load_scheme
from atlop.corpora.losses import ConversionLoss, ConversionLosses
from atlop.errors import AtlopError
from atlop.files import atomic_text
from atlop.json_values import abbreviated
from atlop.schema import Document, Mention, Span

_NEWLINE = re.compile(r"[\r\n]")


def write_pubtator(path: Path, *, documents: Iterable[Document], scheme: PubtatorScheme | str) -> ConversionLosses:
    """Write documents as a PubTator file, all or nothing, gzipped if `path` ends in `.gz`.

    The first line of a text is the title; other newlines become spaces. The scheme may be the name of a shipped one.

    Returns:
        Counts of what the format cannot store: evidence, boundaries of sentences and words, pairs and directions other
        than the scheme's, newlines in texts, whether documents without facts are labelled.

    Raises:
        AtlopError: A document has no text, an entity has no identifier, a value has a character that separates columns,
            or reading the file would give other entities or facts.
    """
    if isinstance(scheme, str):
        scheme = load_scheme(scheme)
    losses = PubtatorLosses(scheme)
    line_ends = 0
    with atomic_text(path) as file:
        for index, document in enumerate(documents):
            where = f'{path}, document {index} ("{document.title}")'
            prepared = _prepared(document, where=where)
            lines = list(_lines(prepared, scheme=scheme, where=where))
            losses.add(prepared, lines=lines, where=where)
            line_ends += prepared.text != document.text
            file.writelines(f"{line}\n" for line in [*lines, ""])
    return losses.result() + ConversionLosses({ConversionLoss.LINE_END: line_ends})


def _prepared(document: Document, *, where: str) -> Document:
    """Add the spans of every mention, and replace newlines in the text by spaces, except the first."""
    if document.text is None:
        raise AtlopError(f"{where}: has no text, which PubTator needs; choose another format, or provide the text")
    title, newline, abstract = document.text.partition("\n")
    entities = [
        replace(
            entity,
            mentions=tuple(
                replace(
                    mention,
                    name=_NEWLINE.sub(" ", mention.name),
                    spans=_spans(mention, document=document, where=f"{where}, entity {index}, mention {number}"),
                )
                for number, mention in enumerate(entity.mentions)
            ),
        )
        for index, entity in enumerate(document.entities)
    ]
    text = f"{_NEWLINE.sub(' ', title)}{newline}{_NEWLINE.sub(' ', abstract)}"
    return replace(document, text=text, entities=tuple(entities))


def _spans(mention: Mention, *, document: Document, where: str) -> tuple[Span, ...]:
    if mention.spans:
        return mention.spans
    if document.offsets is None:
        raise AtlopError(f"{where}: has no character offsets; expected spans, or offsets of the words")
    words = document.offsets[mention.sentence][mention.start : mention.end]
    return ((words[0][0], words[-1][1]),)


def _lines(document: Document, *, scheme: PubtatorScheme, where: str) -> Iterator[str]:
    document_id = _column(document.title, where=where, separator="|")
    text = document.text or ""
    title, _, abstract = text.partition("\n")
    yield f"{document_id}|t|{title}"
    yield f"{document_id}|a|{abstract}"
    identifiers = [
        _column(entity.identifier, where=f"{where}, entity {index}", separator=scheme.identifier_separator)
        for index, entity in enumerate(document.entities)
    ]
    for columns in _mentions(document, identifiers, text=text, scheme=scheme, where=where):
        yield "\t".join((document_id, *columns))
    for index, fact in enumerate(document.facts or ()):
        relation = _column(fact.relation, where=f"{where}, fact {index}")
        columns = [relation, identifiers[fact.subject], identifiers[fact.object]]
        if fact.novelty is not None:
            columns.append(_column(fact.novelty, where=f"{where}, fact {index}"))
        yield "\t".join((document_id, *columns))


def _mentions(
    document: Document, identifiers: list[str], *, text: str, scheme: PubtatorScheme, where: str
) -> Iterator[list[str]]:
    """Yield the columns of each mention in the order of the text; mentions of the same characters share a line."""
    identifiers_and_names: dict[tuple[tuple[Span, ...], str], list[tuple[str, str]]] = {}
    for index, entity in enumerate(document.entities):
        for number, mention in enumerate(entity.mentions):
            key = mention.spans, _column(mention.type, where=f"{where}, entity {index}, mention {number}")
            identifiers_and_names.setdefault(key, []).append((identifiers[index], mention.name))
    for (spans, type_), entities in sorted(identifiers_and_names.items()):
        entity_identifiers, names = zip(*entities, strict=True)
        mention_text = " ".join(text[start:end] for start, end in spans).replace("\n", " ")
        if len(spans) > 1 and len(set(names)) == 1:
            mention_text = names[0]
        columns = [",".join(str(span[side]) for span in spans) for side in (0, 1)]
        columns += [_column(mention_text, where=where), type_, scheme.identifier_separator.join(entity_identifiers)]
        if set(names) != {mention_text}:
            separator = scheme.name_separator if len(names) > 1 else "\t"
            columns.append(
                scheme.name_separator.join(_column(name, where=where, separator=separator) for name in names)
            )
        yield columns


def _column(value: str | None, *, where: str, separator: str = "\t") -> str:
    """Return the value of a column after checking that it has one, without tabs, newlines or `separator`."""
    if not value:
        raise AtlopError(f"{where}: has no identifier, type or name, which PubTator needs")
    if "\t" in value or separator in value or _NEWLINE.search(value):
        raise AtlopError(
            f"{where}: {abbreviated(value)} has a tab, a newline or {abbreviated(separator)}, which separate columns"
        )
    return value
