"""A page that follows a training, from the files of its run alone. Needs the extra `serve`."""

from atlop.watching.app import make_app
from atlop.watching.progress import RunProgress

__all__ = ["RunProgress", "make_app"]
