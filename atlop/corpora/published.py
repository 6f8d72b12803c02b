"""Published corpora that `atlop download` fetches: their files, sizes and checksums."""

from dataclasses import dataclass
from typing import Literal

from atlop.corpora.hosts import Host


@dataclass(frozen=True)
class Checksum:
    """Checksum and size of a file; `None` where unknown."""

    sha256: str | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class PublishedFile:
    """One file of a corpus."""

    path: str
    """Path in the repository; a `.gz` file is unpacked after the download."""
    entries: int
    """Number of documents or relation names."""
    content: Literal["documents", "relation names"] = "documents"
    download: Checksum = Checksum()
    """Of the file as published."""
    unpacked: Checksum = Checksum()
    """Of the unpacked file, if it is published as `.gz`."""
    fetched_by_default: bool = True
    """Whether it is fetched when no file is named."""
    note: str = ""
    """Why the number of entries may differ."""

    @property
    def download_name(self) -> str:
        """Name before unpacking, for example `dev.json.gz`."""
        return self.path.rpartition("/")[2]

    @property
    def name(self) -> str:
        """Name after unpacking, for example `dev.json`."""
        return self.download_name.removesuffix(".gz")

    @property
    def is_packed(self) -> bool:
        """Whether it is published as `.gz`."""
        return self.download_name != self.name

    @property
    def checksum(self) -> Checksum:
        """Checksum and size after unpacking."""
        return self.unpacked if self.is_packed else self.download


@dataclass(frozen=True)
class PublishedCorpus:
    """A corpus, its host and its files."""

    title: str
    host: Host
    files: tuple[PublishedFile, ...]
    note: str = ""
    """Advice that is printed after a download."""
    language: str | None = None
    """Code of its language (ISO 639-1), for model cards."""
