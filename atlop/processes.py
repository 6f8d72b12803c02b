"""Processes that compute together, from the variables of torchrun or `accelerate launch`; nothing else that is set."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Timer
from time import monotonic, sleep

import torch
from accelerate.state import PartialState
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from atlop.errors import AtlopError

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=5)
"""Maximum time to wait for the other processes to start."""
_WAITING = timedelta(hours=2)
"""Maximum time to wait for another process that computes, or hangs; the launcher ends all when one dies. NCCL's own, 10
minutes, is less than the difference between two shares of a long extraction."""

_LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Variables that a launcher sets for every process."""
_IGNORED = ("ACCELERATE_", "FSDP_", "MEGATRON_LM_", "PARALLELISM_CONFIG_", "PMI_", "MPI_", "OMPI_", "MV2_", "FORK_")
"""First letters of variables by which accelerate changes the training: the settings of a run say how it trains."""
_ENGINES = ("DEEPSPEED", "FSDP", "MEGATRON_LM", "PARALLELISM_CONFIG")
_TRUE, _FALSE = ("1", "true", "t", "yes", "y", "on"), ("", "0", "false", "f", "no", "n", "off")


def join_processes(*, on_cpu: bool = False) -> PartialState:
    """Return the state of this process among those that were launched together, after waiting for the others.

    Args:
        on_cpu: Whether to compute on the CPU, as `ACCELERATE_USE_CPU` also says.

    Raises:
        AtlopError: The other processes do not start in time, or variables of a launcher or of accelerate contradict
            each other; names them.
    """
    on_cpu = _uses_cpu() or on_cpu
    _refuse_engines()
    if distributed.is_available() and distributed.is_initialized():
        with own_settings():
            return PartialState(cpu=on_cpu)
    PartialState._reset_state()  # an earlier one may have been on another device
    if os.environ.get("WORLD_SIZE", "1") in ("", "1"):
        with own_settings("RANK", "LOCAL_RANK", "WORLD_SIZE"):  # which would make it wait for a launcher
            return PartialState(cpu=on_cpu)
    variables = ", ".join(f"{name}={os.environ[name]}" for name in _LAUNCHED if name in os.environ)
    warning = "%s: waiting until all processes have started, for at most %d minutes"
    timer = Timer(10, logger.warning, (warning, variables, PATIENCE.seconds // 60))
    timer.daemon = True
    timer.start()
    try:
        with own_settings():
            state = PartialState(cpu=on_cpu or not torch.cuda.is_available(), **_meeting())
            state.wait_for_everyone()  # connects them while all are there
            return state
    except (ValueError, RuntimeError, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise AtlopError(
            f"{variables}: the processes cannot be joined: {reason}. If none were launched, unset these variables: "
            "`unset RANK LOCAL_RANK WORLD_SIZE`"
        ) from None
    finally:
        timer.cancel()


@contextmanager
def own_settings(*others: str) -> Iterator[None]:
    """Hide the variables that would change settings of accelerate, and `others`; restore them on exit."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith(_IGNORED) or name in others}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _meeting() -> dict[str, object]:
    """Wait until every process has started; return the arguments of `init_process_group`."""
    if missing := [name for name in _LAUNCHED if not os.environ.get(name)]:
        raise ValueError(f"{', '.join(missing)} not set")
    rank, size, _ = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if not 0 <= rank < size:
        raise ValueError("RANK is not below WORLD_SIZE")
    if rank > 0 or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        _wait_for_server(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    store, *_ = next(rendezvous("env://", timeout=PATIENCE))
    ranks = [f"atlop/{number}" for number in range(size)]
    store.set(ranks[rank], "")
    store.wait(ranks, PATIENCE)
    store.set_timeout(_WAITING)
    return {"store": store, "rank": rank, "world_size": size, "timeout": _WAITING}


def _wait_for_server(host: str, port: int) -> None:
    """Wait until the first process listens; PyTorch would print pages about every failed attempt."""
    deadline = monotonic() + PATIENCE.total_seconds()
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return
        except OSError as error:
            if monotonic() > deadline:
                raise OSError(f"no process listens at {host}:{port} ({error})") from None
        sleep(0.2)


def _uses_cpu() -> bool:
    value = os.environ.get("ACCELERATE_USE_CPU", "").lower()
    if value not in (*_TRUE, *_FALSE):
        raise AtlopError(f"ACCELERATE_USE_CPU={value}: expected true or false")
    return value in _TRUE


def _refuse_engines() -> None:
    """Refuse what would change how training and its libraries work wherever they look for it."""
    for name in (f"ACCELERATE_USE_{engine}" for engine in _ENGINES):
        if (value := os.environ.get(name, "false")).lower() not in _FALSE[1:]:
            raise AtlopError(
                f"{name}={value}: accelerate's own settings of this kind are not used; unset the variable "
                "(trainer.sharded=true shards a model over the processes)"
            )
