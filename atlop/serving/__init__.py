"""HTTP service that extracts facts."""

from atlop.serving.app import make_app
from atlop.serving.batching import BatchQueue, BusyError
from atlop.serving.limits import Limits
from atlop.serving.rendering import render_page

__all__ = ["BatchQueue", "BusyError", "Limits", "make_app", "render_page"]
