"""uvicorn around the application: where it listens, how long it waits for clients, and how it stops."""

import asyncio
import json
import signal
from ipaddress import ip_address
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from atlop.serving.limits import Limits

_KEEP_ALIVE = 5  # seconds that a connection may be idle between two requests


def serve(app: FastAPI, *, host: str, port: int, limits: Limits) -> None:
    """Answer requests until SIGTERM or Ctrl-C; requests that run then are finished.

    Args:
        app: The application.
        host: Address to listen at.
        port: Port; 0 takes a free one.
        limits: Limits of the service.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_protocol(limits),
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=int(2 * limits.seconds) + 1,
        server_header=False,
        access_log=False,
    )
    # uvicorn hands a signal on after it has stopped: to nobody, so that a stop that was asked for is a success.
    before = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        uvicorn.Server(config).run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ignore(*_: object) -> None:
    """Do nothing; unlike `SIG_IGN`, not inherited."""


def _protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with an end to patience, which uvicorn itself has only between requests."""
    patience = 3 * limits.seconds + _KEEP_ALIVE  # to send a request, to be answered, to take the answer
    message = json.dumps({"error": f"the service has too much to do: {limits.connections:,} connections are open"})
    busy = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
        f"Connection: close\r\nContent-Length: {len(message)}\r\n\r\n{message}"
    ).encode()

    class PatientProtocol(H11Protocol):
        """Closes a connection that takes too long from one answer to the next, or that is one too many."""

        _end: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.write(busy)
                transport.close()
                return
            self._wait_anew()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._end is not None:
                self._end.cancel()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            self._wait_anew()
            super().on_response_complete()

        def _wait_anew(self) -> None:
            if self._end is not None:
                self._end.cancel()
            self._end = self.loop.call_later(patience, self.transport.abort)

    return PatientProtocol
