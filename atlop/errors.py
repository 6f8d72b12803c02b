from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

MAX_LISTED = 8
"""Items of a list in a message."""


class AtlopError(ValueError):
    """A problem that a user can cause and fix; the message says where, what, what was expected and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """


class StoppedError(Exception):
    """Training was asked to stop and wrote a checkpoint; the message says how to resume.

    The command line prints the message and exits with `exit_code`.
    """

    def __init__(self, message: str, *, exit_code: int):
        """Store the message and the exit code."""
        super().__init__(message)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the exit code too, as for a process that started the training in another."""
        return partial(type(self), exit_code=self.exit_code), self.args


def reason_for(error: Exception) -> str:
    """Return the first line of a library's error, with its type where the text alone may not say what is wrong."""
    reason = next((line for line in map(str.strip, str(error).splitlines()) if line), "no reason given")
    return reason if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {reason}"


def listed(items: Sequence[str]) -> str:
    """Return the first items of a list, which may be long, and how many more there are."""
    return ", ".join(_first(items))


def listed_lines(*lists: Sequence[str]) -> str:
    """Return the first items of each list, and how many more there are, an item per indented line."""
    return "".join(f"\n  {item}" for items in lists for item in _first(items))


def _first(items: Sequence[str]) -> list[str]:
    more = [f"… and {len(items) - MAX_LISTED:,} more"] if len(items) > MAX_LISTED else []
    return [*items[:MAX_LISTED], *more]


@contextmanager
def loading(kind: str, *, name: str | Path) -> Iterator[None]:
    """Convert any exception that a library raises while it loads files of a model into one message.

    `kind` is what is being loaded, for example `encoder`, and `name` its folder or Hugging Face name.

    Raises:
        AtlopError: Something was raised.
    """
    try:
        yield
    except AtlopError:
        raise
    except Exception as error:  # libraries raise many types, tokenizers bare `Exception`
        problem, reason = f"{kind} {str(name)!r} cannot be loaded", reason_for(error)
        if Path(name).is_dir():
            raise AtlopError(f"{problem} from this folder: {reason}") from None
        raise AtlopError(f"{problem}: no such folder, and not available from the Hugging Face hub ({reason})") from None
