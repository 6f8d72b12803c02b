"""Downloads over HTTP that resume after the connection breaks."""

import http.client
import logging
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from atlop.errors import AtlopError

logger = logging.getLogger(__name__)

_CHUNK = 1 << 18  # bytes
_TIMEOUT = 30  # seconds without data after which a connection counts as broken


def is_reachable(url: str, *, timeout: float) -> bool:
    """Return whether the server of an address responds within `timeout` seconds, even with an error."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return True


def fetch(url: str, *, to: Path) -> None:
    """Download a file; an existing file at `to` counts as its beginning, and only the rest is requested.

    A broken connection is resumed as long as each attempt receives data. A partial file stays at `to`, so that a later
    call continues it.

    Raises:
        AtlopError: The server does not respond or does not have the file, or the last attempt received no data.
    """
    while True:
        before = _size(to)
        problem = "the connection was closed"
        total = None
        try:
            total = _append(url, to=to, start=before)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                if error.headers.get("Content-Range") == f"bytes */{before}":  # the file is complete
                    return
                to.unlink()  # longer than the file, so not its beginning
                continue
            raise AtlopError(f"{url}: the server responds {error.code} {error.reason}") from None
        except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        now = _size(to)
        if total is not None and now >= total:
            return
        if now <= before:
            raise AtlopError(f"{url}: cannot be fetched: {problem}" + (f" after {now:,} bytes" if now else ""))
        logger.info("%s: %s after %d bytes; resuming from there", url, problem, now)


def _append(url: str, *, to: Path, start: int) -> int:
    """Append data to `to` until the connection ends; return the size of the whole file."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT) as answer:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0  # the server sends the whole file
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise AtlopError(f"{url}: the server sends another range than requested")
        length = answer.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        to.parent.mkdir(parents=True, exist_ok=True)
        with (
            to.open("ab" if start else "wb") as file,
            tqdm(desc=to.name, initial=start, total=total, unit="B", unit_scale=True, disable=None) as bar,
        ):
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
            received = file.tell()
    return received if total is None else total


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
