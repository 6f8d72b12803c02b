"""Read WebAnno TSV 3, of INCEpTION and WebAnno: a file, or a folder of files; titles are the names of the files.

Entities are the spans of the layers that relations join; chains group them, and so do equal identifiers. A relation
stands in the row of its object and names the row of its subject: `1-4[1_2]`, annotation 1 there and 2 here.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from atlop.corpora.formats.webanno.lines import Layer, Parsed, Row, parse_lines, read_text
from atlop.corpora.issues import IssueCollector
from atlop.corpora.standoff import Draft, Group, Key, PlainText, read_drafts
from atlop.errors import AtlopError
from atlop.files import files_below
from atlop.json_values import abbreviated
from atlop.schema import Document, Span

_LINK = re.compile(r".*->(\d+)-(\d+)", re.DOTALL)
_NO_LABEL = re.compile(r"true|false|-?\d+(?:\.\d+)?", re.IGNORECASE)
_WORD_LAYERS = (".Lemma", ".POS", ".Stem", ".MorphologicalFeatures", ".Token")


def read_webanno(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the document of each file.

    Raises:
        AtlopError: There is no file, or one is invalid and `issues` is strict.
    """
    files = tsv_files(path) if path.is_dir() else [path]
    if not files:
        raise AtlopError(f"{path}: expected a folder with files of WebAnno TSV 3 (.tsv); found none")
    facts = loops = 0
    for document in read_drafts((partial(_draft, file, folder=path) for file in files), issues=issues):
        facts += len(document.facts or ())
        loops += sum(fact.subject == fact.object for fact in document.facts or ())
        yield document
    if loops > facts / 2:
        issues.add_hint(
            f"{loops:,} of {facts:,} facts go from an entity to itself, as old versions wrongly exported them"
        )


def tsv_files(folder: Path) -> list[Path]:
    """Return the files of WebAnno TSV in a folder."""
    return [file for file in files_below(folder) if file.suffix == ".tsv"]


def _draft(file: Path, *, folder: Path) -> Draft:
    found, where = parse_lines(file), str(file)
    title = (Path(file.name) if file == folder else file.relative_to(folder)).with_suffix("").as_posix()
    fit = read_text(found, where=where)
    characters = {row.number: span for row in found.rows for span in fit.characters((row.span,)) or ()}
    rows = [row for row in found.rows if "." not in row.number]
    words = tuple(characters[row.number] for row in rows)
    for row, (_, end), (start, _) in zip(rows[1:], words, words[1:], strict=False):
        if start < end:
            raise AtlopError(f"{row.where}: word {row.number} or the one before it stands twice, or out of its order")
    starts = tuple(characters[found.rows[first].number][0] for _, first in found.sentences[1:])
    relations = [layer for layer in found.layers if layer.kind == "relation"]
    joining = [layer for layer in relations if not layer.base.endswith(".Token")]
    content = PlainText(fit.text, words=words, starts=starts)
    draft = Draft(title, content, where, noun="annotation", labelled=bool(joining))
    mentions = _Mentions(draft, found, _entity_layers(found, joining, where=where), characters=characters)
    chains = _chains(draft, found, mentions, characters=characters)
    for row in found.rows:
        for layer in relations:
            if layer not in joining:
                draft.left_out["relations between words"] += len(layer.cells(row)[layer.features[-1]])
                continue
            for label, *ends in _relations(layer, row):
                found_keys = [mentions.keys.get(end, f"{end[1]}[{end[2]}]") for end in ends]
                subject, object_ = (chains.get(key, key) for key in found_keys)
                draft.relate(subject, object_, label, where=f"{row.where}: the relation {abbreviated(label)}")
    return draft


def _entity_layers(found: Parsed, joining: list[Layer], *, where: str) -> list[Layer]:
    spans = [layer for layer in found.layers if layer.kind == "span" and not layer.name.endswith(_WORD_LAYERS)]
    bases = {layer.base for layer in joining}
    named = [layer for layer in spans if (layer.name in bases if bases else layer.name.endswith(".NamedEntity"))]
    if named or len(spans) < 2:
        return named or spans
    raise AtlopError(f"{where}: cannot tell which layer has the entities: {', '.join(layer.name for layer in spans)}")


class _Mentions:
    """The annotations of some layers as mentions of a draft."""

    def __init__(self, draft: Draft, found: Parsed, layers: list[Layer], *, characters: dict[str, Span]):
        """Add them; `characters` are those of each row."""
        self.keys: dict[tuple[str, str, str], Key] = {}
        """Mention at each layer, row and number."""
        self.by_span: dict[Span, Key] = {}
        self.identifiers: dict[Key, str] = {}
        parts: dict[Key, tuple[list[Span], dict[str, str], str]] = {}
        for row in found.rows:
            for layer in layers:
                for index, (number, features) in enumerate(layer.annotations(row)):
                    key: Key = (layer.name, number) if number else (layer.name, row.number, index)
                    parts.setdefault(key, ([], features, row.where))[0].append(characters[row.number])
                    self.keys.setdefault((layer.name, row.number, number or "0"), key)
        for key, (spans, features, where) in parts.items():
            span = min(start for start, _ in spans), max(end for _, end in spans)
            draft.mention(key, span, type=_label(features), where=where, label="the annotation")
            self.by_span.setdefault(span, key)
            if identifier := features.get("identifier"):
                self.identifiers[key] = identifier


def _label(features: dict[str, str]) -> str:
    """Return the value of `label` or `value`, else the first that is neither number nor boolean."""
    named = [features.get("label", ""), features.get("value", "")]
    named += [value for name, value in features.items() if name != "identifier" and not name.startswith("BT_")]
    return next((value for value in named if value and not _NO_LABEL.fullmatch(value)), "")


def _chains(draft: Draft, found: Parsed, mentions: _Mentions, *, characters: dict[str, Span]) -> dict[Key, Group]:
    """Group the mentions of each chain, and other ones with the same identifier; return the first group of each.

    A link at no mention is a mention without a type.
    """
    links: dict[tuple[str, int, int], list[Span]] = defaultdict(list)
    for row in found.rows:
        for layer in found.layers:
            for value, _ in [item for items in layer.cells(row).values() for item in items if layer.kind == "chain"]:
                if (link := _LINK.fullmatch(value)) is not None:
                    links[layer.name, int(link[1]), int(link[2])].append(characters[row.number])
    members: dict[Key, list[Key]] = defaultdict(list)
    for (layer_name, chain, _), spans in sorted(links.items()):
        span = min(start for start, _ in spans), max(end for _, end in spans)
        if span not in mentions.by_span:
            draft.mention(span, span)
            mentions.by_span[span] = span
        members[layer_name, chain].append(mentions.by_span[span])
    in_chains = {key for keys in members.values() for key in keys}
    for key, identifier in mentions.identifiers.items():
        if key not in in_chains:
            members[identifier].append(key)
    first: dict[Key, Group] = {}
    for keys in members.values():
        named = [mentions.identifiers[key] for key in keys if key in mentions.identifiers]
        group = draft.group(keys, identifier=named[0] if named else None)
        for key in keys:
            first.setdefault(key, group)
    return first


def _relations(layer: Layer, row: Row) -> Iterator[tuple[str, tuple[str, str, str], tuple[str, str, str]]]:
    """Yield the name of each relation that ends in a row, and layer, row and number of its subject and its object."""
    cells = layer.cells(row)
    for index, (source, numbers) in enumerate(cells[layer.features[-1]]):
        features = {name: items[index][0] for name, items in cells.items() if index < len(items)}
        subject, _, object_ = numbers.partition("_")
        label = _label(features) or layer.name.rpartition(".")[2]
        yield label, (layer.base, source, subject or "0"), (layer.base, row.number, object_ or "0")
