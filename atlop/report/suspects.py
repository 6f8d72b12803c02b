"""The page of suspect labels: facts that teachers deny or assert against the labels, with their text."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from atlop.pages import render
from atlop.schema import Document

PAGE = Path(__file__).parent / "page" / "suspects.html"
STYLES = ("base.css", "suspects.css")
SCRIPTS = ("elements.js", "header.js")


def render_suspects(
    suspects: Mapping[str, Any], *, documents: Sequence[Document], names: Mapping[str, str], title: str
) -> str:
    """Return the page as HTML.

    Args:
        suspects: What `atlop suspects --json` prints.
        documents: The documents of its corpus.
        names: Readable names of relations.
        title: Title of the page.
    """
    shown = {
        kind: [_shown(suspect, document=documents[suspect["document"]], names=names) for suspect in suspects[kind]]
        for kind in ("denied", "asserted")
    }
    page = render(PAGE, title=title, styles=STYLES, scripts=SCRIPTS, **{**suspects, **shown})
    return page.encode(errors="replace").decode()  # a corpus may have lone surrogates


def _shown(suspect: Mapping[str, Any], *, document: Document, names: Mapping[str, str]) -> dict[str, Any]:
    relations = {
        kind: [names.get(relation, relation) for relation in suspect[kind]] for kind in ("labelled", "asserted")
    }
    return {**suspect, **relations, "sentences": list(_sentences(suspect, document=document))}


def _sentences(suspect: Mapping[str, Any], *, document: Document) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield the index of each sentence of a suspect, and its text in parts, each with whose mention it is."""
    mentions = [
        (mention, owner)
        for owner in ("subject", "object")
        for mention in document.entities[suspect[owner]["entity"]].mentions
    ]
    mentions.sort(key=lambda each: each[0].start - each[0].end)  # of mentions that overlap, the shorter is marked last
    for index in (sentence["sentence"] for sentence in suspect["sentences"]):
        words = document.sentences[index]
        owners = [""] * len(words)
        for mention, owner in mentions:
            if mention.sentence == index:
                owners[mention.start : mention.end] = [owner] * (mention.end - mention.start)
        parts = groupby(zip(owners, words, strict=True), key=itemgetter(0))
        yield index, [(owner, " ".join(word for _, word in part)) for owner, part in parts]
