"""The formats that documents are read in, by name."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from atlop.corpora.cdr_gda import read_cdr_gda
from atlop.corpora.docred import read_docred
from atlop.corpora.dwie import read_dwie, texts_beside
from atlop.corpora.issues import Reader
from atlop.corpora.json_lines import read_json_lines
from atlop.corpora.pubtator import read_biored, read_cdr, read_pubtator
from atlop.corpora.pubtator_scheme import SCHEME_PREFIX, find_scheme, load_scheme
from atlop.corpora.recognition import SUBMISSION, format_of
from atlop.errors import AtlopError

CORPORA: dict[str, Reader] = {
    "docred": read_docred,
    "jsonl": read_json_lines,
    "cdr": read_cdr,
    "biored": read_biored,
    "paper": read_cdr_gda,
    "dwie": read_dwie,
    "dwie_train": partial(read_dwie, split="train"),
    "dwie_test": partial(read_dwie, split="test"),
}
"""Reader of each format; a new corpus is a module that yields `Document`, and a line here."""


@dataclass(frozen=True)
class Format:
    """How a corpus file is read."""

    name: str
    read: Reader
    needs: tuple[Path, ...] = ()
    """What is read besides the file."""


def find_format(path: Path, *, format: str | None) -> Format:
    """Return the format that was asked for, or else the one that the file has.

    Args:
        path: The file, or DWIE's folder.
        format: A key of `CORPORA`, `pubtator:` with the path of a scheme, or `None` to recognise it.

    Raises:
        AtlopError: The format or the scheme is not known, or the file is of no known format, or a submission.
    """
    name = format_of(path) if format is None else format
    if name == SUBMISSION:
        raise AtlopError(f"{path}: is a submission; expected documents, with their sentences and entities")
    if name.startswith(SCHEME_PREFIX):
        source = find_scheme(name.removeprefix(SCHEME_PREFIX))
        scheme = load_scheme(source)
        needs = [source, *([] if scheme.ancestors is None else [scheme.ancestors])]
        return Format(name, partial(read_pubtator, scheme=scheme), tuple(needs))
    if name not in CORPORA:
        raise AtlopError(f"{path}: unknown format {name!r}; known: {', '.join(CORPORA)}, {SCHEME_PREFIX}SCHEME.toml")
    texts = texts_beside(path)
    return Format(name, CORPORA[name], (texts,) if name.startswith("dwie") and texts.is_dir() else ())
