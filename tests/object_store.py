"""An object store on this machine that speaks as much of S3's protocol as reading, writing and listing takes."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase, BytesIO
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

DATE = "Fri, 27 Nov 2026 00:00:00 GMT"


@dataclass
class ObjectStore:
    """What the store has, and how it fails."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    """By bucket and key, as in `bucket/folder/file`."""
    refuses: str = ""
    """Method that is answered with 403."""
    _parts: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def upload_part(self, key: str, number: int, content: bytes) -> None:
        """Keep a part of an object that is not there before `complete`."""
        self._parts.setdefault(key, {})[number] = content

    def complete(self, key: str) -> None:
        """Make an object of its parts."""
        parts = self._parts.pop(key)
        self.objects[key] = b"".join(parts[number] for number in sorted(parts))


class _Server(ThreadingHTTPServer):
    store: ObjectStore


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:  # http.server's names
        self._read()

    def do_GET(self) -> None:
        self._read()

    def do_PUT(self) -> None:
        key, query, content = self._request()
        if "partNumber" in query:
            self.server.store.upload_part(key, int(query["partNumber"][0]), content)
        else:
            self.server.store.objects[key] = content
        self._answer(200, tag=content)

    def do_POST(self) -> None:
        key, query, content = self._request()
        store = self.server.store
        if "delete" in query:
            for name in re.findall(r"<Key>(.*?)</Key>", content.decode()):
                store.objects.pop(f"{key}/{name}", None)
            self._answer(200, b"<DeleteResult></DeleteResult>")
        elif "uploads" in query:
            result = f"<InitiateMultipartUploadResult><UploadId>{md5(key.encode()).hexdigest()}</UploadId>"
            self._answer(200, f"{result}</InitiateMultipartUploadResult>".encode())
        else:
            store.complete(key)
            self._answer(200, b"<CompleteMultipartUploadResult><ETag>whole</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self) -> None:
        key, *_ = self._request()
        self.server.store.objects.pop(key, None)
        self._answer(204)

    def _read(self) -> None:
        key, query, _ = self._request()
        objects = self.server.store.objects
        if self.server.store.refuses == self.command:
            self._answer(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
        elif "list-type" in query:
            self._list(key, prefix=query.get("prefix", [""])[0], delimiter=query.get("delimiter", [""])[0])
        elif "/" not in key:  # a bucket
            self._answer(200 if any(name.startswith(f"{key}/") for name in objects) else 404)
        elif key not in objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>Not here</Message></Error>")
        elif found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            last = int(found[2]) + 1 if found[2] else None
            self._answer(206, objects[key][int(found[1]) : last], tag=objects[key])
        else:
            self._answer(200, objects[key], tag=objects[key])

    def _list(self, bucket: str, *, prefix: str, delimiter: str) -> None:
        names = [name.removeprefix(f"{bucket}/") for name in sorted(self.server.store.objects)]
        names = [name for name in names if name.startswith(prefix)]
        below = [name[: name.index(delimiter, len(prefix)) + 1] for name in names if delimiter in name[len(prefix) :]]
        folders = sorted(set(below)) if delimiter else []
        files = [name for name in names if not delimiter or delimiter not in name[len(prefix) :]]
        rows = [
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.server.store.objects[f'{bucket}/{name}'])}</Size>"
            "<LastModified>2026-11-27T00:00:00.000Z</LastModified><ETag>tag</ETag></Contents>"
            for name in files
        ]
        rows += [f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders]
        count = f"<KeyCount>{len(rows)}</KeyCount><IsTruncated>false</IsTruncated><Prefix>{escape(prefix)}</Prefix>"
        self._answer(200, f"<ListBucketResult>{count}{''.join(rows)}</ListBucketResult>".encode())

    def _request(self) -> tuple[str, dict[str, list[str]], bytes]:
        parts = urlsplit(self.path)
        is_chunked = self.headers.get("Transfer-Encoding") == "chunked"
        content = (
            b"".join(_chunks(self.rfile)) if is_chunked else self.rfile.read(int(self.headers["Content-Length"] or 0))
        )
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            content = b"".join(_chunks(BytesIO(content)))
        return unquote(parts.path).strip("/"), parse_qs(parts.query, keep_blank_values=True), content

    def _answer(self, code: int, content: bytes = b"", *, tag: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{md5(tag).hexdigest()}"')
        self.send_header("Last-Modified", DATE)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _chunks(file: BufferedIOBase | BytesIO) -> Iterator[bytes]:
    """Yield what was sent in chunks, each after a line with its length; the last one is empty."""
    while length := int(file.readline().partition(b";")[0], 16):
        yield file.read(length)
        file.readline()
    while file.readline().strip():  # checksums
        pass


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a store for as long as the block lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.store = ObjectStore(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
