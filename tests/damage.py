"""Valid files made bad in every way that files go bad, and what may come of reading one: a result, or one message."""

import copy
import json
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st

from atlop.errors import AtlopError
from atlop.files import file_sha256

Result = TypeVar("Result")
Draw = Callable[[st.SearchStrategy[Any]], Any]

_DEEP, _DIGITS = "<deep>", "<digits>"
_WRITTEN = {_DEEP: "[" * 30_000 + "]" * 30_000, _DIGITS: "9" * 5000}
"""What no JSON library writes for us stands in as a string until the text is made."""

ODD_TEXTS = (
    *("", " ", "\0", "\ud800", "\udfff", "\ufeff", "\u202eabc", "\u0301", "\U0001f600", "a\nb", "\u2028", "\x1b[31m"),
    *("*", "a" * 10_000, "../../up", "<b>x</b>", "[red]x[/red]", "%s", "{0}"),
)
_ODD_NUMBERS = (0, -1, 1, 7, 2**31 - 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.5, -0.0, 1e308, float("nan"))
_ODD_OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    [0, 0],
    {"": None},
    [[[1]]],
    float("inf"),
    _DEEP,
    _DIGITS,
)
_ODD_BYTES = (
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x80", b"\n", b"\r", b"\t", b"|", b"[", b"]", b"{", b"}"),
    *(b'"', b"\\", b"\\ud800", b",", b":", b"-1", b"1e999", b"99999999999999999999", b"NaN", b"=", b"\xf0\x9f\x98\x80"),
    *(b"\x1f\x8b\x08", b"PK\x03\x04", b"\xe2\x80\xae", b"9" * 5000, b"[" * 3000),
)

HANGS = 60  # seconds after which a case counts as hanging
_FREE = 300 * 2**20
_TIMES = 40


def outcome_of(read: Callable[[], Result], *, size: int) -> Result | AtlopError:
    """Return what a function returns, or the one error that it may raise.

    Args:
        read: Reads a damaged file.
        size: Bytes of the file.

    Raises:
        AssertionError: It takes more memory than 300 MB and 40 times the file, or a minute, or has no message.
    """
    _forget_peak()
    before = _peak()
    with in_a_minute():
        try:
            result: Result | AtlopError = read()
        except AtlopError as error:
            result = error
    assert str(result).strip()
    assert _peak() - before <= _FREE + _TIMES * size
    return result


def refitted(path: Path) -> None:
    """Give a checkpoint's folder the checksums of its files as they are now."""
    sums = path / "sha256.txt"
    names = [line.split()[1] for line in sums.read_text(encoding="utf-8").splitlines()]
    sums.write_text("".join(f"{file_sha256(path / name)}  {name}\n" for name in names), encoding="utf-8")


def files_in(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@st.composite
def damaged_bytes(draw: Draw, original: bytes) -> bytes:
    """Flip, cut out, put in, repeat or leave off bytes, in up to three places."""
    data = original
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        stretch = data[at : at + draw(st.integers(1, 40))]
        kind = draw(st.sampled_from(("flip", "cut", "put in", "cut out", "repeat", "replace", "number")))
        if kind == "flip" and stretch:
            data = data[:at] + bytes([stretch[0] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "put in":
            data = data[:at] + draw(st.sampled_from(_ODD_BYTES)) + data[at:]
        elif kind == "cut out":
            data = data[:at] + data[at + len(stretch) :]
        elif kind == "repeat":
            data = data[:at] + stretch * draw(st.sampled_from((2, 3, 50))) + data[at + len(stretch) :]
        elif kind == "replace":
            data = data[:at] + draw(st.sampled_from(_ODD_BYTES)) + data[at + len(stretch) :]
        elif numbers := list(re.finditer(rb"\d+", data)):
            found = numbers[at % len(numbers)]
            number = str(draw(st.sampled_from((-1, 0, 1, 2, 9, 40, 10**9, 2**63, 10**30)))).encode()
            data = data[: found.start()] + number + data[found.end() :]
    return data


@st.composite
def damaged_json(draw: Draw, value: Any) -> bytes:
    """Change, swap, drop, repeat or rename values of a JSON tree, in up to three places; the text stays JSON."""
    tree = {"": copy.deepcopy(value)}
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        kind = draw(st.sampled_from(("change", "change", "swap", "drop", "repeat", "rename")))
        if kind == "swap":
            other, other_key = places[draw(st.integers(0, len(places) - 1))]
            holder[key] = copy.deepcopy(other[other_key])
        elif kind == "drop" and holder is not tree:
            del holder[key]
        elif kind == "repeat" and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif kind == "rename" and isinstance(holder, dict) and holder is not tree:
            holder[draw(st.sampled_from((*ODD_TEXTS, *holder)))] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(draw(odd_values()))
    text = json.dumps(tree[""], ensure_ascii=draw(st.booleans()))
    for placeholder, written in _WRITTEN.items():
        text = text.replace(f'"{placeholder}"', written, 1)
    if draw(st.integers(0, 9)) == 0 and (keys := re.findall(r'"\w+": ', text)):
        text = text.replace(keys[0], f"{keys[0]}1, {keys[0]}", 1)  # the same key twice
    return text.encode(errors="surrogatepass")


@st.composite
def damaged_safetensors(draw: Draw, original: bytes) -> bytes:
    """Change values of the header, its stated size, or bytes of the tensors."""
    size = int.from_bytes(original[:8], "little")
    header, tensors = original[8 : 8 + size], original[8 + size :]
    if draw(st.booleans()):
        changed: bytes = draw(damaged_bytes(tensors))
        return original[: 8 + size] + changed
    header = draw(damaged_json(json.loads(header)))
    stated: int = draw(st.sampled_from((len(header), len(header), 0, 2**40, 2**64 - 1)))
    return b"".join((stated.to_bytes(8, "little"), header, tensors))


def odd_values() -> st.SearchStrategy[Any]:
    """Return values that a field of a file is seldom meant to have."""
    return st.sampled_from((*ODD_TEXTS, *_ODD_NUMBERS, *_ODD_OTHERS))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container and key below a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _forget_peak() -> None:
    """Let the peak of memory begin with what is used now, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def in_a_minute() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise AssertionError(f"hangs: not done after {HANGS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
