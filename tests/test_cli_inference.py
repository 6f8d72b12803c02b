"""The commands that take a trained model to new text and to others."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from atlop.files import hidden_path
from atlop.model_folder import save_model
from tests.golden_values import golden_documents, golden_model, golden_tokenizer
from tests.inference.texts import plain_row
from tests.test_cli import run, run_apart, values_of
from tests.web import COMMIT, served


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.jsonl"
    rows = [json.dumps(plain_row(golden_documents()[index])) for index in (0, 1, 6)]
    path.write_text("\n".join([*rows, "{"]), encoding="utf-8")
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# extract


def test_extract_writes_facts_and_tells_what_was_invalid(model: Path, file: Path, tmp_path: Path) -> None:
    output, problem = run("extract", model, file, "--output", tmp_path / "facts.jsonl", "--explain")

    values = values_of(output)
    assert output.startswith(f"wrote {tmp_path / 'facts.jsonl'}")
    assert (values["documents"], values["invalid documents"]) == ("4", "1")
    assert "line 4, column 2: not valid JSON" in output
    rows = lines_of(tmp_path / "facts.jsonl")
    assert values["facts"] == str(sum(len(row.get("facts", ())) for row in rows))
    assert rows[0]["facts"][0]["context"]["words"]
    assert "4docs" in problem.replace(" ", "")


def test_extract_finds_what_predict_finds(model: Path, golden: Path, file: Path, tmp_path: Path) -> None:
    run("predict", model, golden / "documents.json", "--output", tmp_path / "result.json")
    run("extract", model, file, "--output", tmp_path / "facts.jsonl")

    titles = {golden_documents()[index].title for index in (0, 1, 6)}
    predicted = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert {
        (row["title"], fact["subject"]["entity"], fact["object"]["entity"], fact["relation"])
        for row in lines_of(tmp_path / "facts.jsonl")
        for fact in row.get("facts", ())
    } == {(row["title"], row["h_idx"], row["t_idx"], row["r"]) for row in predicted if row["title"] in titles}


def test_extract_takes_lone_mentions_grouped_by_a_key(model: Path, tmp_path: Path) -> None:
    mentions = [{"start": 0, "end": 5, "kb": 1}, {"start": 12, "end": 15, "kb": 1}, {"start": 24, "end": 29, "kb": 2}]
    row = {"text": "Lucia left. She went to Tomas.", "entities": mentions}
    (tmp_path / "documents.jsonl").write_text(json.dumps(row), encoding="utf-8")

    run("extract", model, tmp_path / "documents.jsonl", "--output", tmp_path / "facts.jsonl", "--group-by", "kb")

    facts = lines_of(tmp_path / "facts.jsonl")[0]["facts"]
    assert {fact["subject"]["id"] for fact in facts} | {fact["object"]["id"] for fact in facts} == {"1", "2"}


def test_extract_refuses_other_formats(model: Path, golden: Path, tmp_path: Path) -> None:
    output = tmp_path / "facts.jsonl"

    _, problem = run("extract", model, golden / "documents.json", "--output", output, code=2)
    _, missing = run("extract", model, tmp_path / "none.jsonl", "--output", output, code=2)

    assert (
        "is not JSON lines; expected a .jsonl or .jsonl.gz file (atlop convert makes one of other formats)" in problem
    )
    assert "none.jsonl: no such file" in missing


def test_extract_refuses_an_unknown_format_and_bad_precision(model: Path, file: Path, tmp_path: Path) -> None:
    _, problem = run("extract", model, file, "--output", tmp_path / "facts.xml", code=2)
    _, other = run("extract", model, file, "--output", tmp_path / "facts.csv", "--precision", "fp16", code=2)

    assert "expected a name that ends in .jsonl, .csv, .parquet" in problem
    assert "precision fp16: needs a GPU" in other


@pytest.mark.long
def test_a_killed_extraction_goes_on_and_two_processes_give_what_one_gives(model: Path, tmp_path: Path) -> None:
    rows = [json.dumps(plain_row(golden_documents()[index])) for index in (0, 1, 6, 7)]
    file = tmp_path / "documents.jsonl"
    file.write_text("\n".join(rows * 500), encoding="utf-8")
    run_apart("-m", "atlop", "extract", model, file, "--output", tmp_path / "whole.jsonl")
    output, parts = tmp_path / "facts.jsonl", hidden_path(tmp_path / "facts.jsonl", suffix=".parts")
    process = subprocess.Popen([sys.executable, "-m", "atlop", "extract", model, file, "--output", output])
    while not list(parts.glob("part-*")):
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()

    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "atlop", "extract"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command, model, file, "--output", output], env=environment, check=True)

    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


# graph


@pytest.fixture(scope="module")
def facts(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the model finds, as JSON lines, CSV and Parquet."""
    pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")
    folder = tmp_path_factory.mktemp("facts")
    rows = [json.dumps(plain_row(golden_documents()[index])) for index in (0, 1, 6)]
    (folder / "documents.jsonl").write_text("\n".join([*rows, "{"]), encoding="utf-8")
    for suffix in ("jsonl", "csv", "parquet"):
        run("extract", model, folder / "documents.jsonl", "--output", folder / f"facts.{suffix}")
    return folder


@pytest.mark.parametrize("suffix", ["graphml", "gexf", "nt", "ttl", "jsonld", "html"])
def test_graph_is_made_of_what_extract_has_written(suffix: str, facts: Path, tmp_path: Path) -> None:
    graph = tmp_path / f"graph.{suffix}"

    output, _ = run("graph", facts / "facts.jsonl", "--output", graph)

    names = {
        fact[role]["name"]
        for row in lines_of(facts / "facts.jsonl")
        for fact in row.get("facts", ())
        for role in ("subject", "object")
    }
    assert values_of(output)["entities"] == str(len(names))
    assert graph.stat().st_size > 0
    assert "already exists" in run("graph", facts / "facts.jsonl", "--output", graph, code=2)[1]


def test_graph_makes_the_same_of_each_file_of_extract(facts: Path, tmp_path: Path) -> None:
    for suffix in ("jsonl", "csv", "parquet"):
        run("graph", facts / f"facts.{suffix}", "--output", tmp_path / f"{suffix}.ttl")

    made = {path.read_bytes() for path in tmp_path.iterdir()}
    assert len(made) == 1


def test_graph_refuses_what_it_cannot_do(facts: Path, tmp_path: Path) -> None:
    source = facts / "facts.jsonl"

    unknown = run("graph", source, "--output", tmp_path / "graph.json", code=2)[1]
    no_rdf = run("graph", source, "--output", tmp_path / "graph.gexf", "--namespace", "https://example.org/", code=2)[1]
    uncalibrated = run("graph", source, "--output", tmp_path / "graph.gexf", "--min-probability", 0.5, code=2)[1]

    assert "expected a name that ends in .graphml, .gexf, .ttl, .jsonld, .nt, .html" in unknown
    assert "--namespace: is for RDF, .ttl, .jsonld, .nt; " in no_rdf
    assert "have no probability" in uncalibrated
    assert not list(tmp_path.iterdir())


# push


def test_push_writes_the_card_and_sends_the_folder(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with served() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        address = f"{site.url}/owner/tiny/commit/{COMMIT}"

        def answer(path: str, body: bytes) -> bytes | None:
            if path.startswith("api/models/owner/tiny/preupload"):
                files = [{"path": row["path"], "uploadMode": "regular", "shouldIgnore": False}
                         for row in json.loads(body)["files"]]  # fmt: skip
                return json.dumps({"files": files}).encode()
            return json.dumps(
                {
                    "url": f"{site.url}/owner/tiny",
                    "commitUrl": address,
                    "commitOid": COMMIT,
                    "errors": [],
                    "warnings": [],
                }
            ).encode()

        site.answer = answer
        output, _ = run("push", folder, "owner/tiny", "--license", "mit")

    assert output.startswith(f"{folder} is sent: {address}")
    assert values_of(output)["licence"] == "mit"
    assert "license: mit" in (folder / "README.md").read_text(encoding="utf-8")


def test_push_refuses_what_is_no_model_folder(tmp_path: Path) -> None:
    assert "holds no model" in run("push", tmp_path, "owner/tiny", code=2)[1]
    assert "no such folder" in run("push", tmp_path / "none", "owner/tiny", code=2)[1]
