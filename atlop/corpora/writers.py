"""Layouts that documents can be written in."""

from atlop.corpora.docred_writer import write_docred
from atlop.corpora.json_lines_writer import write_json_lines
from atlop.corpora.losses import Writer

WRITERS: dict[str, Writer] = {
    "docred": write_docred,
    "jsonl": write_json_lines,
}
"""Writer of each layout, under the name that its reader has in `CORPORA`."""
