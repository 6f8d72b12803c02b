"""Recognise the format of a file by its start: by content rather than by name."""

from collections.abc import Callable
from pathlib import Path

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats import FORMATS, pubtator
from atlop.errors import AtlopError, listed

SUBMISSION = "submission"
"""Result of `recognise_format` for a leaderboard file, which is not a corpus; `atlop check` accepts both."""

_UNREAD: tuple[tuple[Callable[[FileStart], bool], str], ...] = (
    (
        lambda start: b"<xmi:XMI" in start.head,
        "is UIMA's XMI, which is not read; export UIMA CAS JSON or WebAnno TSV 3",
    ),
    (
        lambda start: start.head.startswith((b"ARROW1", b"\xff\xff\xff\xff")) or any(start.path.glob("*.arrow")),
        "is an Arrow file, which is not read; write JSON lines or Parquet: dataset.to_json(path) or to_parquet(path)",
    ),
    (
        lambda start: b"###END###" in start.head,
        "is of an old OpenNRE, which has no offsets, so that mentions cannot be found",
    ),
    (
        lambda start: start.head.startswith(b"[") and _is_dialogue(start),
        "is DialogRE, or has its form: turns and triples without offsets, so that mentions cannot be found",
    ),
    (
        lambda start: {"tokens", "mentions", "entities", "relations"} <= set(start.json_keys),
        "has JEREX's predictions, which are not read; JEREX's data are in DocRED format",
    ),
    (
        lambda start: start.json_keys == ("tokens",) or _is_token_list(start),
        "has sentences without annotations, as SpERT takes for prediction; expected entities and relations",
    ),
)
"""Formats that are known, but not read, and what to say of them."""


def recognise_format(path: Path) -> str:
    """Return the format of a corpus file or folder, or `SUBMISSION`; only the start is read.

    Args:
        path: A file, also gzipped as `.gz`, or the folder of a format that is one.

    Raises:
        AtlopError: It cannot be read, or no format in `FORMATS` matches. A file named `.json` or `.jsonl` whose start
            is no object of valid JSON counts as `docred` or `jsonl`, whose reader says what is wrong.
    """
    if path.suffix == ".zip" and not path.is_dir():
        return SUBMISSION
    start = FileStart(path)
    if start.first_byte == b"[" and "h_idx" in start.json_keys:
        return SUBMISSION
    for is_known, problem in _UNREAD:
        if is_known(start):
            raise AtlopError(f"{path}: {problem}")
    for format in FORMATS.values():
        if format.matches is not None and format.matches(start):
            return format.name
    name = path.name.removesuffix(".gz")
    if (not start.json_keys or start.is_cut_short) and path.is_file():
        for format in FORMATS.values():
            if format.suffix is not None and name.endswith(format.suffix):
                return format.name
        if name.endswith(".json") or start.first_byte in (b"[", b"{"):
            return "docred"
    known = "".join(f"\n  {format.name}: {format.description}" for format in FORMATS.values() if format.description)
    raise AtlopError(f"{path}: {_describe(start)}; name the format with --format. Files that are recognised:{known}")


def _is_dialogue(start: FileStart) -> bool:
    """Whether a file is a list whose first item is a list, of turns and of triples."""
    return start.head[1:].lstrip().startswith(b"[") and b'"x"' in start.head and b'"r"' in start.head


def _is_token_list(start: FileStart) -> bool:
    """Whether a file is a list of strings or of lists of strings."""
    head = b"".join(start.head[:100].split())
    return head.startswith((b'["', b'[["')) and start.path.name.removesuffix(".gz").endswith(".json")


def _describe(start: FileStart) -> str:
    """Describe a file of no known format."""
    if start.path.is_dir():
        names = listed(sorted(file.name for file in start.path.iterdir())) or "nothing"
        return f"is a folder that holds {names}, but no annotations"
    if pubtator.is_pubtator(start):
        names = ", ".join(sorted(pubtator.types_and_relations(start))) or "(none)"
        return f"is PubTator with the types and relations {names}"
    if start.json_keys:
        return f"has objects with the keys {listed(list(start.json_keys))}, which fit no known format"
    return "does not begin like any known format"
