"""Hosts of published corpora, which fetch their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from atlop.errors import AtlopError

_TIMEOUT = 5  # seconds for the hub to answer; huggingface_hub alone retries for half a minute


class Host(Protocol):
    """A host that files are fetched from."""

    variable: ClassVar[str]
    """Environment variable with the address of another server, such as a mirror."""

    def url(self, path: str, *, server: str | None = None) -> str:
        """Return the address of a file; `server` replaces the default one."""

    def fetch(self, path: str, *, folder: Path, server: str | None = None, force: bool = False) -> Path:
        """Fetch a file, or the rest of an interrupted download, and return its path.

        Args:
            path: Path in the repository.
            folder: Folder for downloads only; may contain an incomplete download of the file.
            server: Another server than the default one.
            force: Ignore copies in the cache of the host's library.

        Raises:
            AtlopError: It cannot be fetched; the message says why.
        """


@dataclass(frozen=True)
class HubDataset:
    """A dataset on the Hugging Face Hub."""

    variable: ClassVar[str] = "HF_ENDPOINT"
    repository: str
    revision: str
    """Commit."""

    def url(self, path: str, *, server: str | None = None) -> str:
        """Return the address of a file."""
        return f"{_hub(server)}/datasets/{self.repository}/resolve/{self.revision}/{path}"

    def fetch(self, path: str, *, folder: Path, server: str | None = None, force: bool = False) -> Path:
        """Fetch a file, or find it in the Hub's cache without a request."""
        from huggingface_hub import hf_hub_download, try_to_load_from_cache

        from atlop.network import is_reachable

        options: dict[str, Any] = {"repo_type": "dataset", "revision": self.revision}
        cached = None if force else try_to_load_from_cache(self.repository, path, **options)
        if isinstance(cached, str):
            return Path(cached)
        if not is_reachable(_hub(server), timeout=_TIMEOUT):
            raise AtlopError(f"{_hub(server)} does not answer")
        options |= {"endpoint": _hub(server), "local_dir": folder, "cache_dir": folder / "cache"}
        try:
            return Path(hf_hub_download(self.repository, path, **options))
        except Exception as error:  # the HTTP library differs between versions, and the errors share no base class
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise AtlopError(f"{self.url(path, server=server)}: cannot be fetched: {reason}") from error


@dataclass(frozen=True)
class GitHubFolder:
    """Files of a GitHub repository."""

    variable: ClassVar[str] = "ATLOP_GITHUB_RAW"
    repository: str
    revision: str
    """Branch or commit."""

    def url(self, path: str, *, server: str | None = None) -> str:
        """Return the address of a file."""
        return f"{(server or 'https://raw.githubusercontent.com').rstrip('/')}/{self.repository}/{self.revision}/{path}"

    def fetch(self, path: str, *, folder: Path, server: str | None = None, force: bool = False) -> Path:
        """Fetch a file, or the rest of it; `force` has no effect, since there is no cache."""
        from atlop.network import fetch  # urllib is slow to import, and every command imports the table of formats

        target = folder / Path(path).name
        fetch(self.url(path, server=server), to=target)
        return target


def _hub(server: str | None) -> str:
    return (server or "https://huggingface.co").rstrip("/")
