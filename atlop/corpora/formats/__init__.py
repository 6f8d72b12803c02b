"""The formats of corpus files: one module and one line in `FORMATS` each."""

from pathlib import Path

from atlop.corpora.formats.bioc import BIOC
from atlop.corpora.formats.brat import BRAT
from atlop.corpora.formats.cas import CAS
from atlop.corpora.formats.cdr_gda import CDR_GDA
from atlop.corpora.formats.docbin import DOCBIN
from atlop.corpora.formats.doccano import DOCCANO
from atlop.corpora.formats.docred import DOCRED, DOCRED_COLUMNS
from atlop.corpora.formats.dwie import DWIE, DWIE_TEST, DWIE_TRAIN
from atlop.corpora.formats.dygie import DYGIE
from atlop.corpora.formats.format import Format
from atlop.corpora.formats.gliner import GLINER
from atlop.corpora.formats.json_lines import JSON_LINES
from atlop.corpora.formats.kapipe import KAPIPE
from atlop.corpora.formats.labelstudio import LABEL_STUDIO, LABEL_STUDIO_MIN
from atlop.corpora.formats.opennre import OPENNRE
from atlop.corpora.formats.prodigy import PRODIGY, UBIAI
from atlop.corpora.formats.pubtator import BIORED, CDR, SCHEME_PREFIX, scheme_format
from atlop.corpora.formats.scirex import SCIREX
from atlop.corpora.formats.spert import SPERT
from atlop.corpora.formats.tables import TABLES
from atlop.corpora.formats.tacred import TACRED
from atlop.corpora.formats.webanno import WEBANNO
from atlop.corpora.losses import Writer
from atlop.corpora.published import PublishedCorpus
from atlop.errors import AtlopError

_IN_ORDER = (
    CAS,
    BIOC,
    DOCRED_COLUMNS,
    DOCRED,
    DWIE,
    LABEL_STUDIO,
    LABEL_STUDIO_MIN,
    GLINER,
    TACRED,
    OPENNRE,
    SCIREX,
    KAPIPE,
    DYGIE,
    UBIAI,
    PRODIGY,
    SPERT,
    DOCCANO,
    JSON_LINES,
    CDR,
    BIORED,
    CDR_GDA,
    WEBANNO,
    DOCBIN,
    BRAT,
    TABLES,
    DWIE_TRAIN,
    DWIE_TEST,
)
FORMATS: dict[str, Format] = {format.name: format for format in _IN_ORDER}
"""Every format by name; `recognise_format` tries them in this order: keys of JSON objects that say most come first."""


def writable_formats() -> tuple[str, ...]:
    """Return the names of the formats that documents can be written in."""
    return tuple(name for name, format in FORMATS.items() if format.write is not None)


def published_corpora() -> dict[str, PublishedCorpus]:
    """Return the corpora that can be downloaded, by their name in `atlop download`."""
    return {name: corpus for format in FORMATS.values() for name, corpus in format.downloads.items()}


def find_format(path: Path, *, format: str) -> Format:
    """Return a format, given its key in `FORMATS` or `pubtator:` and the path of a scheme.

    Raises:
        AtlopError: The format or the scheme is not known.
    """
    if format.startswith(SCHEME_PREFIX):
        return scheme_format(format)
    if format not in FORMATS:
        raise AtlopError(f"{path}: unknown format {format!r}; known: {', '.join(FORMATS)}, {SCHEME_PREFIX}SCHEME.toml")
    return FORMATS[format]


def find_writer(path: Path, *, format: str) -> Writer:
    """Return the writer of a format, given as in `find_format`.

    Raises:
        AtlopError: The format or the scheme is not known, or documents cannot be written in the format.
    """
    target = scheme_format(format) if format.startswith(SCHEME_PREFIX) else FORMATS.get(format)
    if target is None or target.write is None:
        names = ", ".join([*writable_formats(), f"{SCHEME_PREFIX}SCHEME.toml"])
        raise AtlopError(f"{path}: cannot be written in format {format!r}; known: {names}")
    return target.write
