"""Prodigy's examples with relations (`rel.manual`), and UBIAI's export, which looks alike.

Prodigy has one object a line: `text`, `tokens`, `spans`, `relations` and, once annotated, `answer`. `start` and `end`
are characters, `token_start` and `token_end` tokens, both inclusive. A relation goes from `head` to `child`: the last
tokens of two spans, or tokens that no span ends at, which become mentions without a type. UBIAI has a list of
`document`, `tokens` (its spans) and `relations`, whose `head` and `child` are first tokens.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from atlop.corpora.formats.format import Format
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_records import read_records
from atlop.corpora.standoff import Draft, PlainText, read_drafts
from atlop.corpora.text.offset_units import Quote, Reading, fitting_reading, readings_of
from atlop.errors import AtlopError
from atlop.json_values import abbreviated, expect, field, optional
from atlop.schema import Document, Span

_MARKS = frozenset({"tokens", "_task_hash", "answer"})
"""Keys beside `spans` by which examples are recognised."""


def read_prodigy(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the document of each accepted example.

    Raises:
        AtlopError: The file cannot be read, or an example is invalid and `issues` is strict.
    """
    records = read_records(path, keys='"text", "tokens" and "spans"', issues=issues)
    examples = (partial(_example, record, name=name, path=path, issues=issues) for name, record in records)
    return read_drafts(examples, issues=issues)


def read_ubiai(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a list.

    Raises:
        AtlopError: The file cannot be read, or a document is invalid and `issues` is strict.
    """
    records = read_records(path, keys='"document", "tokens" and "relations"', issues=issues)
    return read_drafts((partial(_ubiai, record, name=name, path=path) for name, record in records), issues=issues)


class _Spans:
    """The spans of an example as mentions, found by their characters."""

    def __init__(self, draft: Draft, items: list[dict[str, Any]], *, fit: Reading, label: str):
        """Add the spans, whose type stands under the key `label`."""
        self._draft = draft
        self._keys: dict[Span, dict[object, object]] = {}
        """Mention of each span by its label."""
        for index, item in enumerate(items):
            where = f"{draft.where}: span {index}"
            span, type_ = characters_of(item, fit=fit, where=where), optional(item, label, str, where=where)
            draft.mention(index, span, type=type_ or "")
            self._keys.setdefault(span, {}).setdefault(type_, index)

    def ends(self) -> dict[int, Span]:
        """Return a span for each character that spans end at, the first if there are several."""
        return {span[1]: span for span in reversed(self._keys)}

    def find(self, span: Span, label: object, *, where: str) -> object:
        """Return the mention at a span; a new one without a type if there is none.

        Raises:
            AtlopError: It has a label, but there is no span with it.
        """
        labels = self._keys.setdefault(span, {})
        if label is None and not labels:
            key = f"at {span[0]} to {span[1]}"
            self._draft.mention(key, span)
            labels[None] = key
        if label is not None and label not in labels:
            raise AtlopError(
                f"{where} names {abbreviated(label)} at characters {span[0]} to {span[1]}, which is none of the spans"
            )
        return labels[label] if label in labels else next(iter(labels.values()))


def _example(record: dict[str, Any], *, name: str, path: Path, issues: IssueCollector) -> Draft | None:
    where = f"{path}, {name}"
    answer = optional(record, "answer", str, where=where)
    if answer not in (None, "accept"):
        issues.add_left_out({f'examples with the answer "{answer}"': 1})
        return None
    text = field(record, "text", str, where=where)
    tokens, items = (_items(record, key, where=where) for key in ("tokens", "spans"))
    quotes = [_quote(item, where=f"{where}: token {index}") for index, item in enumerate(tokens)]
    quotes += [_quote(item, where=f"{where}: span {index}") for index, item in enumerate(items)]
    fit = fitting_reading(readings_of(text), quotes=quotes)
    words = tuple(characters_of(item, fit=fit, where=where) for item in tokens)
    if any(before[1] > after[0] for before, after in pairwise(words)):
        raise AtlopError(f"{where}: its tokens overlap or are not in the order of the text; expected Prodigy's tokens")
    draft = Draft(name, PlainText(text, words=words or None), where, noun="span", labelled="relations" in record)
    spans = _Spans(draft, items, fit=fit, label="label")
    for index, item in enumerate(items):
        _check_tokens(item, words, fit=fit, where=f"{where}: span {index}")
    ends = spans.ends()
    for index, item in enumerate(_items(record, "relations", where=where)):
        location = f"{where}: relation {index}"
        mentions = []
        for role in ("head", "child"):
            if (given := optional(item, f"{role}_span", dict, where=location)) is not None:
                span = characters_of(given, fit=fit, where=location)
                label = optional(given, "label", str, where=location)
                mentions.append(spans.find(span, label, where=location))
            else:
                word = _word(item, role, words, where=location)
                mentions.append(spans.find(ends.get(word[1], word), None, where=location))
        draft.relate(mentions[0], mentions[1], field(item, "label", str, where=location), where=location)
    return draft


def _ubiai(record: dict[str, Any], *, name: str, path: Path) -> Draft:
    where = f"{path}, {name}"
    text = field(record, "document", str, where=where)
    items = _items(record, "tokens", where=where)
    quotes = [_quote(item, where=f"{where}: span {index}") for index, item in enumerate(items)]
    fit = fitting_reading(readings_of(text), quotes=quotes)
    draft = Draft(name, PlainText(text), where, noun="span", labelled="relations" in record)
    spans = _Spans(draft, items, fit=fit, label="entityLabel")
    starts = {optional(item, "token_start", int, where=where): item for item in reversed(items)}
    for index, item in enumerate(_items(record, "relations", where=where)):
        location = f"{where}: relation {index}"
        mentions = []
        for role in ("head", "child"):
            token = field(item, role, int, where=location)
            if token not in starts:
                raise AtlopError(f"{location} names token {token} as {role}, at which no span begins")
            span = characters_of(starts[token], fit=fit, where=location)
            mentions.append(spans.find(span, starts[token].get("entityLabel"), where=location))
        draft.relate(mentions[0], mentions[1], field(item, "relationLabel", str, where=location), where=location)
    return draft


def _items(record: dict[str, Any], key: str, *, where: str) -> list[dict[str, Any]]:
    return [expect(item, dict, where=f'{where}, "{key}"') for item in optional(record, key, list, where=where) or []]


def _quote(item: dict[str, Any], *, where: str) -> Quote:
    span = field(item, "start", int, where=where), field(item, "end", int, where=where)
    return Quote((span,), optional(item, "text", str, where=where), where)


def characters_of(item: dict[str, Any], *, fit: Reading, where: str) -> Span:
    """Return the characters of a token or span.

    Raises:
        AtlopError: It exceeds the text.
    """
    quote = _quote(item, where=where)
    found = fit.characters(quote.spans)
    if found is None:
        raise AtlopError(f"{where}: is at {quote.spans[0]}, outside the text, which has {len(fit.text)} characters")
    return found[0]


def _check_tokens(item: dict[str, Any], words: tuple[Span, ...], *, fit: Reading, where: str) -> None:
    """Check that a span begins and ends at its tokens, where it names them."""
    span = characters_of(item, fit=fit, where=where)
    for key, side in (("token_start", 0), ("token_end", 1)):
        token = optional(item, key, int, where=where)
        if token is not None and words and not (0 <= token < len(words) and words[token][side] == span[side]):
            raise AtlopError(
                f'{where}: its "{key}" is {token}, but no such token {("starts", "ends")[side]} at character '
                f"{span[side]}"
            )


def _word(item: dict[str, Any], role: str, words: tuple[Span, ...], *, where: str) -> Span:
    token = field(item, role, int, where=where)
    if not 0 <= token < len(words):
        raise AtlopError(f"{where} names token {token} as {role}, but the example has {len(words)} tokens")
    return words[token]


PRODIGY = Format(
    "prodigy",
    read=read_prodigy,
    matches=lambda start: "spans" in start.json_keys and not _MARKS.isdisjoint(start.json_keys),
    description='Prodigy\'s examples: objects with "text", "tokens" and "spans"',
)
UBIAI = Format(
    "ubiai",
    read=read_ubiai,
    matches=lambda start: {"document", "tokens"} <= set(start.json_keys),
    description='UBIAI\'s export: a list of objects with "document", "tokens" and "relations"',
)
