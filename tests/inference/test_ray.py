"""Workers of a Ray cluster find the facts that one process finds, whatever dies meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from atlop.errors import AtlopError
from atlop.files import hidden_path
from atlop.inference import RelationExtractor, parts
from atlop.inference.batches import ExtractBatches
from atlop.inference.parts import ExtractionSummary, extract_file
from atlop.inference.ray_engine import RayEngine
from atlop.inference.sources import Source
from tests.inference.ray_clusters import at_parts, cluster_of, kill_node, kill_worker, write_texts
from tests.test_cli import run_apart

pytestmark = pytest.mark.long
pytest.importorskip("ray", reason="needs Ray: pip install 'atlop[ray]'")


def test_workers_find_the_same_though_one_of_them_and_then_a_node_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "DOCUMENTS_PER_PART", 20)
    texts, output = tmp_path / "texts.jsonl", tmp_path / "facts.jsonl"
    write_texts(texts, documents=600)
    extractor = RelationExtractor.from_pretrained("sample")
    extract_file(extractor, Source(texts), output=tmp_path / "whole.jsonl")

    with cluster_of(2, cpus=1) as cluster:
        engine = RayEngine(ExtractBatches("sample", precision="float32", device="cpu"), workers=2, cpus=0.5)
        kills = {5: kill_worker, 12: lambda: kill_node(cluster)}
        with at_parts(hidden_path(output, suffix=".parts"), kills) as killed:
            done = extract_file(extractor, Source(texts), output=output, engine=engine)

    assert killed == [5, 12]
    assert isinstance(done, ExtractionSummary)
    assert done.counts.documents == 600
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_the_command_starts_workers_and_writes_the_same_facts(tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    write_texts(texts, documents=20)
    command: tuple[Any, ...] = ("-m", "atlop", "extract", "sample", texts)

    run_apart(*command, "--output", tmp_path / "one.parquet")
    run_apart(*command, "--output", tmp_path / "ray.parquet", "--engine", "ray", "--cpus", "0.5")

    assert (tmp_path / "ray.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()


def test_what_goes_wrong_in_a_worker_is_one_message(tmp_path: Path) -> None:
    write_texts(tmp_path / "texts.jsonl", documents=2)
    extractor = RelationExtractor.from_pretrained("sample")
    engine = RayEngine(ExtractBatches("sample", decision=str(tmp_path / "none.json"), device="cpu"))

    with cluster_of(1, cpus=1), pytest.raises(AtlopError, match=r"Ray: .*none\.json"):
        extract_file(extractor, Source(tmp_path / "texts.jsonl"), output=tmp_path / "facts.jsonl", engine=engine)


def test_a_cluster_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    write_texts(tmp_path / "texts.jsonl", documents=2)
    extractor = RelationExtractor.from_pretrained("sample")
    engine = RayEngine(ExtractBatches("sample"), address="127.0.0.1:1")

    with pytest.raises(AtlopError, match="Ray: "):
        extract_file(extractor, Source(tmp_path / "texts.jsonl"), output=tmp_path / "facts.jsonl", engine=engine)
