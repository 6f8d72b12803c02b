"""Write brat's standoff format: a folder with a text and its annotations for each document."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from atlop.corpora.formats.brat.lines import NO_TYPE
from atlop.corpora.losses import ConversionLoss, ConversionLosses, annotation_losses
from atlop.corpora.text.annotation import AnnotatedText, annotated_text
from atlop.corpora.text.character_spans import mention_text
from atlop.corpora.text.offset_units import one_line
from atlop.errors import AtlopError
from atlop.files import atomic_folder
from atlop.schema import Document

_NAME = re.compile(r"[^\s<>:\"/\\|?*\x00-\x1f][^<>:\"/\\|?*\x00-\x1f]{0,99}")
_NO_TOKEN = re.compile(r"\s+")


def write_brat(path: Path, *, documents: Iterable[Document]) -> ConversionLosses:
    """Write a folder, all or nothing; documents are named by their titles, whose slashes make folders.

    Mentions of one entity are joined by `Equiv`, and each fact is a relation between the two nearest mentions of its
    entities. A document without labels has no file of annotations, unless it has mentions.

    Returns:
        Counts of what the format cannot store.

    Raises:
        AtlopError: A title is no file name, or repeats; or a document contains a lone surrogate.
    """
    losses, names = ConversionLosses(), set[str]()
    with atomic_folder(path) as folder:
        for index, document in enumerate(documents):
            where = f'{path}, document {index} ("{document.title}")'
            parts = document.title.split("/")
            if not all(_NAME.fullmatch(part) and part.strip(". ") for part in parts) or len(parts) > 20:
                raise AtlopError(f"{where}: its title is no name of a file; rename the document")
            if document.title.casefold() in names:
                raise AtlopError(f"{where}: its title repeats, so its file would be lost; rename the document")
            names.add(document.title.casefold())
            annotated = annotated_text(document, where=where)
            lines = list(_lines(document, annotated))
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _with_suffix(target, ".txt").write_bytes(annotated.text.encode())
                if lines or document.facts is not None:
                    _with_suffix(target, ".ann").write_bytes("".join(f"{line}\n" for line in lines).encode())
            except UnicodeEncodeError:
                raise AtlopError(f"{where}: has a lone surrogate, which is not a character; fix the document") from None
            losses.update(annotation_losses(document))
            losses[ConversionLoss.WORDS] += 1
            losses[ConversionLoss.NAME] += sum(_token(name) != (name or NO_TYPE) for name in _names(document))
            losses[ConversionLoss.UNDIRECTED] += not document.directed
            losses[ConversionLoss.UNLABELLED] += document.facts is None and bool(lines)
            losses[ConversionLoss.IDENTIFIER] += sum(
                entity.identifier is not None and not _is_reference(entity.identifier) for entity in document.entities
            )
    return +losses


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)  # a title may have dots


def _lines(document: Document, annotated: AnnotatedText) -> Iterator[str]:
    ids = {mention: f"T{number}" for number, mention in enumerate(annotated.mentions, start=1)}
    for mention, spans in annotated.mentions.items():
        offsets = ";".join(f"{start} {end}" for start, end in spans)
        type_ = document.entities[mention[0]].mentions[mention[1]].type
        yield f"{ids[mention]}\t{_token(type_)} {offsets}\t{one_line(mention_text(spans, text=annotated.text))}"
    for index, entity in enumerate(document.entities):
        if len(entity.mentions) > 1:
            yield "*\tEquiv " + " ".join(ids[index, number] for number in range(len(entity.mentions)))
    for number, (subject, object_, fact) in enumerate(annotated.relations, start=1):
        yield f"R{number}\t{_token(fact.relation)} Arg1:{ids[subject]} Arg2:{ids[object_]}\t"
    number = 0
    for index, entity in enumerate(document.entities):
        if entity.identifier is not None and _is_reference(entity.identifier):
            number += 1
            yield f"N{number}\tReference {ids[index, 0]} {entity.identifier}\t{one_line(entity.name)}"


def _names(document: Document) -> Iterator[str]:
    """Yield the type of each mention and the relation of each fact."""
    yield from (mention.type for entity in document.entities for mention in entity.mentions)
    yield from (fact.relation for fact in document.facts or ())


def _token(name: str) -> str:
    """Return the name of a type or relation without space, which parts the columns of a line."""
    return _NO_TOKEN.sub("_", name) or NO_TYPE


def _is_reference(identifier: str) -> bool:
    """Whether an identifier is one of a database, as `Wikidata:Q64`, which brat needs."""
    return re.fullmatch(r"[^\s:]+:\S+", identifier) is not None
