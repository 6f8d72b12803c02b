"""Read spaCy's DocBin with relations, as its project `rel_component` stores them.

`doc.ents` are the mentions, each an entity. `doc._.rel` has a value for each label of each pair of first words; values
above 0.5 are facts.
"""

import zlib
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from atlop.corpora.issues import IssueCollector
from atlop.corpora.standoff import Content, Draft, PlainText, PlainWords, read_drafts
from atlop.errors import AtlopError, reason_for
from atlop.files import max_unpacked_bytes, opened
from atlop.json_values import abbreviated
from atlop.schema import Document

RELATIONS: Any = ("._.", "rel", None, None)
"""Key of the extension attribute `rel` among the data of a document."""
_THRESHOLD = 0.5


def read_docbin(path: Path, *, issues: IssueCollector) -> Iterator[Document]:
    """Yield the documents of a file.

    Raises:
        AtlopError: spaCy is not installed, the file cannot be read, or a document is invalid and `issues` is strict.
    """
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError:
        raise AtlopError(f"{path}: reading spaCy's files needs spaCy: pip install 'atlop[spacy]'") from None
    with opened(path) as file:
        data = file.read()
    limit = max_unpacked_bytes(len(data))
    try:
        if len(zlib.decompressobj().decompress(data, limit + 1)) > limit:
            raise AtlopError(
                f"{path}: its {len(data):,} bytes unpack to more than {limit:,}, which is unusual for texts"
            )
        docs = list(DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab))
    except AtlopError:
        raise
    except Exception as error:  # spaCy, msgpack and zlib raise many types
        raise AtlopError(f"{path}: cannot be read as spaCy's DocBin ({reason_for(error)})") from None
    if docs and not any(RELATIONS in doc.user_data for doc in docs):
        issues.add_hint(
            "has no relations, so no document counts as labelled: it is for named entities, or was written without "
            "DocBin(store_user_data=True)"
        )
    yield from read_drafts(
        (partial(_draft, doc, index=index, path=path) for index, doc in enumerate(docs)), issues=issues
    )


def _draft(doc: Any, *, index: int, path: Path) -> Draft:
    where = f"{path}, document {index}"
    relations = doc.user_data.get(RELATIONS)
    draft = Draft(f"document {index}", _content(doc), where, labelled=relations is not None)
    first_words = {}
    for number, ent in enumerate(doc.ents):
        has_text = isinstance(draft.content, PlainText)
        span = (ent.start_char, ent.end_char) if has_text else (ent.start, ent.end)
        draft.mention(number, span, type=ent.label_)
        first_words[ent.start] = number
    if relations is not None and not isinstance(relations, dict):
        raise AtlopError(
            f"{where}: doc._.rel is {abbreviated(relations)}; expected labels and values for pairs of words"
        )
    for pair, values in (relations or {}).items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(values, dict)):
            raise AtlopError(
                f"{where}: doc._.rel has the key {abbreviated(pair)}; expected the first words of two entities"
            )
        for label, value in values.items():
            if not (isinstance(label, str) and isinstance(value, int | float) and value > _THRESHOLD):
                continue
            for word in pair:
                if word not in first_words:
                    raise AtlopError(f"{where}: doc._.rel names word {abbreviated(word)}, at which no entity begins")
            draft.relate(first_words[pair[0]], first_words[pair[1]], label)
    return draft


def _content(doc: Any) -> Content:
    """Return the text with spaCy's words and sentences; words alone if their spaces are not known."""
    starts = tuple(sent.start for sent in doc.sents)[1:] if doc.has_annotation("SENT_START") else None
    if not doc.has_unknown_spaces:
        words = tuple((token.idx, token.idx + len(token)) for token in doc)
        return PlainText(doc.text, words=words, starts=None if starts is None else tuple(doc[s].idx for s in starts))
    bounds = pairwise([0, *(starts or ()), len(doc)])
    return PlainWords(tuple(tuple(doc[index].text for index in range(first, end)) for first, end in bounds))
