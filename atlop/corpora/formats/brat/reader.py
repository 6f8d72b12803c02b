"""Read brat's standoff format: a folder, perhaps with folders in it, of texts `X.txt` and their annotations `X.ann`.

A document's title is its path below the folder, without the suffix. `Equiv` lines, relations that `annotation.conf`
declares symmetric and transitive, and equal identifiers (`N`) group mentions; relations that it declares symmetric hold
both ways. Of an event only the trigger is kept, a mention like others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from atlop.corpora.formats.brat.lines import Annotations, parse_annotations
from atlop.corpora.issues import IssueCollector
from atlop.corpora.mentions import cuts_a_word
from atlop.corpora.standoff import Draft, PlainText, merged_sets, read_drafts
from atlop.corpora.text.offset_units import Reading, fitting_reading, readings_of
from atlop.errors import AtlopError
from atlop.files import files_below, read_lines, reading
from atlop.schema import Document

_NO_IDENTIFIER = frozenset({"", "null", "nil", "none"})
_RELATION_TYPE = re.compile(r"<REL-TYPE>:([\w-]+)")


def read_brat(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a folder, or of the pair that one `.txt` or `.ann` file belongs to, in order of paths.

    A text without annotations is not labelled, and neither is a whole folder without a relation.

    Raises:
        AtlopError: There is no such file, or a document is invalid and `issues` is strict.
    """
    folder = path if path.is_dir() else path.parent
    texts = text_files(path)
    files = [file for text in texts if (file := text.with_suffix(".ann")).exists()]
    has_relations = any(line.startswith(b"R") for file in files for line in read_lines(file))
    if texts and not has_relations:
        issues.add_hint("no file has a relation (a line that begins with R), so no document counts as labelled")
    shifted: list[str] = []
    drafts = (partial(_draft, text, folder=folder, labelled=has_relations, shifted=shifted) for text in texts)
    yield from read_drafts(drafts, issues=issues)
    if shifted:
        issues.add_hint(
            f"in {len(set(shifted)):,} documents, {shifted[0]} the first, mentions behind an emoji cut words: versions "
            "of brat up to 2015 count an emoji twice, and repeat the shifted text; correct these files"
        )


def text_files(path: Path) -> list[Path]:
    """Return the texts of a folder, or of the pair of a file.

    Raises:
        AtlopError: A file of annotations has no text, or there are none.
    """
    if not path.is_dir():
        return [_text_of(path.with_suffix(".ann")) if path.suffix == ".ann" else path]
    files = [file for file in files_below(path) if file.suffix in (".ann", ".txt")]
    texts = {_text_of(file) if file.suffix == ".ann" else file for file in files}
    if not texts:
        names = ", ".join(sorted(file.name for file in path.iterdir())[:8]) or "nothing"
        raise AtlopError(f"{path}: expected texts (.txt) with their annotations (.ann); the folder holds {names}")
    return sorted(texts, key=lambda text: text.relative_to(path).as_posix())


def _text_of(annotations: Path) -> Path:
    text = annotations.with_suffix(".txt")
    if not text.exists():
        raise AtlopError(f"{annotations}: there is no {text.name} beside it; put the annotated text there")
    return text


@dataclass(frozen=True, slots=True)
class _Declared:
    """What `annotation.conf` says of relations."""

    symmetric: frozenset[str]
    equivalences: frozenset[str]
    roles: dict[str, list[str]]
    """Names of the ends of a relation, in lower case, subject first."""


def _declared(text: Path, *, folder: Path) -> _Declared:
    """Read the settings that lie in the folder of a text, or else in the nearest one above it."""
    parents = (parent for parent in text.parents if parent == folder or folder in parent.parents)
    file = next((conf for parent in parents if (conf := parent / "annotation.conf").is_file()), None)
    kinds: dict[str, set[str]] = {"symmetric": set(), "symmetric-transitive": set()}
    roles: dict[str, list[str]] = {}
    section = ""
    for line in () if file is None else read_lines(file):
        entry = line.decode(errors="replace").split("#")[0].strip()
        if entry.startswith("["):
            section = entry
        elif section == "[relations]" and entry:
            name, _, arguments = entry.partition("\t" if "\t" in entry else " ")
            for kind in _RELATION_TYPE.findall(arguments):
                kinds.setdefault(kind, set()).add(name)
            named = [part.split(":")[0].strip().lower() for part in arguments.split(",")]
            roles.setdefault(name, [role for role in named if not role.startswith("<")])
    return _Declared(frozenset(kinds["symmetric"]), frozenset(kinds["symmetric-transitive"]), roles)


def _draft(text: Path, *, folder: Path, labelled: bool, shifted: list[str]) -> Draft:
    file = text.with_suffix(".ann")
    with reading(text):
        data = text.read_bytes()
    try:
        content = data.decode()
    except UnicodeDecodeError as error:
        raise AtlopError(f"{text}: byte {error.start} is not UTF-8; expected a text in UTF-8") from None
    annotated = file.exists()
    found = parse_annotations(file) if annotated else Annotations()
    fit = fitting_reading(_readings(content), quotes=[quote for quote, _ in found.mentions.values()])
    title = text.relative_to(folder).with_suffix("").as_posix()
    draft = Draft(
        title, PlainText(fit.text), f"{file if annotated else text}", noun="", labelled=labelled and annotated
    )
    draft.left_out.update(found.lost)
    for name, (quote, type_) in found.mentions.items():
        spans = fit.characters(quote.spans)
        assert spans is not None, "the reading fits all mentions"
        draft.mention(name, *spans, type=type_, where=quote.where.rpartition(": ")[0])
        if cuts_a_word(spans, text=fit.text) and max(fit.text[: spans[0][0]], default="") > "\uffff":
            shifted.append(title)
    _relate(draft, found, declared=_declared(text, folder=folder))
    return draft


def _readings(text: str) -> Iterator[Reading]:
    """Yield the readings of offsets: with and without a byte order mark, line ends of two characters or one."""
    marks = (text, text[1:]) if text.startswith("\ufeff") else (text,)
    for each in marks:
        yield from readings_of(each)
        if "\r\n" in each:
            yield from readings_of(each.replace("\r\n", "\n"))


def _relate(draft: Draft, found: Annotations, *, declared: _Declared) -> None:
    """Add groups and relations, whose ends may be events."""

    def mention(name: str, *, where: str) -> str:
        seen: set[str] = set()
        while name in found.triggers and name not in seen:
            seen.add(name)
            name = found.triggers[name]
        if not draft.has(name):
            raise AtlopError(f"{where} names {name}, which the file does not have; fix or remove it")
        return name

    sets = [[mention(name, where=where) for name in names] for where, names in found.equivalences]
    named: dict[str, str] = {}
    for where, name, identifier in found.identifiers:
        if identifier.rpartition(":")[2].lower() not in _NO_IDENTIFIER:
            key = mention(name, where=where)
            draft.left_out["further identifiers"] += named.setdefault(key, identifier) != identifier
    for identifier in dict.fromkeys(named.values()):
        sets.append([name for name in named if named[name] == identifier])
    facts = []
    for where, relation, ends in found.relations:
        order = declared.roles.get(relation, [])
        if len(ends) != 2:
            draft.skipped_relations += 1
            continue
        if {"arg1", "arg2"} == {role for role, _ in ends}:
            ends = sorted(ends)
        elif all(role in order for role, _ in ends):
            ends = sorted(ends, key=lambda end: order.index(end[0]))
        subject, object_ = (mention(name, where=where) for _, name in ends)
        if relation in declared.equivalences:
            sets.append([subject, object_])
        else:
            facts.append((subject, object_, relation, where))
    for keys in merged_sets(sets):
        identifiers = [named[key] for key in keys if key in named]
        draft.group(keys, identifier=identifiers[0] if identifiers else None)
    for subject, object_, relation, where in facts:
        draft.relate(subject, object_, relation, where=where)
        if relation in declared.symmetric:
            draft.relate(object_, subject, relation, where=where)
