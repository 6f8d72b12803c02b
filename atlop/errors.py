from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
        reason = next((line for line in map(str.strip, str(error).splitlines()) if line), "no reason given")
        if not isinstance(error, OSError | ValueError):
            reason = f"{type(error).__name__}: {reason}"
        problem = f"{kind} {str(name)!r} cannot be loaded"
        if Path(name).is_dir():
            raise AtlopError(f"{problem} from this folder: {reason}") from None
        raise AtlopError(f"{problem}: no such folder, and not available from the Hugging Face hub ({reason})") from None
