"""The layouts that documents are written in, by name."""

from functools import partial
from pathlib import Path

from atlop.corpora.docred_writer import write_docred
from atlop.corpora.json_lines_writer import write_json_lines
from atlop.corpora.losses import Writer
from atlop.corpora.pubtator_scheme import SCHEME_PREFIX, load_scheme
from atlop.corpora.pubtator_writer import write_biored, write_cdr, write_pubtator
from atlop.errors import AtlopError

WRITERS: dict[str, Writer] = {
    "docred": write_docred,
    "jsonl": write_json_lines,
    "cdr": write_cdr,
    "biored": write_biored,
}
"""Writer of each layout, under the name that its reader has in `CORPORA`."""


def find_writer(path: Path, *, layout: str) -> Writer:
    """Return what writes a layout.

    Args:
        path: The file to make, for the message.
        layout: A key of `WRITERS`, or `pubtator:` with the path of a scheme.

    Raises:
        AtlopError: The layout or the scheme is not known.
    """
    if layout.startswith(SCHEME_PREFIX):
        return partial(write_pubtator, scheme=load_scheme(layout.removeprefix(SCHEME_PREFIX)))
    if layout not in WRITERS:
        known = ", ".join([*WRITERS, f"{SCHEME_PREFIX}SCHEME.toml"])
        raise AtlopError(f"{path}: cannot be written in layout {layout!r}; known: {known}")
    return WRITERS[layout]
