"""Trainings of several processes: what is trained, how torchrun's agents are started and killed, how ends are compared.

Tests use it, and `scripts/elastic.py`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file

from atlop.config import (
    ClassifierConfig,
    DataConfig,
    EncoderConfig,
    OptimizerConfig,
    PreprocessingConfig,
    RunConfig,
    TrainerConfig,
)

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}
AGENT = (
    *("-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1", "--rdzv_backend", "c10d"),
    *("--max_restarts", "10", "--monitor_interval", "0.1"),
)
"""One of two agents, each as on a machine of its own."""
SOON = "keep_alive_interval=1,keep_alive_max_attempt=2"
"""How agents notice that another one is gone, for `--rdzv_conf`: within seconds rather than half a minute."""


def small_config(encoder: Path | str, golden: Path) -> RunConfig:
    """Return a training on eight documents, two steps per epoch; no dropout, which would differ between processes."""
    return RunConfig(
        data=DataConfig(
            train=golden / "documents.json", dev=golden / "documents.json", relations=golden / "rel2id.json"
        ),
        encoder=EncoderConfig(name=str(encoder)),
        preprocessing=PreprocessingConfig(max_length=600),
        classifier=ClassifierConfig(representation_size=32, block_size=8),
        optimizer=OptimizerConfig(encoder_learning_rate=1e-4, new_layers_learning_rate=1e-3),
        trainer=TrainerConfig(epochs=10, batch_size=2, gradient_accumulation=2, precision="float32"),
    )


def distance(run: Path, other: Path) -> float:
    """Return the norm of the difference of the last weights, relative to their norm."""
    found, expected = (load_file(each / "last" / "model.safetensors") for each in (run, other))
    vectors = [torch.cat([weights[name].flatten() for name in sorted(expected)]) for weights in (found, expected)]
    return float((vectors[0] - vectors[1]).norm() / vectors[1].norm())


def worker_pids(process: int) -> list[int]:
    """Return the ids of the training processes started by one, by rank."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(") ")[2].split()[1])
            variables = (entry / "environ").read_bytes().split(b"\0")
            ranks = [int(each.partition(b"=")[2]) for each in variables if each.startswith(b"LOCAL_RANK=")]
            if parent == process and ranks:
                found[ranks[0]] = int(entry.name)
    return [found[rank] for rank in sorted(found)]


@dataclass
class Agents:
    """Two agents of torchrun that meet on this machine and train one run."""

    arguments: Sequence[str]
    """What each worker does: the arguments of `atlop`."""
    log: Path
    """Takes all output."""
    port: int = field(default_factory=lambda: free_port())
    running: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, node: int) -> None:
        """Start the agent of a node; that of node 0 hosts the rendezvous."""
        rendezvous = ["--rdzv_endpoint", f"127.0.0.1:{self.port}", "--rdzv_id", "run", "--rdzv_conf"]
        rendezvous.append(f"is_host={'true' if node == 0 else 'false'},{SOON}")
        with self.log.open("ab") as log:
            self.running[node] = subprocess.Popen(
                [sys.executable, *AGENT, *rendezvous, "-m", "atlop", *self.arguments],
                # Else an agent keeps the address of a store that another machine had.
                env=ENVIRONMENT | {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},
                stdout=log,
                stderr=log,
            )

    def kill_worker(self, node: int) -> None:
        """Kill the training process of a node, which its agent starts again."""
        for worker in worker_pids(self.running[node].pid):
            os.kill(worker, signal.SIGKILL)

    def kill(self, node: int) -> None:
        """Kill all processes of a node at once, as if its machine were lost."""
        agent = self.running.pop(node)
        workers = worker_pids(agent.pid)
        agent.kill()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        agent.wait()

    def wait_for_step(self, step: int, *, run: Path) -> None:
        """Wait until the metrics of a step are written."""
        metrics = run / "metrics.jsonl"
        while not (metrics.exists() and f'"step": {step},' in metrics.read_text(encoding="utf-8")):
            assert all(agent.poll() is None for agent in self.running.values()), self.log.read_text(encoding="utf-8")
            time.sleep(0.05)

    def wait(self) -> None:
        """Wait until all agents end without an error."""
        for agent in self.running.values():
            assert agent.wait(timeout=600) == 0, self.log.read_text(encoding="utf-8")[-5000:]


@contextmanager
def two_agents(arguments: Sequence[str], *, log: Path) -> Iterator[Agents]:
    """Start both agents; kill what is left of them in the end."""
    agents = Agents(arguments, log)
    try:
        for node in (0, 1):
            agents.start(node)
        yield agents
    finally:
        for node in list(agents.running):
            agents.kill(node)


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
