"""`atlop download`, against a server on this machine."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from atlop.corpora import FORMATS
from atlop.corpora.formats.docred import DOCRED
from atlop.corpora.hosts import GitHubFolder, HubDataset
from atlop.corpora.published import PublishedCorpus, PublishedFile
from tests.test_cli import run, values_of
from tests.web import COMMIT, Site, closed_port, served

DOCUMENTS = json.dumps([{"title": "one"}, {"title": "two"}]).encode()


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # the tests may run with it; nothing leaves this machine
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    packed = (PublishedFile("data/dev.json.gz", entries=2), PublishedFile("data/test.json.gz", entries=2))
    plain = (PublishedFile("dev.json", entries=2),)
    downloads = {
        "small": PublishedCorpus("Small", HubDataset("a/b", revision=COMMIT), packed, note="A note."),
        "other": PublishedCorpus("Other", GitHubFolder("a/c", revision="main"), plain),
    }
    monkeypatch.setitem(FORMATS, "mine", replace(DOCRED, name="mine", downloads=downloads))
    with served() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        monkeypatch.setenv("ATLOP_GITHUB_RAW", site.url + "/")
        for name in ("dev", "test"):
            site.files[f"datasets/a/b/resolve/{COMMIT}/data/{name}.json.gz"] = gzip.compress(DOCUMENTS)
        site.files["a/c/main/dev.json"] = DOCUMENTS
        yield site


def test_a_corpus_is_fetched_and_told_in_a_table(tmp_path: Path) -> None:
    output, problem = run("download", "small")

    assert output.startswith("data/small: Small\nA note.\n\n")
    assert values_of(output) == {"dev.json": "2", "test.json": "2"}
    assert "documents; fetched; number checked" in output
    assert problem == ""
    assert (tmp_path / "data/small/dev.json").read_bytes() == DOCUMENTS
    assert "documents; already there; number checked" in run("download", "small")[0]


def test_the_result_can_be_had_as_json() -> None:
    report = json.loads(run("download", "other", "--json")[0])

    assert (report["corpus"], report["output"], report["note"]) == ("other", "data/other", "")
    (file,) = report["files"]
    assert (file["name"], file["done"], file["entries"], file["bytes"]) == ("dev.json", "fetched", 2, len(DOCUMENTS))


@pytest.mark.parametrize(
    "files", [["--files", "dev", "test"], ["--files", "dev", "--files", "test"], ["dev", "test"]], ids=str
)
def test_files_are_named_one_after_another(tmp_path: Path, files: list[str]) -> None:
    run("download", "small", *files, "--output", tmp_path / "here")

    assert {path.name for path in (tmp_path / "here").iterdir()} == {"dev.json", "test.json"}


def test_one_file_may_be_asked_for(tmp_path: Path) -> None:
    run("download", "small", "--files", "test", "--output", tmp_path / "here")

    assert {path.name for path in (tmp_path / "here").iterdir()} == {"test.json"}


def test_force_replaces_a_file_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text("[]", encoding="utf-8")

    assert "run the command with --force" in run("download", "other", "--output", tmp_path, code=2)[1]
    run("download", "other", "--output", tmp_path, "--force")

    assert path.read_bytes() == DOCUMENTS


def test_an_unknown_corpus_names_the_known_ones() -> None:
    assert "unknown corpus 'docret'; known: docred, redocred" in run("download", "docret", code=2)[1]


def test_docred_has_no_class_ids_and_the_message_says_why_none_are_needed() -> None:
    _, problem = run("download", "docred", "--files", "rel2id", code=2)

    assert "no file 'rel2id.json'; the files are dev, rel_info, test, train_annotated, train_distant" in problem
    assert "none is needed to train" in problem


def test_offline_it_says_what_to_fetch_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = closed_port()
    monkeypatch.setenv("HF_ENDPOINT", nowhere)

    output, problem = run("download", "docred", code=2)

    assert output == ""
    assert f"{nowhere} does not answer" in problem
    assert "put them into data/docred/ unchanged" in problem
    assert problem.count("/data/") == 4  # one address for each usual file
    assert "train_distant" not in problem
