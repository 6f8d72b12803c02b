"""HTTP service that extracts facts."""

from atlop.serving.app import make_app
from atlop.serving.batching import BatchQueue, BusyError
from atlop.serving.hosts import is_loopback
from atlop.serving.limits import Limits
from atlop.serving.rendering import render_page
from atlop.serving.server import serve

__all__ = ["BatchQueue", "BusyError", "Limits", "is_loopback", "make_app", "render_page", "serve"]
