"""Workers of a Ray cluster find the facts that one process finds, whatever dies meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atlop.errors import AtlopError
from atlop.files import hidden_path
from atlop.inference import RelationExtractor, parts
from atlop.inference.batches import ExtractBatches
from atlop.inference.parts import ExtractionSummary, extract_file
from atlop.inference.ray_engine import RayEngine, _connected
from atlop.inference.sources import Source
from tests.inference.ray_clusters import at_parts, cluster_of, kill_node, kill_worker, write_texts
from tests.test_cli import run, values_of
from tests.web import closed_port

pytest.importorskip("ray", reason="needs Ray: pip install 'atlop[ray]'")


def test_a_cluster_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    address = closed_port().removeprefix("http://")

    output, problem = run(
        "extract", "sample", "--output", tmp_path / "facts.jsonl", "--engine", "ray", "--address", address, code=2
    )

    assert f"Ray: nothing answers at {address}" in problem
    assert not output


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port"])
def test_what_is_no_address_of_a_cluster_is_one_message(address: str, tmp_path: Path) -> None:
    problem = run(
        "extract", "sample", "--output", tmp_path / "facts.jsonl", "--engine", "ray", "--address", address, code=2
    )[1]

    assert f"{address!r} is no address of a Ray cluster; expected HOST:PORT, ray://HOST:PORT, auto or local" in problem


def test_a_cluster_that_ray_refuses_to_join_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def refuse(**_: Any) -> None:
        raise RuntimeError("Version mismatch: the cluster has:\n    Ray: 1.0\nThis process has:\n    Ray: 2")

    monkeypatch.setattr(ray, "init", refuse)

    with (
        pytest.raises(AtlopError, match=r"^Ray: Version mismatch: the cluster has: Ray: 1\.0 This process"),
        _connected("auto"),
    ):
        pass


def test_a_worker_that_this_machine_has_no_room_for_is_refused() -> None:
    engine = RayEngine(ExtractBatches("sample"), gpus=0.5)

    with pytest.raises(AtlopError, match=r"^--gpus 0\.5: this machine has 0 GPUs for a worker"):
        engine._check_resources({"CPU": 2.0})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with a CPU each."""
    with cluster_of(2, cpus=1) as started:
        yield started


@pytest.mark.long
@pytest.mark.usefixtures("cluster")
def test_the_command_writes_what_it_writes_without_workers(tmp_path: Path) -> None:
    run("extract", "sample", "--output", tmp_path / "one.parquet")

    output, _ = run("extract", "sample", "--output", tmp_path / "ray.parquet", "--engine", "ray", "--cpus", "0.5")

    assert values_of(output)["computed by workers now"].split()[0] == "12"
    assert (tmp_path / "ray.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()


@pytest.mark.long
@pytest.mark.usefixtures("cluster")
def test_what_goes_wrong_in_a_worker_is_one_message(tmp_path: Path) -> None:
    write_texts(tmp_path / "texts.jsonl", documents=2)
    extractor = RelationExtractor.from_pretrained("sample")
    engine = RayEngine(ExtractBatches("sample", decision=str(tmp_path / "none.json"), device="cpu"), cpus=0.5)

    with pytest.raises(AtlopError, match=r"^Ray: .*none\.json"):
        extract_file(extractor, Source(tmp_path / "texts.jsonl"), output=tmp_path / "facts.jsonl", engine=engine)


@pytest.mark.long
def test_workers_find_the_same_though_one_of_them_and_then_a_node_is_killed(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "DOCUMENTS_PER_PART", 8)
    texts, output = tmp_path / "texts.jsonl", tmp_path / "facts.jsonl"
    write_texts(texts, documents=200)
    extractor = RelationExtractor.from_pretrained("sample")
    extract_file(extractor, Source(texts), output=tmp_path / "whole.jsonl")
    engine = RayEngine(ExtractBatches("sample", precision="float32", device="cpu"), workers=2, cpus=0.5)

    with at_parts(hidden_path(output, suffix=".parts"), {3: kill_worker, 10: lambda: kill_node(cluster)}) as killed:
        done = extract_file(extractor, Source(texts), output=output, engine=engine)

    assert killed == [3, 10]
    assert isinstance(done, ExtractionSummary)
    assert done.counts.documents == 200
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
