"""A real server process lives through what clients do, and stops when it is told to."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'atlop[serve]'")

import httpx

from atlop.web import is_loopback
from tests.golden_values import golden_documents
from tests.inference.texts import plain_row

ROW = plain_row(golden_documents()[0])
BODY = json.dumps(ROW).encode()
HEAD = b"POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@dataclass
class Server:
    process: "subprocess.Popen[str]"
    url: str

    def connect(self) -> socket.socket:
        address = urlsplit(self.url)
        assert address.hostname
        assert address.port
        return socket.create_connection((address.hostname, address.port), timeout=30)

    def send(self, data: bytes) -> bytes:
        """Send bytes as they are, say no more, and return what comes back: nothing if the connection is reset."""
        with self.connect() as connection, suppress(ConnectionResetError):
            with suppress(OSError):  # the server may answer and close before it has all
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            return connection.recv(65_536)
        return b""

    def memory(self) -> float:
        """Resident memory in MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found
        return int(found[1]) / 1024


def until_closed(connection: socket.socket) -> bytes:
    """Return all that comes before the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def started(*arguments: object) -> Iterator[Server]:
    """Run Python with arguments that make it serve."""
    command, environment = [sys.executable, *map(str, arguments)], os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr
        try:
            seen = []
            for line in process.stderr:
                seen.append(line)
                if found := re.search(r"running on (http://\S+)", line):
                    break
            else:
                raise AssertionError("".join(seen))
            yield Server(process, found[1])
        finally:
            process.kill()


@pytest.fixture(scope="module")
def servers(model_folder: Path) -> Iterator[Callable[[], Server]]:
    """Gives the server that runs, or a new one where a test has stopped it."""
    with ExitStack() as stack:
        made: list[Server] = []

        def running() -> Server:
            if not made or made[-1].process.poll() is not None:
                made.append(stack.enter_context(started("-m", "atlop", "serve", model_folder, "--port", 0)))
            return made[-1]

        yield running


@pytest.fixture
def server(servers: Callable[[], Server]) -> Server:
    return servers()


IMPATIENT = """
import sys
from atlop.inference import RelationExtractor
from atlop.serving import Limits, make_app
from atlop.web import serve
limits = Limits(seconds=0.2, connections=3)
app = make_app(RelationExtractor.from_pretrained(sys.argv[1]), limits=limits, page="")
serve(app, host="127.0.0.1", port=0, seconds=limits.seconds, connections=limits.connections)
"""


def test_it_lives_through_everything_and_keeps_its_memory(server: Server) -> None:
    assert server.url.startswith("http://127.0.0.1:")

    def round_of_requests() -> set[int]:
        with httpx.Client(base_url=server.url, timeout=600) as client, ThreadPoolExecutor(50) as pool:
            slow = [server.connect() for _ in range(10)]
            for connection in slow:  # a body that does not come to its end while others are answered
                connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
            jobs = [pool.submit(client.post, "/extract", content=BODY) for _ in range(50)]
            for data in (b"", b"GET", b"\x16\x03\x01\x00\xff\r\n\r\n", HEAD + b"Content-Length: -1\r\n\r\n"):
                assert b" 500 " not in server.send(data)
            answer = server.send(HEAD + b"Content-Length: 2000000\r\n\r\n" + b" " * 1_100_000)
            assert answer == b"" or b" 413 " in answer  # a reset may overtake the answer
            for _ in range(10):
                assert b" 500 " not in server.send(HEAD + b"Content-Length: 1000\r\n\r\n" + BODY[:100])
            assert client.post("/extract", content=b"{").status_code == 400
            for connection in slow:
                connection.close()
            return {job.result().status_code for job in jobs}

    assert round_of_requests() <= {200, 503}
    assert httpx.get(f"{server.url}/health", headers={"Host": "evil.example:8000"}).status_code == 403
    round_of_requests()
    before = server.memory()
    for _ in range(5):
        assert round_of_requests() <= {200, 503}
    assert server.memory() < before + 40

    assert httpx.get(f"{server.url}/health").json()["status"] == "ok"


def test_clients_that_are_too_slow_or_too_many_are_sent_away(model_folder: Path) -> None:
    with started("-c", IMPATIENT, model_folder) as server:
        with server.connect() as slow:
            slow.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
            answer = until_closed(slow)  # then the server does not count it any more
            assert answer.startswith(b"HTTP/1.1 408")
            assert b"did not come within 0.2 seconds" in answer
        silent = [server.connect() for _ in range(3)]
        with server.connect() as surplus:
            answer = until_closed(surplus)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"3 connections are open" in answer
        for connection in silent:
            with connection, suppress(ConnectionResetError):
                assert connection.recv(1) == b""  # closed by the server, which has waited long enough
        assert httpx.get(f"{server.url}/health").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_ends_before_the_server_does(server: Server, number: signal.Signals) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:-1])
        assert httpx.get(f"{server.url}/health").status_code == 200  # the request has come before this one
        server.process.send_signal(number)
        assert server.process.stderr
        for line in server.process.stderr:
            if "Shutting down" in line:
                break
        connection.sendall(BODY[-1:])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")

    assert server.process.wait(600) == 0


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_addresses_that_others_reach_are_known(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own
