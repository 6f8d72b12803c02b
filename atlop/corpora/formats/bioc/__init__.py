"""BioC: XML and JSON of NCBI, BioCreative and PubTator."""

import re

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.bioc.reader import read_bioc
from atlop.corpora.formats.format import Format

_COLLECTION = re.compile(rb"<collection[\s>]")


def _matches(start: FileStart) -> bool:
    if start.first_byte == b"<":
        return _COLLECTION.search(start.head) is not None
    keys = start.json_keys
    return "PubTator3" in keys or "documents" in keys or {"id", "passages"} <= set(keys)


BIOC = Format(
    "bioc",
    read=read_bioc,
    matches=_matches,
    description='BioC: XML with a "collection", or JSON with "documents" (or "PubTator3")',
)
