"""`scripts/damage.py` notices whatever becomes of a file, and keeps it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from atlop.errors import AtlopError
from scripts.damage import Kind, Row, damage


def die(content: bytes) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raise_another(content: bytes) -> None:
    raise KeyError(content)


def look_at(look: Callable[[bytes], object], *, kept: Path) -> Row:
    return damage("a kind", Kind(st.just(b"content"), look, weight=1), files=1, first_seed=7, kept=kept)


@pytest.mark.parametrize(
    ("look", "problem"), [(die, "died with exit code -9"), (raise_another, "KeyError: b'content'")]
)
def test_a_file_that_ends_its_process_is_kept_and_named_with_its_seed(
    look: Callable[[bytes], object], problem: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    row = look_at(look, kept=tmp_path)

    assert (row.ok, row.refused, row.failures) == (0, 0, 1)
    [file] = tmp_path.iterdir()
    assert file.read_bytes() == b"content"
    message = capfd.readouterr().err
    assert f"a kind, seed 7, file {file}: " in message
    assert problem in message


def test_a_file_that_is_read_or_refused_is_counted_and_removed(tmp_path: Path) -> None:
    read, refused = look_at(lambda content: content, kept=tmp_path), look_at(AtlopError, kept=tmp_path)

    assert (read.ok, read.refused, read.failures) == (1, 0, 0)
    assert (refused.ok, refused.refused, refused.failures) == (0, 1, 0)
    assert not list(tmp_path.iterdir())
