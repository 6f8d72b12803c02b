"""What is known of a published corpus that `atlop download` fetches."""

from dataclasses import dataclass
from typing import Literal

from atlop.corpora.hosts import Host


@dataclass(frozen=True)
class Digest:
    """What is known of a file's bytes."""

    sha256: str | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class PublishedFile:
    """One file of a corpus."""

    path: str
    """In the repository; what ends in `.gz` is unpacked."""
    entries: int
    """Number of documents, or of what else it holds."""
    holds: Literal["documents", "relation names"] = "documents"
    published: Digest = Digest()
    """Of the file as it is published."""
    unpacked: Digest = Digest()
    """Of the file as it is used; the same where nothing is unpacked."""
    usual: bool = True
    """Whether it comes without being asked for."""
    note: str = ""
    """What explains another number of entries."""

    @property
    def published_name(self) -> str:
        """Name as it is published, for example `dev.json.gz`."""
        return self.path.rpartition("/")[2]

    @property
    def name(self) -> str:
        """Name as it is used, for example `dev.json`."""
        return self.published_name.removesuffix(".gz")

    @property
    def is_packed(self) -> bool:
        """Whether it is published as `.gz`."""
        return self.published_name != self.name

    @property
    def digest(self) -> Digest:
        """What is known of the file as it is used."""
        return self.unpacked if self.is_packed else self.published


@dataclass(frozen=True)
class PublishedCorpus:
    """A corpus: where it is published, and its files."""

    title: str
    host: Host
    files: tuple[PublishedFile, ...]
    note: str = ""
    """What a user should know besides."""
