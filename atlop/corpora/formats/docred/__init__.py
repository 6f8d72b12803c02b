"""DocRED format: documents in one JSON list or one a line; Re-DocRED and DWIE's DocRED-format version have it too."""

from atlop.corpora.formats.docred.columns import has_columns, read_docred_columns
from atlop.corpora.formats.docred.downloads import DOWNLOADS
from atlop.corpora.formats.docred.reader import read_docred
from atlop.corpora.formats.docred.writer import write_docred
from atlop.corpora.formats.format import Format
from atlop.corpora.vocabulary import NEGATIVE_LABEL

DOCRED_COLUMNS = Format(
    "docred_columns",
    read=read_docred_columns,
    matches=has_columns,
    description='DocRED of Hugging Face\'s datasets: JSON lines whose "labels" are an object, or Parquet',
    negative=NEGATIVE_LABEL,
)
DOCRED = Format(
    "docred",
    read=read_docred,
    write=write_docred,
    matches=lambda start: "vertexSet" in start.json_keys,
    description='JSON documents with "sents" and "vertexSet", in a list or one a line',
    negative=NEGATIVE_LABEL,
    downloads=DOWNLOADS,
)
