import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.config_files import load_config
from atlop.corpora import published_corpora
from atlop.corpora.download import DownloadedFile, download
from atlop.corpora.hosts import GitHubFolder, HubDataset
from atlop.corpora.published import Checksum, PublishedCorpus, PublishedFile
from atlop.errors import AtlopError
from tests.web import COMMIT, Site, closed_port, served

ROOT = Path(__file__).parents[2]
PUBLISHED = published_corpora()
DEV = json.dumps([{"title": str(index), "score": 0.5} for index in range(200)]).encode()
NAMES = json.dumps({"P17": "country", "P6": "head"}).encode()
PACKED = gzip.compress(DEV, mtime=0)
RESOLVED = f"datasets/someone/corpus/resolve/{COMMIT}/data"


def digest(content: bytes) -> Checksum:
    return Checksum(hashlib.sha256(content).hexdigest(), len(content))


HUB = PublishedCorpus(
    "A corpus",
    HubDataset("someone/corpus", revision=COMMIT),
    (
        PublishedFile("data/dev.json.gz", entries=200, download=digest(PACKED), note="once it had 201"),
        PublishedFile("data/rel_info.json.gz", entries=2, content="relation names"),
        PublishedFile("data/distant.json.gz", entries=200, fetched_by_default=False),
    ),
    note="It has no rel2id.json.",
)
GITHUB = PublishedCorpus(
    "Another",
    GitHubFolder("someone/else", revision="main"),
    (PublishedFile("data/dev.json", entries=200, download=digest(DEV)),),
)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # the tests may run with it; nothing leaves this machine
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served() as site:
        site.files = {
            f"{RESOLVED}/dev.json.gz": PACKED,
            f"{RESOLVED}/rel_info.json.gz": gzip.compress(NAMES),
            f"{RESOLVED}/distant.json.gz": gzip.compress(DEV),
            "someone/else/main/data/dev.json": DEV,
        }
        yield site


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Root may write anywhere; then somebody else has to try."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield
    if is_root:
        os.seteuid(0)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def changed(corpus: PublishedCorpus, **values: object) -> PublishedCorpus:
    """Return the corpus with values of its first file changed, and without the others."""
    return replace(corpus, files=(replace(corpus.files[0], **values),))  # type: ignore[arg-type]


# whole


def test_the_usual_files_come_unpacked_and_nothing_else_stays(site: Site, tmp_path: Path) -> None:
    done = download(HUB, folder=tmp_path / "new", server=site.url)

    sums = [hashlib.sha256(content).hexdigest() for content in (DEV, NAMES)]
    assert done == [
        DownloadedFile("dev.json", "fetched", len(DEV), sums[0], 200, "documents", sha256_known=True),
        DownloadedFile("rel_info.json", "fetched", len(NAMES), sums[1], 2, "relation names", sha256_known=False),
    ]
    assert (tmp_path / "new/dev.json").read_bytes() == DEV
    assert names_in(tmp_path / "new") == {"dev.json", "rel_info.json"}
    assert [path for path, _ in site.fetched] == [f"{RESOLVED}/dev.json.gz", f"{RESOLVED}/rel_info.json.gz"]


def test_a_file_comes_from_github(site: Site, tmp_path: Path) -> None:
    (done,) = download(GITHUB, folder=tmp_path, server=site.url)

    assert (done.done, done.entries, done.sha256_known) == ("fetched", 200, True)
    assert (tmp_path / "dev.json").read_bytes() == DEV
    assert names_in(tmp_path) == {"dev.json"}


@pytest.mark.parametrize("names", [["distant"], ["distant.json"], ["distant.json.gz"]])
def test_other_files_come_when_asked_for(site: Site, tmp_path: Path, names: list[str]) -> None:
    download(HUB, folder=tmp_path, names=names, server=site.url)

    assert names_in(tmp_path) == {"distant.json"}


def test_an_unknown_file_names_the_known_ones_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(AtlopError) as problem:
        download(HUB, folder=tmp_path, names=["dev", "rel2id"])

    assert str(problem.value) == (
        "A corpus: no file 'rel2id.json'; the files are dev, distant, rel_info. It has no rel2id.json."
    )


# cut


def test_a_connection_to_github_that_is_cut_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    site.cuts = 1

    download(GITHUB, folder=tmp_path, server=site.url)

    assert (tmp_path / "dev.json").read_bytes() == DEV
    assert [part for _, part in site.fetched] == [None, f"bytes={len(DEV) // 2}-"]


def test_a_connection_to_the_hub_that_is_cut_goes_on_after_the_last_whole_chunk(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100)
    site.cuts = 1

    download(HUB, folder=tmp_path, names=["dev"], server=site.url)

    assert (tmp_path / "dev.json").read_bytes() == DEV
    assert [part for _, part in site.fetched] == [None, f"bytes={len(PACKED) // 2 // 100 * 100}-"]


def test_a_cut_download_goes_on_with_the_next_call(site: Site, tmp_path: Path) -> None:
    site.cuts = 100
    with pytest.raises(AtlopError, match="cannot be fetched"):
        download(GITHUB, folder=tmp_path, server=site.url)
    assert names_in(tmp_path) == {".download"}
    site.cuts = 0
    site.requests.clear()

    download(GITHUB, folder=tmp_path, server=site.url)

    assert names_in(tmp_path) == {"dev.json"}
    assert [part for _, part in site.fetched] == [f"bytes={len(DEV) - 1}-"]


# wrong


@pytest.mark.parametrize(("corpus", "content"), [(HUB, PACKED), (GITHUB, DEV)])
def test_of_a_file_with_another_sum_nothing_stays(
    site: Site, tmp_path: Path, corpus: PublishedCorpus, content: bytes
) -> None:
    wrong = Checksum("0" * 64, len(content))

    with pytest.raises(AtlopError) as problem:
        download(changed(corpus, download=wrong), folder=tmp_path, server=site.url)

    size = f"{len(content):,} bytes and sha256"
    assert f"has {size} {hashlib.sha256(content).hexdigest()}, expected {size} {'0' * 64}" in str(problem.value)
    assert str(problem.value).startswith(corpus.host.url(corpus.files[0].path, server=site.url))
    assert "it was removed" in str(problem.value)
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("corpus", [HUB, GITHUB])
def test_a_download_is_told_from_a_file_put_there_by_hand_in_a_relative_folder_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: PublishedCorpus
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(AtlopError, match=r"^http.*; it was removed; run the command again"):
        download(changed(corpus, download=Checksum("0" * 64)), folder=Path("data/docred"), server=site.url)

    assert names_in(Path("data/docred")) == set()


def test_a_disk_that_is_full_is_no_fault_of_the_download_which_stays(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs a device that is always full")
    site.files[f"{RESOLVED}/dev.json.gz"] = gzip.compress(os.urandom(1 << 17).hex().encode())
    monkeypatch.setattr("atlop.corpora.download.atomic_path", lambda path: nullcontext(full))

    with pytest.raises(OSError, match="No space left"):
        download(changed(HUB, download=Checksum()), folder=tmp_path, server=site.url)

    assert list((tmp_path / ".download").rglob("dev.json.gz"))


def test_of_a_file_that_unpacks_to_another_sum_nothing_stays(site: Site, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=f"has sha256 {hashlib.sha256(DEV).hexdigest()}, expected sha256 {'0' * 64}"):
        download(changed(HUB, unpacked=Checksum("0" * 64)), folder=tmp_path, server=site.url)

    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("corpus", [HUB, GITHUB])
def test_of_a_file_with_another_number_of_documents_nothing_stays(
    site: Site, tmp_path: Path, corpus: PublishedCorpus
) -> None:
    with pytest.raises(AtlopError, match=r"has 200 documents, expected 201"):
        download(changed(corpus, entries=201), folder=tmp_path, server=site.url)

    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DEV, "cannot be unpacked: Not a gzipped file"),
        (PACKED[:-20], "cannot be unpacked: "),
        (gzip.compress(DEV[:-20]), "is not the expected JSON: "),
        (gzip.compress(b"{}", mtime=0), "has 0 documents, expected 200 "),
        (gzip.compress(b"", mtime=0), "is not the expected JSON: "),
    ],
)
def test_of_a_damaged_file_nothing_stays(site: Site, tmp_path: Path, content: bytes, message: str) -> None:
    site.files[f"{RESOLVED}/dev.json.gz"] = content

    with pytest.raises(AtlopError, match=message):
        download(changed(HUB, download=Checksum()), folder=tmp_path, server=site.url)

    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("corpus", [HUB, GITHUB])
def test_a_file_that_the_server_does_not_have_is_named(site: Site, tmp_path: Path, corpus: PublishedCorpus) -> None:
    site.files = {}

    with pytest.raises(AtlopError, match=r"404") as problem:
        download(corpus, folder=tmp_path, server=site.url)

    assert corpus.host.url(corpus.files[0].path, server=site.url) in str(problem.value).splitlines()[0]
    assert "To fetch the missing files by hand" in str(problem.value)
    assert not list(tmp_path.glob("*.json"))


# offline


def test_without_the_server_it_says_what_to_fetch_by_hand_and_where_to_put_it(site: Site, tmp_path: Path) -> None:
    nowhere = closed_port()

    with pytest.raises(AtlopError) as problem:
        download(HUB, folder=tmp_path, server=nowhere)

    first, *rest = str(problem.value).splitlines()
    assert first == f"{nowhere} does not answer"
    assert rest == [
        f"To fetch the missing files by hand, put them into {tmp_path}/ unchanged:",
        f"  {nowhere}/{RESOLVED}/dev.json.gz  ({len(PACKED)} bytes, sha256 {hashlib.sha256(PACKED).hexdigest()})",
        f"  {nowhere}/{RESOLVED}/rel_info.json.gz  (2 relation names)",
        "and run the same command again: it checks and unpacks these files, and fetches only missing ones.",
    ]
    assert names_in(tmp_path) == set()


def test_only_what_is_missing_is_to_be_fetched_by_hand(site: Site, tmp_path: Path) -> None:
    download(HUB, folder=tmp_path, names=["dev"], server=site.url)

    with pytest.raises(AtlopError) as problem:
        download(HUB, folder=tmp_path, server=closed_port())

    assert "rel_info.json.gz" in str(problem.value)
    assert "dev.json.gz" not in str(problem.value)


def test_github_that_does_not_answer_is_told_the_same_way(site: Site, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"cannot be fetched: .*refused\nTo fetch the missing files by hand"):
        download(GITHUB, folder=tmp_path, server=closed_port())


def test_offline_mode_of_the_hub_asks_for_nothing(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(AtlopError, match=r"cannot be fetched: .*offline.*\nTo fetch the missing files by hand"):
        download(HUB, folder=tmp_path, server=site.url)

    assert not site.fetched


def test_packed_files_put_there_by_hand_are_unpacked_without_a_request(site: Site, tmp_path: Path) -> None:
    (tmp_path / "dev.json.gz").write_bytes(PACKED)

    (done,) = download(HUB, folder=tmp_path, names=["dev"], server=site.url)

    assert (done.done, done.sha256_known) == ("unpacked", True)
    assert names_in(tmp_path) == {"dev.json", "dev.json.gz"}
    assert not site.requests


def test_a_wrong_file_put_there_by_hand_is_named_and_left(site: Site, tmp_path: Path) -> None:
    (tmp_path / "dev.json.gz").write_bytes(PACKED + b"x")

    with pytest.raises(AtlopError, match=r"dev\.json\.gz: has .* expected .*; remove it and run the command again"):
        download(HUB, folder=tmp_path, names=["dev"], server=site.url)

    assert names_in(tmp_path) == {"dev.json.gz"}


def test_what_the_hubs_cache_has_is_taken_without_a_request(site: Site, tmp_path: Path) -> None:
    from huggingface_hub import constants

    kept = Path(constants.HF_HUB_CACHE) / "datasets--someone--corpus/snapshots" / COMMIT / "data/dev.json.gz"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(PACKED)

    (done,) = download(HUB, folder=tmp_path, names=["dev"], server=site.url)

    assert done.done == "fetched"
    assert (tmp_path / "dev.json").read_bytes() == DEV
    assert kept.exists()
    assert not site.requests


# already there


@pytest.mark.parametrize("corpus", [HUB, GITHUB])
def test_what_is_there_and_right_is_checked_without_a_request(
    site: Site, tmp_path: Path, corpus: PublishedCorpus
) -> None:
    download(corpus, folder=tmp_path, server=site.url)
    site.requests.clear()

    done = download(corpus, folder=tmp_path, server=site.url)

    assert {file.done for file in done} == {"already there"}
    assert not site.requests


def test_a_sum_of_the_packed_file_says_nothing_of_one_that_is_there(site: Site, tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_bytes(DEV)

    (done,) = download(HUB, folder=tmp_path, names=["dev"], server=site.url)

    assert not done.sha256_known


@pytest.mark.parametrize(
    ("corpus", "content", "message"),
    [
        (HUB, b"[1, 2]", r"dev\.json: has 2 documents, expected 200 \(once it had 201\); run .* with --force"),
        (HUB, DEV[:-1], r"dev\.json: is not the expected JSON: "),
        (GITHUB, DEV.replace(b"199", b"200"), r"dev\.json: has .*sha256 .*, expected .*sha256 .*with --force"),
    ],
)
def test_what_is_there_and_wrong_is_left_unless_it_is_to_be_fetched_again(
    site: Site, tmp_path: Path, corpus: PublishedCorpus, content: bytes, message: str
) -> None:
    (tmp_path / "dev.json").write_bytes(content)

    with pytest.raises(AtlopError, match=message):
        download(corpus, folder=tmp_path, server=site.url)
    assert (tmp_path / "dev.json").read_bytes() == content
    assert not site.requests

    download(corpus, folder=tmp_path, names=["dev"], server=site.url, force=True)
    assert (tmp_path / "dev.json").read_bytes() == DEV


# folders that cannot be written


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_fetched(
    site: Site, tmp_path_factory: pytest.TempPathFactory, ordinary_user: None
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others altogether
        Path(folder).chmod(0o555)
        with pytest.raises(AtlopError, match=r": cannot be written: Permission denied; pass another name"):
            download(HUB, folder=Path(folder), server=site.url)
        Path(folder).chmod(0o755)

    assert not site.requests


def test_a_file_where_the_folder_should_be_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("", encoding="utf-8")

    with pytest.raises(AtlopError, match=r"data/docred: cannot be written: Not a directory"):
        download(HUB, folder=tmp_path / "data/docred", server=site.url)


# the published corpora


def test_every_file_of_these_corpora_that_a_configuration_names_can_be_downloaded() -> None:
    brought = {f"data/{name}/{file.name}" for name, corpus in PUBLISHED.items() for file in corpus.files}
    named = {
        value
        for path in (ROOT / "configs").glob("*.toml")
        for value in load_config(str(path)).data.model_dump(mode="json").values()
        if isinstance(value, str) and value.startswith(tuple(f"data/{name}/" for name in PUBLISHED))
    }

    assert named
    assert named <= brought


def test_the_sums_are_those_of_the_page_about_data() -> None:
    page = (ROOT / "data/README.md").read_text(encoding="utf-8")
    known = {
        known.sha256
        for corpus in PUBLISHED.values()
        for file in corpus.files
        for known in (file.download, file.unpacked)
        if known.sha256
    }

    assert set(re.findall(r"`([0-9a-f]{64})`", page)) == known
    assert all(f"{corpus.host.repository}" in page for corpus in PUBLISHED.values())  # type: ignore[attr-defined]


def test_only_the_large_file_waits_to_be_asked_for() -> None:
    assert [file.name for corpus in PUBLISHED.values() for file in corpus.files if not file.fetched_by_default] == [
        "train_distant.json"
    ]


def test_real_files_that_are_there_are_recognised_as_right(real_data: Path) -> None:
    (test,) = download(PUBLISHED["docred"], folder=real_data / "docred", names=["test"])
    (names,) = download(PUBLISHED["docred"], folder=real_data / "docred", names=["rel_info"])
    (dev,) = download(PUBLISHED["redocred"], folder=real_data / "redocred", names=["dev_revised"])

    assert (test.entries, names.entries, dev.entries, dev.sha256_known) == (1_000, 96, 500, True)
