"""JSON lines, for your own data; `reader.py` describes the format."""

from atlop.corpora.formats.format import Format
from atlop.corpora.formats.json_lines.reader import read_json_lines
from atlop.corpora.formats.json_lines.writer import write_json_lines

JSON_LINES = Format(
    "jsonl",
    read=read_json_lines,
    write=write_json_lines,
    matches=lambda start: "text" in start.json_keys,
    description='JSON objects with "text", one a line or in a list',
    suffix=".jsonl",
)
