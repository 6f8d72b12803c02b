"""brat's standoff format: a folder of texts and annotations."""

import re
from pathlib import Path

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.brat.reader import read_brat
from atlop.corpora.formats.brat.writer import write_brat
from atlop.corpora.formats.format import Format
from atlop.files import files_below

_LINE = re.compile(rb"^(?:T\d+\t\S+ \d+ \d+|R\d+\t\S+ Arg1:)", re.MULTILINE | re.IGNORECASE)


def _matches(start: FileStart) -> bool:
    if start.path.is_dir():
        return any(file.suffix == ".ann" for file in files_below(start.path))
    has_pair = start.path.suffix == ".txt" and start.path.with_suffix(".ann").exists()
    return has_pair or (start.path.suffix == ".ann" and (not start.head or _LINE.search(start.head) is not None))


def _rest_of_pair(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        return ()
    files = (path.with_suffix(".txt"), path.with_suffix(".ann"), path.parent / "annotation.conf")
    return tuple(file for file in files if file != path and file.is_file())


BRAT = Format(
    "brat",
    read=read_brat,
    write=write_brat,
    matches=_matches,
    description='a folder with texts and .ann files, whose lines are like "T1⇥Person 0 5⇥Skavov", or one of a pair',
    for_annotators=True,
    is_folder=True,
    extra_files=_rest_of_pair,
)
