"""The DocRED format: one JSON list of documents; also that of Re-DocRED and of DWIE's edition for them."""

from atlop.corpora.formats.docred.downloads import DOWNLOADS
from atlop.corpora.formats.docred.reader import read_docred
from atlop.corpora.formats.docred.writer import write_docred
from atlop.corpora.formats.format import Format

DOCRED = Format(
    "docred",
    read=read_docred,
    write=write_docred,
    matches=lambda start: start.first_byte == b"[",  # submissions, lists of facts, are recognised before
    description='a JSON list of documents with "sents" and "vertexSet"',
    downloads=DOWNLOADS,
)
