"""The formats of corpus files: one module and one line in `FORMATS` each."""

from pathlib import Path

from atlop.corpora.formats.cdr_gda import CDR_GDA
from atlop.corpora.formats.docred import DOCRED
from atlop.corpora.formats.dwie import DWIE, DWIE_TEST, DWIE_TRAIN
from atlop.corpora.formats.format import Format
from atlop.corpora.formats.json_lines import JSON_LINES
from atlop.corpora.formats.pubtator import BIORED, CDR, SCHEME_PREFIX, scheme_format
from atlop.corpora.losses import Writer
from atlop.corpora.published import PublishedCorpus
from atlop.errors import AtlopError

FORMATS: dict[str, Format] = {
    "docred": DOCRED,
    "jsonl": JSON_LINES,
    "cdr": CDR,
    "biored": BIORED,
    "paper": CDR_GDA,
    "dwie": DWIE,
    "dwie_train": DWIE_TRAIN,
    "dwie_test": DWIE_TEST,
}
"""Every format by name; `recognise_format` tries them in this order."""


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
