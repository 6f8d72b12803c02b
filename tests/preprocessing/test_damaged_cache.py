"""A damaged entry of the cache is built again; one whose checksums were made to fit raises nothing when it is used."""

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlop.files import file_sha256
from atlop.preprocessing import collate
from atlop.preprocessing.cache import cached
from atlop.preprocessing.corpus import PreprocessedCorpus
from atlop.preprocessing.identity import sha256_of_json
from tests.damage import Draw, damaged_bytes, damaged_json, files_in, outcome_of
from tests.golden_values import golden_windowing
from tests.preprocessing.test_cache import KEY, Build, get


@cache
def build() -> Build:
    return Build()


@cache
def entry() -> dict[str, bytes]:
    """The files of an entry, by suffix."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATLOP_CACHE", folder)
        get(build())
        return {path.suffix: path.read_bytes() for path in Path(folder).iterdir()}


@st.composite
def damaged_entry(draw: Draw) -> tuple[str, bytes]:
    suffix = draw(st.sampled_from((".arrow", ".json")))
    return suffix, draw(damaged_bytes(entry()[suffix]))


@st.composite
def damaged_content(draw: Draw) -> tuple[str, bytes]:
    """Change bytes of the table, or values of what is said of it."""
    if draw(st.booleans()):
        return ".arrow", draw(damaged_bytes(entry()[".arrow"]))
    return ".json", draw(damaged_json(json.loads(entry()[".json"])["entry"]))


def look_at_entry(suffix: str, content: bytes, *, read: Callable[[], Any] = lambda: get(build())) -> object:
    """Use an entry in which one file has another content."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATLOP_CACHE", folder)
        for kind, whole in (entry() | {suffix: content}).items():
            (Path(folder) / f"{sha256_of_json(KEY)}{kind}").write_bytes(whole)
        before = files_in(Path(folder))
        found = outcome_of(read, size=len(content))
        assert isinstance(found, PreprocessedCorpus)
        assert files_in(Path(folder)) == before
        return found


def look_at_content(suffix: str, content: bytes) -> object:
    """Use an entry whose table, or description of it, has another content with a sha256 that fits."""
    body = json.loads(entry()[".json"])["entry"]
    table = content if suffix == ".arrow" else entry()[".arrow"]
    if suffix == ".json":
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            return look_at_entry(suffix, content)
    else:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(table)
            body["table"] = {"bytes": len(table), "sha256": file_sha256(Path(file.name))}
    try:
        described = json.dumps({"sha256": sha256_of_json(body), "entry": body}).encode()
    except (UnicodeEncodeError, RecursionError, ValueError):
        return look_at_entry(suffix, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(entry(), ".arrow", table)
        return look_at_entry(".json", described, read=use)


def use() -> PreprocessedCorpus:
    """Read the entry, or build it, and use all of it."""
    corpus = cached(KEY, name="train.json", tokens=100, build=build())
    assert all(use.facts >= 0 for use in corpus.relations)
    assert len(corpus.class_shares(2)) == 2
    assert str(corpus.truncation)
    if len(corpus):
        assert collate(list(corpus), windowing=golden_windowing("bert"))
    return corpus


@given(damage=damaged_entry())
def test_entries_with_changed_bytes(damage: tuple[str, bytes]) -> None:
    look_at_entry(*damage)


@given(damage=damaged_content())
def test_entries_whose_checksums_were_made_to_fit(damage: tuple[str, bytes]) -> None:
    look_at_content(*damage)
