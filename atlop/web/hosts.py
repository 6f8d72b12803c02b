"""Names by which the service is addressed."""

import logging
from collections.abc import Collection
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Return whether an address is reachable from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def answered_hosts(host: str, *, others: Collection[str] | None) -> Collection[str] | None:
    """Return the names besides loopback's for which a service is to answer, `None` for any; warn of a public one.

    Args:
        host: The address at which it listens.
        others: Names that the user allows.
    """
    if is_loopback(host):
        return others or ()
    logger.warning("whoever reaches %s may use the service; it asks for no password and does not encrypt", host)
    return others or None


class HostCheck:
    """Middleware that answers loopback names and some others only.

    A page of any site can let its own name lead to this machine (DNS rebinding), and would then read the answers; but
    its browser says the name.
    """

    def __init__(self, app: ASGIApp, *, allowed: Collection[str]):
        """Answer requests to loopback and to the allowed names, without ports."""
        self._app = app
        self._allowed = {name.lower() for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and not self._is_allowed(host := Headers(scope=scope).get("host", "")):
            message = f"the service is not known as {host!r:.100}; --allow-host NAME adds a name"
            await JSONResponse({"error": message}, HTTPStatus.FORBIDDEN)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_allowed(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
        except ValueError:  # half of a bracketed address
            return False
        return is_loopback(name) or name in self._allowed
