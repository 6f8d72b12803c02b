"""Where published corpora lie, and how a file comes from there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from atlop.errors import AtlopError

_PATIENCE = 5  # seconds in which the hub must answer; huggingface_hub alone tries for half a minute


class Host(Protocol):
    """A place that files come from."""

    @property
    def variable(self) -> str:
        """Name of the environment variable that gives another server, for a mirror or a test."""
        ...

    def url(self, path: str, *, server: str | None = None) -> str:
        """Return where a file is, for people too; `server` is another than the usual one."""
        ...

    def fetch(self, path: str, *, folder: Path, server: str | None = None, again: bool = False) -> Path:
        """Bring a file into a folder that is for nothing else, where a part of it may lie already.

        Args:
            path: Of the file, in the repository.
            folder: Where it goes.
            server: Another than the usual one.
            again: Whether a copy that the host's own library keeps is passed over.

        Returns:
            Where the file is now.

        Raises:
            AtlopError: It does not come; the message says why.
        """
        ...


@dataclass(frozen=True)
class HubDataset:
    """A dataset on the Hugging Face hub, fetched by `huggingface_hub`."""

    variable: ClassVar[str] = "HF_ENDPOINT"
    repository: str
    revision: str
    """Commit."""

    def url(self, path: str, *, server: str | None = None) -> str:
        """Return where a file is."""
        return f"{_server(server)}/datasets/{self.repository}/resolve/{self.revision}/{path}"

    def fetch(self, path: str, *, folder: Path, server: str | None = None, again: bool = False) -> Path:
        """Bring a file, or find it in the hub's cache, where no request is made."""
        from huggingface_hub import hf_hub_download, try_to_load_from_cache

        from atlop.network import is_reachable

        which: dict[str, Any] = {"repo_type": "dataset", "revision": self.revision}
        cached = None if again else try_to_load_from_cache(self.repository, path, **which)
        if isinstance(cached, str):
            return Path(cached)
        if not is_reachable(_server(server), timeout=_PATIENCE):
            raise AtlopError(f"{_server(server)} does not answer")
        try:
            found = hf_hub_download(
                self.repository, path, **which, endpoint=_server(server), local_dir=folder, cache_dir=folder / "cache"
            )
        except Exception as error:  # the errors of its HTTP library have no base in common, and the library changes
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise AtlopError(f"{self.url(path, server=server)}: cannot be fetched: {reason}") from error
        return Path(found)


@dataclass(frozen=True)
class GitHubFolder:
    """Files of a GitHub repository."""

    variable: ClassVar[str] = "ATLOP_GITHUB_RAW"
    repository: str
    revision: str
    """Branch or commit."""

    def url(self, path: str, *, server: str | None = None) -> str:
        """Return where a file is."""
        return f"{(server or 'https://raw.githubusercontent.com').rstrip('/')}/{self.repository}/{self.revision}/{path}"

    def fetch(self, path: str, *, folder: Path, server: str | None = None, again: bool = False) -> Path:
        """Bring a file, or the rest of it; nothing is kept elsewhere, so `again` changes nothing."""
        from atlop.network import fetch  # urllib takes long to import, and every command has the table of formats

        target = folder / Path(path).name
        fetch(self.url(path, server=server), to=target)
        return target


def _server(given: str | None) -> str:
    return (given or "https://huggingface.co").rstrip("/")
