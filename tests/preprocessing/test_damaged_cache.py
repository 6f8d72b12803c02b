"""A damaged entry of the cache is built again, and never changes what is read."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlop.preprocessing.corpus import PreprocessedCorpus
from tests.damage import damaged_bytes, files_in, outcome_of
from tests.preprocessing.test_cache import Build, get

BUILD = Build()


@given(data=st.data(), kind=st.sampled_from(("arrow", "json")))
def test_entries_with_changed_bytes(data: st.DataObject, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATLOP_CACHE", folder)
        get(BUILD)
        whole = files_in(Path(folder))
        [file] = Path(folder).glob(f"*.{kind}")
        content = data.draw(damaged_bytes(file.read_bytes()))
        file.write_bytes(content)
        assert isinstance(outcome_of(lambda: get(BUILD), size=len(content)), PreprocessedCorpus)
        assert files_in(Path(folder)) == whole
