"""Definition of a file format."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from atlop.corpora.file_start import FileStart
from atlop.corpora.issues import IssueCollector
from atlop.corpora.losses import Writer
from atlop.corpora.published import PublishedCorpus
from atlop.schema import Document


class Reader(Protocol):
    """Reads files of one format: yields every valid document in order and reports the rest to `issues`."""

    def __call__(self, path: Path, *, issues: IssueCollector) -> Iterator[Document]:
        """Yield the documents of the file."""


def _no_files(path: Path) -> tuple[Path, ...]:
    return ()


@dataclass(frozen=True)
class Format:
    """A file format: how files are read and, optionally, written, recognised and downloaded."""

    name: str
    """Value of `--format` and `data.format`."""
    read: Reader
    write: Writer | None = None
    matches: Callable[[FileStart], bool] | None = None
    """Whether a file with this start has the format; `None` if the start does not tell."""
    description: str = ""
    """What such files look like, for the message about a file of no known format."""
    suffix: str | None = None
    """File name suffix by which the format is recognised, for example `.conllu`, unless the file begins with a JSON
    object."""
    negative: str | None = None
    """Label of a pair without a relation, if the format has one: such labels are left out, and counted."""
    for_annotators: bool = False
    """Whether documents are written for annotators, so that not all that a training needs is kept."""
    is_folder: bool = False
    """Whether a corpus is a folder, which is written as one."""
    extra_files: Callable[[Path], tuple[Path, ...]] = _no_files
    """Returns the other files and folders that are read along with a corpus file."""
    downloads: Mapping[str, PublishedCorpus] = field(default_factory=dict)
    """Published corpora in this format, by their name in `atlop download`."""
