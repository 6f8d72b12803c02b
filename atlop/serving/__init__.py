"""HTTP service that extracts facts."""

from atlop.serving.app import make_app
from atlop.serving.batching import BatchQueue, BusyError
from atlop.serving.limits import Limits
from atlop.serving.server import is_loopback, serve

__all__ = ["BatchQueue", "BusyError", "Limits", "is_loopback", "make_app", "serve"]
