"""Names of what a process that has ended left behind."""

from atlop.files.process import Process
from atlop.files.temporary import PREFIX


def dead_process() -> Process:
    """Return an earlier process of this host, whose id this one has now."""
    return Process.current()._replace(start="0" * 8)


def leftover(process: Process | None = None) -> str:
    """Return the name of a temporary file or folder of a process; by default of a dead one."""
    return f"{PREFIX}{process or dead_process()}-a1b2c3d4"
