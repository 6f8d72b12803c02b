"""Tell whether the process that a hidden file names still runs."""

import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

_PATTERN = re.compile(r"([0-9a-f]{8})-(\d{7,9})-([0-9a-f]{8})(?![0-9a-f])")


class Process(NamedTuple):
    """A process, by values that no other one shares; as text it always has the same length."""

    host: str
    """Digest of the host's name and, in a container, of its process ids."""
    pid: int
    start: str
    """Digest of when it started, since ids are used again."""

    def __str__(self) -> str:
        return f"{self.host}-{self.pid:07}-{self.start}"

    @classmethod
    def current(cls) -> Self:
        """Return the running process."""
        return cls(_host(), os.getpid(), _start(os.getpid()) or _digest("unknown"))

    @classmethod
    def named_in(cls, text: str) -> Self | None:
        """Return the process that a text names; `None` if it names none."""
        found = _PATTERN.search(text)
        return cls(found[1], int(found[2]), found[3]) if found else None

    def is_dead(self) -> bool:
        """Return whether it has ended for sure; of processes on other hosts nothing is known."""
        if self.host != _host():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it is another user's
        return _start(self.pid) not in (self.start, None)


def _host() -> str:
    namespace = ""  # containers may share a name, but number their processes each from 1
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return _digest(f"{platform.node()} {namespace}")


def _start(pid: int) -> str | None:
    """Return a digest of a process's start time, "" for one that has ended; `None` if it cannot be told."""
    with suppress(OSError, IndexError):
        if sys.platform == "linux":
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
            state, start = fields[0], f"{boot} {fields[19]}"
        else:
            command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
            environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
            printed = subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stdout
            state, start = printed.split()[0], " ".join(printed.split()[1:])
        return "" if state.startswith(("Z", "X")) else _digest(start)
    return None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]
