"""WebAnno TSV 3, of INCEpTION and WebAnno."""

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.formats.webanno.reader import read_webanno, tsv_files

_FIRST_LINE = b"#FORMAT=WebAnno TSV 3"


def _matches(start: FileStart) -> bool:
    if start.path.is_dir():
        first = next(iter(tsv_files(start.path)), None)
        return first is not None and _matches(FileStart(first))
    return start.head.startswith(_FIRST_LINE)


WEBANNO = Format(
    "webanno",
    read=read_webanno,
    matches=_matches,
    description='WebAnno TSV 3: a file that begins with "#FORMAT=WebAnno TSV 3", or a folder of such',
)
