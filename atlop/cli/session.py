"""Shared by all commands: errors without a traceback, logs on standard error, quiet libraries."""

import errno
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from safetensors import SafetensorError
from typer.core import TyperGroup

from atlop.cli.memory import keep_freed_memory
from atlop.cli.text import Row, printable, table
from atlop.errors import AtlopError, StoppedError

USER_ERROR = 2
"""Exit code for errors that the user can fix."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells."""
HUB_TIMEOUT = 5
"""Seconds to wait for the Hugging Face hub; transformers would retry for half a minute."""


class Commands(TyperGroup):
    """Command group that turns errors which the user can fix into one message and exit code 2."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer hides click's own Context
        """Run a command."""
        if not sys.stderr.isatty():
            os.environ.setdefault("TQDM_MININTERVAL", "30")  # for log files, in seconds; read when tqdm is imported
        keep_freed_memory()
        try:
            with _log_on_standard_error():
                return super().invoke(ctx)
        except AtlopError as error:
            message, code = f"error: {error}", USER_ERROR
        except StoppedError as stopped:
            message, code = str(stopped), stopped.exit_code
        except KeyboardInterrupt:
            message, code = "interrupted", INTERRUPTED
        except OSError as error:
            if error.errno == errno.EPIPE:  # closed pipe, as with `| head`: typer exits quietly
                raise
            file = f"{error.filename}: " if error.filename else ""
            message, code = f"error: {file}{error.strerror or error}", USER_ERROR
        except SafetensorError as error:  # a full disk or a truncated file
            message, code = f"error: model weights: {error}", USER_ERROR
        except Exception as error:
            if getattr(error, "option_name", None) != "--layout":  # typer does not export its NoSuchOption
                raise
            message, code = "error: --layout was renamed to --format in version 0.2", USER_ERROR
        print(f"atlop: {printable(message)}", file=sys.stderr)
        raise typer.Exit(code)


def print_result(
    result: Mapping[str, Any], *, as_json: bool, heading: str, rows: Sequence[Row] = (), blocks: Sequence[str] = ()
) -> None:
    """Print a result on standard output: as JSON, or as a heading, a table of `rows` and further blocks of text."""
    if as_json:
        print(json.dumps(result, indent=2, default=str))
    else:
        print(printable("\n\n".join([heading, *([table(rows)] if rows else []), *blocks])))


@contextmanager
def quiet_libraries(*, model: str, kind: str) -> Iterator[None]:
    """Silence transformers, and redirect the output of libraries to standard error: standard output is for results.

    `model` is the folder or Hugging Face name to load; messages name its `kind`, such as `encoder`.

    Raises:
        AtlopError: `model` is a folder that does not exist, or a file.
    """
    _require_reachable(model, kind=kind)
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    with redirect_stdout(sys.stderr):
        yield


def require_extra(extra: str, *modules: str) -> None:
    """Raise an error if modules of an extra are not installed."""
    if missing := [module for module in modules if find_spec(module) is None]:
        raise AtlopError(f"needs {', '.join(missing)}, not installed here: pip install 'atlop[{extra}]'")


def is_main_process() -> bool:
    """Return whether this is the process that writes files and prints."""
    from accelerate import PartialState

    return bool(PartialState().is_main_process)


def _require_reachable(name: str, *, kind: str) -> None:
    """Refuse a folder that does not exist; go offline if the hub cannot be reached."""
    path = Path(name)
    if path.is_dir():
        return
    if path.exists():
        raise AtlopError(f"{kind} {name!r}: is a file; expected a folder")
    # `owner/name` is a name on the hub, unless there is a folder `owner` here.
    in_folder_here = "/" in name and path.parent.is_dir()
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or in_folder_here:
        raise AtlopError(f"{kind} {name!r}: no such folder; pass the folder of one, or a Hugging Face name")
    if "HF_HUB_OFFLINE" in os.environ:
        return
    from atlop.network import is_reachable

    if is_reachable(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), timeout=HUB_TIMEOUT):
        return
    os.environ["HF_HUB_OFFLINE"] = "1"  # use the cache; read when huggingface_hub is imported, later


class _LogFormatter(logging.Formatter):
    """Formats records as `atlop: warning: …`."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(f"atlop: {record.levelname.lower()}: {super().format(record)}")


@contextmanager
def _log_on_standard_error() -> Iterator[None]:
    """Write the package's log to standard error; of several processes, only the first logs more than errors."""
    package = logging.getLogger("atlop")
    handler, level = logging.StreamHandler(sys.stderr), package.level
    handler.setFormatter(_LogFormatter())
    package.addHandler(handler)
    package.setLevel(logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
