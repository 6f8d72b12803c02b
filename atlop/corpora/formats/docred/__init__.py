"""DocRED format: documents in one JSON list or one a line; Re-DocRED and DWIE's DocRED-format version have it too."""

from atlop.corpora.formats.docred.downloads import DOWNLOADS
from atlop.corpora.formats.docred.reader import is_docred, read_docred
from atlop.corpora.formats.docred.writer import write_docred
from atlop.corpora.formats.format import Format
from atlop.corpora.vocabulary import NEGATIVE_LABEL

DOCRED = Format(
    "docred",
    read=read_docred,
    write=write_docred,
    matches=is_docred,
    description='JSON documents with "sents" and "vertexSet", in a list or one a line',
    negative=NEGATIVE_LABEL,
    downloads=DOWNLOADS,
)
