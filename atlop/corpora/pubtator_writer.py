"""Documents -> PubTator files."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from atlop.corpora.pubtator_scheme import PubtatorScheme
from atlop.errors import AtlopError
from atlop.files import text_written_whole
from atlop.json_values import shown
from atlop.schema import Document, Mention, Span

_LINE_END = re.compile(r"[\r\n]")


def write_pubtator(path: Path, *, documents: Iterable[Document], scheme: PubtatorScheme) -> None:
    """Write documents as a PubTator file, whole or not at all, packed where `path` ends in `.gz`.

    The first line of a text is the title, further line ends become spaces. What the format has no place for, evidence
    and pairs, is left out.

    Args:
        path: The file.
        documents: Documents with text and identifiers; taken one at a time.
        scheme: What differs between corpora.

    Raises:
        AtlopError: A document has no text, an entity no identifier, or one of them a character that parts columns.
    """
    with text_written_whole(path) as file:
        for index, document in enumerate(documents):
            where = f'document {index} ("{document.title}")'
            file.writelines(f"{line}\n" for line in _lines(document, scheme=scheme, where=where))
            file.write("\n")


def _lines(document: Document, *, scheme: PubtatorScheme, where: str) -> Iterator[str]:
    if document.text is None:
        raise AtlopError(f"{where}: has no text; PubTator marks characters of one, so words alone cannot be written")
    title = _column(document.title, where=where, parting="|")
    name, _, abstract = document.text.partition("\n")
    yield f"{title}|t|{_LINE_END.sub(' ', name)}"
    yield f"{title}|a|{_LINE_END.sub(' ', abstract)}"
    identifiers = [
        _column(entity.identifier, where=f"{where}, entity {index}", parting=scheme.identifier_separator)
        for index, entity in enumerate(document.entities)
    ]
    for columns in _mentions(document, identifiers, text=document.text, scheme=scheme, where=where):
        yield "\t".join((title, *columns))
    for index, fact in enumerate(document.facts or ()):
        relation = _column(fact.relation, where=f"{where}, fact {index}")
        columns = [relation, identifiers[fact.subject], identifiers[fact.object]]
        if fact.novelty is not None:
            columns.append(_column(fact.novelty, where=f"{where}, fact {index}"))
        yield "\t".join((title, *columns))


def _mentions(
    document: Document, identifiers: list[str], *, text: str, scheme: PubtatorScheme, where: str
) -> Iterator[list[str]]:
    """Yield the columns of each mention, in the order of the text; mentions of the same characters share a line."""
    rows: dict[tuple[tuple[Span, ...], str], list[tuple[str, str]]] = {}
    for index, entity in enumerate(document.entities):
        for number, mention in enumerate(entity.mentions):
            place = f"{where}, entity {index}, mention {number}"
            key = _spans(mention, document=document, where=place), _column(mention.type, where=place)
            rows.setdefault(key, []).append((identifiers[index], _LINE_END.sub(" ", mention.name)))
    for (spans, type_), row in sorted(rows.items()):
        names = [name for _, name in row]
        found = _LINE_END.sub(" ", " ".join(text[start:end] for start, end in spans))
        if len(spans) > 1 and len(set(names)) == 1:
            found = names[0]
        columns = [",".join(str(span[side]) for span in spans) for side in (0, 1)]
        columns += [_column(found, where=where), type_, scheme.identifier_separator.join(name for name, _ in row)]
        if set(names) != {found}:
            parting = scheme.name_separator if len(names) > 1 else "\t"
            columns.append(scheme.name_separator.join(_column(name, where=where, parting=parting) for name in names))
        yield columns


def _spans(mention: Mention, *, document: Document, where: str) -> tuple[Span, ...]:
    if mention.spans:
        return mention.spans
    if document.offsets is None:
        raise AtlopError(f"{where}: nobody says at which characters it stands; expected spans, or offsets of the words")
    words = document.offsets[mention.sentence][mention.start : mention.end]
    return ((words[0][0], words[-1][1]),)


def _column(value: str | None, *, where: str, parting: str = "\t") -> str:
    """Return a value if it can stand in a column; `parting` may not occur in it besides tabs and line ends."""
    if not value:
        raise AtlopError(f"{where}: lacks an identifier, type or name, which PubTator needs")
    if "\t" in value or parting in value or _LINE_END.search(value):
        raise AtlopError(f"{where}: {shown(value)} holds a tab, a line end or {shown(parting)}, which part columns")
    return value
