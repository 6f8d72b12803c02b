from collections.abc import Iterator
from pathlib import Path

import pytest

from atlop.errors import AtlopError
from atlop.network import fetch, is_reachable
from tests.web import Site, closed_port, served

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served() as site:
        site.files["file"] = CONTENT
        yield site


def test_a_file_comes_whole_with_one_request(site: Site, tmp_path: Path) -> None:
    fetch(f"{site.url}/file", to=tmp_path / "new" / "file")

    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert site.requests == [("GET", "file", None)]


def test_an_empty_file_is_a_file(site: Site, tmp_path: Path) -> None:
    site.files["file"] = b""

    fetch(f"{site.url}/file", to=tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b""


def test_a_cut_connection_is_taken_up_again(site: Site, tmp_path: Path) -> None:
    site.cuts = 2

    fetch(f"{site.url}/file", to=tmp_path / "file")

    half, more = len(CONTENT) // 2, len(CONTENT) // 2 + len(CONTENT) // 4
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert site.fetched == [("file", None), ("file", f"bytes={half}-"), ("file", f"bytes={more}-")]


def test_what_came_in_an_earlier_call_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT[:1000])

    fetch(f"{site.url}/file", to=tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert site.fetched == [("file", "bytes=1000-")]


def test_a_file_that_has_come_is_left_as_it_is(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)

    fetch(f"{site.url}/file", to=tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(site.requests) == 1


def test_what_is_longer_than_the_file_is_no_part_of_it(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT + b"x")

    fetch(f"{site.url}/file", to=tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_sends_all_again(site: Site, tmp_path: Path) -> None:
    site.knows_ranges = False
    (tmp_path / "file").write_bytes(b"something else")

    fetch(f"{site.url}/file", to=tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_ends_it_and_keeps_what_came(site: Site, tmp_path: Path) -> None:
    site.cuts = 100

    with pytest.raises(AtlopError, match=r"/file: cannot be fetched: .* after 10,239 bytes"):
        fetch(f"{site.url}/file", to=tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT[:-1]  # half of one byte is none


def test_a_file_that_is_not_there_says_so(site: Site, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"/nowhere: the server responds 404 Not Found"):
        fetch(f"{site.url}/nowhere", to=tmp_path / "file")

    assert not (tmp_path / "file").exists()


def test_a_server_that_is_not_there_says_so(site: Site, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"/file: cannot be fetched: .*refused"):
        fetch(f"{closed_port()}/file", to=tmp_path / "file")


def test_any_answer_is_one(site: Site) -> None:
    assert is_reachable(f"{site.url}/file", timeout=5)
    assert is_reachable(f"{site.url}/nowhere", timeout=5)
    assert not is_reachable(closed_port(), timeout=5)
    assert not is_reachable("no address", timeout=5)
