"""Which format a file has, told from its name and its beginning."""

import re
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from atlop.errors import AtlopError
from atlop.files import opened

SUBMISSION = "submission"
"""What `format_of` calls a leaderboard file: no corpus, but `atlop check` takes it too."""

FORMATS = {
    "docred": 'a JSON list of documents with "sents" and "vertexSet"',
    "jsonl": 'a JSON object a line, with "text"',
    "cdr": 'PubTator with the types "Chemical" and "Disease"',
    "biored": "PubTator with BioRED's types and relations",
    "paper": "tab-separated lines, 17 columns for each pair",
    "dwie": 'a folder of annotations with "concepts", "mentions" and "relations", or one of them',
}
"""What tells each format."""

_LONGEST_LINE = 1 << 24  # bytes; one line of the paper's format holds every pair of a document
_DEEPEST = 1000  # lists and objects in one another
_PUBTATOR_DOCUMENTS = 20  # looked through for types and relations
_PUBTATOR_LINE = re.compile(rb"[^|\t]+\|[ta]\|")
_PUBTATOR_WORDS = {
    "cdr": {"Chemical", "Disease", "CID"},
    "biored": {
        *("GeneOrGeneProduct", "DiseaseOrPhenotypicFeature", "ChemicalEntity"),
        *("OrganismTaxon", "SequenceVariant", "CellLine"),
        *("Association", "Positive_Correlation", "Negative_Correlation", "Bind"),
        *("Cotreatment", "Comparison", "Drug_Interaction", "Conversion"),
    },
}
"""Entity types and relations of the two PubTator corpora; they share none."""
_PAIR_COLUMNS = 17  # of the paper's format, after identifier and text


def format_of(path: Path) -> str:
    """Return the format of a corpus file or folder, or `SUBMISSION`; only the beginning is read.

    Args:
        path: A file, also packed as `.gz`, or DWIE's folder.

    Raises:
        AtlopError: It cannot be read, or is of no format in `FORMATS`. What is named `.json` counts as `docred` where
            nothing else fits: its reader says what is amiss.
    """
    if path.is_dir():
        return _format_of_folder(path)
    name = path.name.removesuffix(".gz")
    if path.suffix == ".zip":
        return SUBMISSION
    if name.endswith(".jsonl") and path.is_file():
        return "jsonl"
    with opened(path) as file:
        format = _format_of_json(file) if _first_byte(file) in (b"[", b"{") else _format_of_lines(file, path=path)
        if format is not None:
            return format
    if name.endswith(".json"):
        return "docred"
    raise _unknown(path, "begins like none of the known formats")


def _first_byte(file: BufferedReader) -> bytes:
    """Go to the first byte that is no space, and return it; empty at the end."""
    while (ahead := file.peek(1)).isspace():
        file.read(len(ahead))
    file.read(len(ahead) - len(ahead.lstrip()))
    return file.peek(1)[:1]


def _format_of_folder(path: Path) -> str:
    first = min(path.glob("*.json"), default=None)
    if first is not None and format_of(first) == "dwie":
        return "dwie"
    found = "holds no .json file" if first is None else f"{first.name} in it is no annotation of DWIE"
    raise _unknown(path, f"is a folder, and {found}")


def _format_of_json(file: BufferedReader) -> str | None:
    """Tell JSON by what stands outermost and by the keys of the first object."""
    if file.peek(1)[:1] == b"[":
        return SUBMISSION if "h_idx" in _first_keys(file) else "docred"
    decisive = {"text": "jsonl", "concepts": "dwie"}
    return next((decisive[key] for key in _first_keys(file) if key in decisive), None)


def _first_keys(file: BufferedReader) -> Iterator[str]:
    """Yield the keys of the outermost object, or of the first in a list, as far as the file is JSON."""
    import ijson  # only commands that read a file pay for it

    depth = 0
    outermost = None
    try:
        for event, value in ijson.basic_parse(file, multiple_values=True):
            outermost = outermost or event
            depth += event.startswith("start")
            depth -= event.startswith("end")
            level = 2 if outermost == "start_array" else 1  # of the object's keys
            if event == "map_key" and depth == level:
                yield value
            elif depth > _DEEPEST or (depth < level and event != "start_array"):
                return
    except (ijson.JSONError, ValueError, SystemError):  # the latter two of numbers with thousands of digits
        return


def _format_of_lines(file: BufferedReader, *, path: Path) -> str | None:
    line = file.readline(_LONGEST_LINE).rstrip(b"\r\n")
    if _PUBTATOR_LINE.match(line):
        return _pubtator_scheme(file, path=path)
    columns = line.count(b"\t") + 1
    return "paper" if columns > 2 and (columns - 2) % _PAIR_COLUMNS == 0 else None


def _pubtator_scheme(lines: BufferedReader, *, path: Path) -> str:
    """Tell the PubTator corpora apart by entity types (fifth column) and relations (second column)."""
    words: set[str] = set()
    documents = 0
    for line in lines:
        columns = line.decode(errors="replace").rstrip("\r\n").split("\t")
        if len(columns) >= 5 and columns[1].isdecimal():
            words.add(columns[4])
        elif len(columns) >= 4:
            words.add(columns[1])
        elif not columns[0]:
            documents += 1
        if documents == _PUBTATOR_DOCUMENTS:
            break
    for scheme, known in _PUBTATOR_WORDS.items():
        if words and words <= known:
            return scheme
    raise _unknown(path, f"is PubTator with the types and relations {', '.join(sorted(words)) or '(none)'}")


def _unknown(path: Path, found: str) -> AtlopError:
    known = "".join(f"\n  {name}: {sign}" for name, sign in FORMATS.items())
    return AtlopError(f"{path}: {found}; name the format with --format. Known ones are recognised so:{known}")
