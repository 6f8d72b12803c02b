"""Files from the web: whether a server answers, and a file brought in as many parts as it takes."""

import http.client
import logging
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from atlop.errors import AtlopError

logger = logging.getLogger(__name__)

_CHUNK = 1 << 18  # bytes
_SILENCE = 30  # seconds without a byte until a connection counts as cut


def answers(url: str, *, timeout: float) -> bool:
    """Return whether a server answers, be it with an error.

    Args:
        url: Any address on it.
        timeout: Seconds to wait.
    """
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return True


def fetch(url: str, *, to: Path) -> None:
    """Bring a file; what lies at `to` counts as its beginning, and only the rest is asked for.

    A connection that is cut is taken up again as long as each one brings something. What has come stays at `to`, so
    that a later call goes on from there.

    Args:
        url: Where the file is.
        to: Where it goes.

    Raises:
        AtlopError: The server does not answer or does not have the file, or the connection is cut for good.
    """
    while True:
        before = _size(to)
        problem = "the connection was cut"
        total = None
        try:
            total = _go_on(url, to=to, start=before)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                if error.headers.get("Content-Range") == f"bytes */{before}":  # nothing was missing
                    return
                to.unlink()  # longer than the file, so no part of it
                continue
            raise AtlopError(f"{url}: the server answers {error.code} {error.reason}") from None
        except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        now = _size(to)
        if total is not None and now >= total:
            return
        if now <= before:
            raise AtlopError(f"{url}: cannot be fetched: {problem}" + (f" after {now:,} bytes" if now else ""))
        logger.info("%s: %s after %d bytes; going on from there", url, problem, now)


def _go_on(url: str, *, to: Path, start: int) -> int:
    """Append to `to` what comes until the connection ends; return the size of the whole file."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_SILENCE) as answer:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0  # the server sends all of it
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise AtlopError(f"{url}: the server sends another part of the file than was asked for")
        length = answer.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        to.parent.mkdir(parents=True, exist_ok=True)
        with (
            to.open("ab" if start else "wb") as file,
            tqdm(
                desc=to.name, initial=start, total=total, unit="B", unit_scale=True, disable=None
            ) as bar,  # seen where someone watches
        ):
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
            came = file.tell()
    return came if total is None else total


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
