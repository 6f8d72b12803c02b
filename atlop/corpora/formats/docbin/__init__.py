"""spaCy's DocBin, with relations as in its project `rel_component`."""

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.docbin.reader import read_docbin
from atlop.corpora.formats.docbin.writer import write_docbin
from atlop.corpora.formats.format import Format

_SUFFIX = ".spacy"
_ZLIB = b"\x78"


def _matches(start: FileStart) -> bool:
    return start.path.name.removesuffix(".gz").endswith(_SUFFIX) and start.first_byte == _ZLIB


DOCBIN = Format(
    "docbin",
    read=read_docbin,
    write=write_docbin,
    matches=_matches,
    description="spaCy's DocBin (.spacy)",
    suffix=_SUFFIX,
    for_annotators=True,
)
