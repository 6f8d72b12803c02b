"""PubTator format: BioCreative V CDR and BioRED as released, and other corpora by a scheme."""

import re
from functools import partial
from itertools import islice

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.formats.pubtator.lines import is_mention, is_relation
from atlop.corpora.formats.pubtator.reader import read_pubtator
from atlop.corpora.formats.pubtator.scheme import find_scheme, load_scheme
from atlop.corpora.formats.pubtator.writer import write_pubtator

SCHEME_PREFIX = "pubtator:"
"""Prefix of format names that continue with the path of a scheme."""

_FIRST_LINE = re.compile(rb"[^|\t]+\|[ta]\|")
_MAX_DOCUMENTS = 20  # at the start of a file, to search for types and relations
_CDR_NAMES = frozenset({"Chemical", "Disease", "CID"})
_BIORED_NAMES = frozenset(
    (
        *("GeneOrGeneProduct", "DiseaseOrPhenotypicFeature", "ChemicalEntity"),
        *("OrganismTaxon", "SequenceVariant", "CellLine"),
        *("Association", "Positive_Correlation", "Negative_Correlation", "Bind"),
        *("Cotreatment", "Comparison", "Drug_Interaction", "Conversion"),
    )
)


def is_pubtator(start: FileStart) -> bool:
    """Whether the first line is a PubTator title or abstract."""
    return _FIRST_LINE.match(start.first_line) is not None


def types_and_relations(start: FileStart) -> frozenset[str]:
    """Return the entity types (fifth column) and relations (second column) of a file's first 20 documents."""
    found: set[str] = set()
    documents = 0
    for line in islice(start.lines(), 1, None):
        columns = line.decode(errors="replace").split("\t")
        if is_mention(columns):
            found.add(columns[4])
        elif is_relation(columns):
            found.add(columns[1])
        elif not columns[0]:
            documents += 1
        if documents == _MAX_DOCUMENTS:
            break
    return frozenset(found)


def _has_only(start: FileStart, *, names: frozenset[str]) -> bool:
    return is_pubtator(start) and frozenset() < types_and_relations(start) <= names


def scheme_format(name: str) -> Format:
    """Return the format that a scheme describes.

    Args:
        name: `SCHEME_PREFIX`, then the path of a scheme or the name of a shipped one.

    Raises:
        AtlopError: There is no such scheme, or it is not valid.
    """
    path = find_scheme(name.removeprefix(SCHEME_PREFIX))
    scheme = load_scheme(path)
    files = (path,) if scheme.ancestors is None else (path, scheme.ancestors)
    return Format(
        name,
        read=partial(read_pubtator, scheme=scheme),
        write=partial(write_pubtator, scheme=scheme),
        extra_files=lambda _: files,
    )


CDR = Format(
    "cdr",
    read=partial(read_pubtator, scheme="cdr"),
    write=partial(write_pubtator, scheme="cdr"),
    matches=partial(_has_only, names=_CDR_NAMES),
    description='PubTator with the types "Chemical" and "Disease"',
)
BIORED = Format(
    "biored",
    read=partial(read_pubtator, scheme="biored"),
    write=partial(write_pubtator, scheme="biored"),
    matches=partial(_has_only, names=_BIORED_NAMES),
    description="PubTator with BioRED's types and relations",
)
