"""Source files outside the package, on which depends what functions and classes of one's own read or train."""

import inspect
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from atlop.files.reading import file_sha256

_PACKAGE = Path(__file__).parents[1]


def own_sources(*objects: Any) -> dict[str, str]:
    """Return the sha256 of each source file outside the package that defines one of some functions or classes, by path.

    What has no source file, such as code that was typed, is left out.
    """
    found: dict[str, str] = {}
    for each in objects:
        while isinstance(each, partial):
            each = each.func
        source = None
        with suppress(TypeError):  # neither a function nor a class, or one of no file
            source = inspect.getsourcefile(each)
        if source is not None and (path := Path(source).resolve()).is_file() and _PACKAGE not in path.parents:
            found[str(path)] = file_sha256(path)
    return found
