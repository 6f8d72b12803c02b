"""Run the application in uvicorn, with timeouts and a clean stop."""

import asyncio
import json
import signal
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_KEEP_ALIVE = 5  # seconds that a connection may be idle between two requests


def serve(app: ASGIApp, *, host: str, port: int, seconds: float, connections: int) -> None:
    """Serve requests until SIGTERM or Ctrl-C, then finish those in progress.

    Args:
        app: The application.
        host: The address to listen at.
        port: The port; 0 chooses a free one.
        seconds: Time to receive a request, and again to answer it.
        connections: Connections that may be open.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_protocol(seconds=seconds, connections=connections),
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=int(2 * seconds) + 1,
        server_header=False,
        access_log=False,
    )
    # uvicorn raises the signal again after it has stopped; ignoring it makes an intended stop exit with code 0.
    handlers = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        uvicorn.Server(config).run()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _ignore(*_: object) -> None:
    """Do nothing; unlike `SIG_IGN`, child processes do not inherit this."""


def _protocol(*, seconds: float, connections: int) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with a timeout for slow requests; uvicorn has one only between requests."""
    timeout = 3 * seconds + _KEEP_ALIVE  # send a request, wait for the response, receive it
    message = json.dumps({"error": f"the service is busy: {connections:,} connections are open"})
    busy = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
        f"Connection: close\r\nContent-Length: {len(message)}\r\n\r\n{message}"
    ).encode()

    class TimeoutProtocol(H11Protocol):
        """Closes connections that time out, and those above the limit."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > connections:
                transport.write(busy)
                transport.close()
                return
            self._restart_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._timer is not None:
                self._timer.cancel()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            self._restart_timer()
            super().on_response_complete()

        def _restart_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(timeout, self.transport.abort)

    return TimeoutProtocol
