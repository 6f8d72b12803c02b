from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AtlopError(ValueError):
    """Something that a user can cause and mend; the message says where, what, what was expected and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """


class StoppedError(Exception):
    """A training that was asked to stop, and has kept all that it needs to go on; the message says how.

    The command line prints the message and exits with `exit_code`.
    """

    def __init__(self, message: str, *, exit_code: int):
        """Keep the message and the code."""
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def loading(what: str, *, name: str | Path) -> Iterator[None]:
    """Turn whatever a library raises over the files of a model into one message.

    Args:
        what: What is loaded, for example `encoder`.
        name: Its folder or its Hugging Face name.

    Raises:
        AtlopError: Something was raised.
    """
    try:
        yield
    except AtlopError:
        raise
    except Exception as error:  # each way in which a file can be wrong has a type of its own, tokenizers' has no base
        reason = next((line for line in map(str.strip, str(error).splitlines()) if line), "no reason given")
        if not isinstance(error, OSError | ValueError):
            reason = f"{type(error).__name__}: {reason}"
        problem = f"{what} {str(name)!r} cannot be loaded"
        if Path(name).is_dir():
            raise AtlopError(f"{problem} from this folder: {reason}") from None
        raise AtlopError(f"{problem}: neither a folder that holds one nor reachable by that name ({reason})") from None
