"""DocRED format: one JSON list of documents; Re-DocRED and DWIE's DocRED-format version have it too."""

from atlop.corpora.formats.docred.downloads import DOWNLOADS
from atlop.corpora.formats.docred.reader import read_docred
from atlop.corpora.formats.docred.writer import write_docred
from atlop.corpora.formats.format import Format

DOCRED = Format(
    "docred",
    read=read_docred,
    write=write_docred,
    matches=lambda start: start.first_byte == b"[",  # submissions, which are lists too, are recognised first
    description='a JSON list of documents with "sents" and "vertexSet"',
    downloads=DOWNLOADS,
)
