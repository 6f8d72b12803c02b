"""Shared by all commands: errors without a traceback, logs on standard error, quiet libraries."""

import errno
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.util import find_spec
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any

import typer
from safetensors import SafetensorError
from typer.core import TyperGroup

from atlop.cli.memory import keep_freed_memory
from atlop.cli.text import Row, printable, table
from atlop.errors import AtlopError, StoppedError
from atlop.files import model_folder

USER_ERROR = 2
"""Exit code for errors that the user can fix."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells."""
HUB_TIMEOUT = 5
"""Seconds to wait for the Hugging Face hub; transformers would retry for half a minute."""
_TRUE = ("1", "ON", "YES", "TRUE")
"""Values of `HF_HUB_OFFLINE` that huggingface_hub, which is not imported yet, reads as true."""


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
            if getattr(error, "option_name", None) == "--layout":  # typer does not export its NoSuchOption
                message, code = "error: --layout was renamed to --format in version 0.2", USER_ERROR
            elif variables := _refused_variables(error):
                reason = str(error).strip().partition("\n")[0]
                message, code = f"error: {variables}: {reason}; unset the variable, or correct it", USER_ERROR
            else:
                raise
        with suppress(OSError):  # the terminal may be gone
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
        AtlopError: `model` is a folder that does not exist, or a file; or Python drops the docstrings that transformers
            reads.
    """
    if sys.flags.optimize > 1:
        raise AtlopError("PYTHONOPTIMIZE=2 (python -OO): transformers cannot work without docstrings; unset it")
    _require_reachable(model, kind=kind)
    from transformers.utils import logging as transformers_logging

    verbosity, has_bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if has_bars:
            transformers_logging.enable_progress_bar()


def require_extra(extra: str, *modules: str) -> None:
    """Raise an error if modules of an extra are not installed."""
    if missing := [module for module in modules if find_spec(module) is None]:
        raise AtlopError(f"needs {', '.join(missing)}, not installed here: pip install 'atlop[{extra}]'")


def prepare_streams() -> None:
    """Make standard streams usable: closed ones write to nowhere, and characters they cannot encode are escaped."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        try:
            os.write(number, b"")
        except OSError:  # closed, as for a service or cron job; otherwise the next file would get the number
            null = os.open(os.devnull, os.O_WRONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_main_process() -> bool:
    """Return whether this is the process that writes files and prints: the first of those that have joined."""
    distributed: Any = sys.modules.get("torch.distributed")  # importing it takes seconds
    has_joined = distributed is not None and distributed.is_available() and distributed.is_initialized()
    return not has_joined or distributed.get_rank() == 0


def _require_reachable(name: str, *, kind: str) -> None:
    """Refuse a folder that does not exist; go offline if the hub cannot be reached."""
    path = Path(model_folder(name) if kind == "model" else name)
    if path.is_dir():
        return
    if path.exists():
        raise AtlopError(f"{kind} {name!r}: is a file; expected a folder")
    # `owner/name` is a name on the hub, unless there is a folder `owner` here.
    in_folder_here = "/" in name and path.parent.is_dir()
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or in_folder_here:
        raise AtlopError(f"{kind} {name!r}: no such folder; pass the folder of one, or a Hugging Face name")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        return
    from atlop.network import is_reachable

    if is_reachable(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), timeout=HUB_TIMEOUT):
        return
    os.environ["HF_HUB_OFFLINE"] = "1"  # use the cache; read when huggingface_hub is imported, later


def _refused_variables(error: Exception) -> str:
    """Return the environment variables whose values a library refused while it was imported, empty if there are none.

    Libraries read many variables, which other programs may have left, and their messages quote only the values.
    """
    modules = [frame.f_globals["__name__"] for frame, _ in walk_tb(error.__traceback__) if _is_import(frame)]
    if not modules or modules[-1].startswith("atlop"):
        return ""
    return ", ".join(
        f"{name}={value}"
        for name, value in os.environ.items()
        if not value.isdecimal() and re.search(rf"(?i)(?<!\w){re.escape(value)}(?!\w)", str(error))
    )


def _is_import(frame: FrameType) -> bool:
    return frame.f_code.co_name == "<module>"


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
    handler.addFilter(lambda record: record.levelno >= logging.ERROR or is_main_process())
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
