"""A web server on this machine that stands for the Hugging Face hub and for GitHub."""

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Site:
    """What the server has, how it misbehaves, and what it was asked for."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    """By path, without the first slash."""
    cuts: int = 0
    """How many answers are cut in the middle of what they should bring."""
    knows_ranges: bool = True
    answer: Callable[[str, bytes], bytes | None] | None = None
    """What a POST with this path and body is answered, `None` for 404."""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Range of each request."""

    @property
    def fetched(self) -> list[tuple[str, str | None]]:
        """Path and Range of each GET."""
        return [(path, part) for method, path, part in self.requests if method == "GET"]


class _Server(ThreadingHTTPServer):
    site: Site


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:  # http.server's name
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_POST(self) -> None:
        site, path = self.server.site, self.path.lstrip("/")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        site.requests.append(("POST", path, None))
        content = site.answer(path, body) if site.answer else None
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self, *, with_body: bool) -> None:
        site, path, part = self.server.site, self.path.lstrip("/"), self.headers.get("Range")
        site.requests.append((self.command, path, part))
        content = site.files.get(path)
        if content is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(part.removeprefix("bytes=").rstrip("-")) if part and site.knows_ranges else 0
        if start >= len(content) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')  # what the hub's client asks for
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self._send(content[start:])

    def _send(self, content: bytes) -> None:
        site = self.server.site
        if not site.cuts:
            self.wfile.write(content)
            return
        site.cuts -= 1
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


@contextmanager
def served() -> Iterator[Site]:
    """Run a server for as long as the block lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> str:
    """Return the address of a server that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
