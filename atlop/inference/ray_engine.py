"""Extraction by the workers of a Ray cluster, of one machine or of many.

Ray Data gives each worker one part after the other. A worker reads its part from the source and writes it; only
numbers pass through the process that waits. Ray starts workers again that die, on another machine where one is lost,
and repeats what they had begun; parts that are there already are not computed again.
"""

import gc
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from atlop.environment import code_sha256
from atlop.errors import AtlopError
from atlop.inference.batches import ExtractBatches
from atlop.inference.part_folder import PartFolder, as_lines
from atlop.inference.sources import Source, Start


@dataclass(frozen=True)
class RayEngine:
    """Has workers of a Ray cluster compute parts."""

    extract: ExtractBatches
    workers: int = 1
    cpus: float = 1.0
    """CPUs of a worker, which may be a fraction."""
    gpus: float = 0.0
    """GPUs of a worker, which may be a fraction."""
    address: str | None = None
    """Address of the cluster; by default that in `RAY_ADDRESS`, or one is started here for as long as it is needed."""

    def write_parts(self, parts: PartFolder, *, source: Source, documents: int) -> Iterator[None]:
        """Write the missing parts, of so many documents each, and yield after each document.

        Raises:
            AtlopError: There is no such cluster, or a worker failed.
        """
        starts = source.starts(every=documents)
        parts.count = len(starts)
        if not starts:
            return
        with _connected(self.address) as is_this_machine:
            import ray.data

            if is_this_machine:
                self._check_resources(ray.cluster_resources())
            ray.data.DataContext.get_current().enable_progress_bars = False  # the caller shows documents
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            tasks = ray.data.from_items(
                [{"part": part, **start._asdict()} for part, start in enumerate(starts)],
                override_num_blocks=len(starts),
            )
            written = tasks.map(
                PartWriter,
                fn_constructor_args=(self.extract, source, parts, documents, str(Path.cwd())),
                compute=ray.data.ActorPoolStrategy(size=self.workers, max_tasks_in_flight_per_actor=1),
                num_cpus=self.cpus,
                num_gpus=self.gpus or None,
            )
            for batch in written.iter_batches(batch_size=None, prefetch_batches=0):  # else each waits for the next
                yield from repeat(None, int(batch["documents"].sum()))

    def _check_resources(self, resources: Mapping[str, float]) -> None:
        """Refuse workers that would never start; a cluster may grow, one machine does not."""
        for option, amount, kind in (("--cpus", self.cpus, "CPU"), ("--gpus", self.gpus, "GPU")):
            if amount > (has := resources.get(kind, 0)):
                raise AtlopError(f"{option} {amount:g}: this machine has {has:g} {kind}s for a worker; pass less")


class PartWriter:
    """Computes parts, in a process that Ray starts."""

    def __init__(self, extract: ExtractBatches, source: Source, parts: PartFolder, documents: int, folder: str):
        """Load the model.

        Args:
            extract: What to do with the documents.
            source: All documents.
            parts: Where parts go.
            documents: How many documents a part has.
            folder: Working directory, where there is one of that name.

        Raises:
            AtlopError: The model cannot be loaded; or it, the code or the recogniser is not the one that the extraction
                began with.
        """
        with suppress(OSError):
            os.chdir(folder)
        self._extract, self._source, self._parts, self._documents = extract, source, parts, documents
        # Ray may start a worker hours after the extraction began.
        extractor = extract.load()
        settings = {
            "model_sha256": extractor.fingerprint,
            "code_sha256": code_sha256(),
            "ner_version": extractor.recognition and extractor.recognition.version,
        }
        parts.check(settings, source=f"the worker, with {extract.model}", output=parts.folder)
        gc.freeze()  # the model stays; scanning it again and again would cost 5 % of the time

    def __call__(self, task: Mapping[str, Any]) -> dict[str, int]:
        """Write a part unless it is there; return how many documents were extracted."""
        if self._parts.is_whole(task["part"]):
            return {"documents": 0}
        start = Start(task["document"], task["line"], task["byte"])
        documents = islice(self._source.documents(start), self._documents)
        lines, counts = as_lines(list(self._extract.results(documents)))
        self._parts.write(task["part"], lines, counts)
        return {"documents": counts.documents}


@contextmanager
def _connected(address: str | None) -> Iterator[bool]:
    """Connect to a cluster, or start one on this machine; yield whether it was started. Its errors become messages.

    Raises:
        AtlopError: There is no such cluster, or a worker failed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    is_connected = ray.is_initialized()
    address = address or os.environ.get("RAY_ADDRESS") or "local"  # else Ray joins whatever cluster it meets here
    try:
        if not is_connected:
            _require_answer(address)
            dashboard = {"include_dashboard": False} if address == "local" else {}
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **dashboard)
            except (ValueError, RuntimeError) as error:  # such as a cluster of another version
                raise ConnectionError(" ".join(str(error).split())) from None
        yield not is_connected and address == "local"
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise AtlopError(f"Ray: {_cause(error)}; repeat the command to go on, once that is solved") from None
    finally:
        if not is_connected:
            ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuse what is no address, and HOST:PORT where nothing listens, to which Ray would try to connect for minutes.

    Raises:
        AtlopError: It is no address of a cluster.
        ConnectionError: Nothing listens there.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.rpartition("/")[2], int(port)), timeout=5).close()
        except (OSError, OverflowError, UnicodeError) as error:
            raise ConnectionError(f"nothing answers at {address} ({error})") from None
    elif address not in ("auto", "local") and "://" not in address:
        raise AtlopError(
            f"{address!r} is no address of a Ray cluster; expected HOST:PORT, ray://HOST:PORT, auto or local"
        )


def _cause(error: Exception) -> str:
    """Return the last line of a message, which after a worker's traceback says what was wrong."""
    last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return last[0].removeprefix(f"{AtlopError.__module__}.{AtlopError.__name__}: ")
