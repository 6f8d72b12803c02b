"""Serve pages and answers over HTTP, to this machine alone unless told otherwise."""

from atlop.web.hosts import HostCheck, answered_hosts, is_loopback
from atlop.web.server import serve

__all__ = ["HostCheck", "answered_hosts", "is_loopback", "serve"]
