"""The HTTP service: facts of documents that clients send."""

from atlop.serving.app import make_app
from atlop.serving.batching import Batcher, BusyError
from atlop.serving.limits import Limits
from atlop.serving.server import is_loopback, serve

__all__ = ["Batcher", "BusyError", "Limits", "is_loopback", "make_app", "serve"]
