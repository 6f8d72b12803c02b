"""Write spaCy's DocBin with relations, for training with its project `rel_component`."""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from atlop.corpora.formats.docbin.reader import RELATIONS
from atlop.corpora.losses import ConversionLoss, ConversionLosses, annotation_losses
from atlop.corpora.text.annotation import MentionIndex, annotated_text, text_and_offsets
from atlop.errors import AtlopError
from atlop.files import atomic_path
from atlop.schema import Document


def write_docbin(path: Path, *, documents: Iterable[Document]) -> ConversionLosses:
    """Write a file, all or nothing; each mention is an entity of spaCy, which do not overlap.

    Each fact is a relation between the two nearest mentions of its entities; all pairs of mentions are listed with the
    value of each relation, as `rel_component` needs it.

    Returns:
        Counts of what the format cannot store.

    Raises:
        AtlopError: spaCy is not installed, or a document contains a lone surrogate.
    """
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError:
        raise AtlopError(f"{path}: writing spaCy's files needs spaCy: pip install 'atlop[spacy]'") from None
    losses, vocab = ConversionLosses(), spacy.blank("xx").vocab
    kept = list(documents)
    labels = sorted({fact.relation for document in kept for fact in document.facts or ()})
    store = DocBin(store_user_data=True)
    for index, document in enumerate(kept):
        where = f'{path}, document {index} ("{document.title}")'
        try:
            store.add(_doc(document, vocab=vocab, labels=labels, losses=losses, where=where))
        except UnicodeEncodeError:
            raise AtlopError(f"{where}: has a lone surrogate, which is not a character; fix the document") from None
        losses.update(annotation_losses(document))
        losses[ConversionLoss.IDENTIFIER] += sum(entity.identifier is not None for entity in document.entities)
        losses[ConversionLoss.GROUP] += sum(len(entity.mentions) > 1 for entity in document.entities)
    with atomic_path(path) as temporary:
        data = store.to_bytes()
        temporary.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return +losses


def _doc(document: Document, *, vocab: Any, labels: list[str], losses: ConversionLosses, where: str) -> Any:
    from spacy.tokens import Doc
    from spacy.util import filter_spans

    words = list(_words(document))
    doc = Doc(
        vocab,
        words=[word.text for word in words],
        spaces=[word.has_space for word in words],
        sent_starts=[word.starts_sentence for word in words],
    )
    annotated = annotated_text(document, where=where)
    mentions: dict[Any, MentionIndex] = {}
    for mention, spans in annotated.mentions.items():
        type_ = document.entities[mention[0]].mentions[mention[1]].type
        # Entities without a label are none to spaCy.
        span = doc.char_span(spans[0][0], spans[-1][1], label=type_ or "Entity", alignment_mode="expand")
        mentions.setdefault(span, mention)
        losses[ConversionLoss.DISCONTINUOUS] += len(spans) > 1
        losses[ConversionLoss.NAME] += not type_
    doc.ents = filter_spans(list(mentions))
    losses[ConversionLoss.OVERLAP] += len(annotated.mentions) - len(doc.ents)
    first_words = {mentions[ent]: ent.start for ent in doc.ents}
    if document.facts is not None:
        relations = {pair: dict.fromkeys(labels, 0.0) for pair in permutations(sorted(first_words.values()), 2)}
        for subject, object_, fact in annotated.relations:
            if subject in first_words and object_ in first_words:
                pair = first_words[subject], first_words[object_]
                for each_way in (pair,) if document.directed else (pair, pair[::-1]):
                    relations[each_way][fact.relation] = 1.0
        doc.user_data[RELATIONS] = relations
    return doc


@dataclass
class _Word:
    """A word of spaCy; space other than one after a word is a word too."""

    text: str
    has_space: bool = False
    starts_sentence: bool | int | None = False


def _words(document: Document) -> Iterator[_Word]:
    text, offsets = text_and_offsets(document)
    latest = None
    end = 0
    bounds = [
        (*span, not number)
        for words in offsets
        for number, span in enumerate(span for span in words if span[0] < span[1])
    ]
    for first, last, starts_sentence in [*bounds, (len(text), len(text), False)]:
        gap = text[end:first]
        if latest is not None:
            latest.has_space = gap.startswith(" ")
            yield latest
            gap = gap.removeprefix(" ")
        if gap:
            yield _Word(gap)
        latest, end = _Word(text[first:last], starts_sentence=starts_sentence), last
