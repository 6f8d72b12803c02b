"""Clusters of Ray on this machine, and how their workers and nodes are killed; for tests and `scripts/engines.py`."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from atlop import sample

WORKER = b"PartWriter"
"""Part of the name of the processes that Ray starts for an extraction."""
_STORE = 100 << 20  # bytes of a node's object store, through which only numbers pass


@contextmanager
def cluster_of(nodes: int, *, cpus: float) -> Iterator[Any]:
    """Yield a cluster to which this process is connected: nodes with so many CPUs each, the first one its head."""
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": cpus, "object_store_memory": _STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**node)
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def worker_pids() -> list[int]:
    """Return the ids of the workers of an extraction that run on this machine."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cmdline").read_bytes().startswith(b"ray::") and WORKER in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return sorted(found)


def kill_worker() -> None:
    """Kill one worker."""
    os.kill(worker_pids()[0], signal.SIGKILL)


def kill_node(cluster: Any) -> None:
    """Kill a node that is not the head, with all of its processes, as if its machine were lost."""
    node = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
    cluster.remove_node(node, allow_graceful=False)


@contextmanager
def at_parts(folder: Path, actions: dict[int, Callable[[], None]]) -> Iterator[list[int]]:
    """Do something once there are so many parts in a folder; yield the numbers at which something was done."""
    done: list[int] = []
    over = threading.Event()

    def watch() -> None:
        for number, action in sorted(actions.items()):
            while len(list(folder.glob("part-*"))) < number:
                if over.is_set():
                    return
                time.sleep(0.02)
            action()
            done.append(number)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def write_texts(path: Path, *, documents: int) -> None:
    """Write the sample's texts again and again, each with a title of its own."""
    texts = [json.loads(line) for line in sample.TEXTS.read_text(encoding="utf-8").splitlines()]
    with path.open("w", encoding="utf-8") as file:
        for number in range(documents):
            file.write(json.dumps(texts[number % len(texts)] | {"title": f"text {number}"}) + "\n")
