"""What results depend on besides the configuration: versions, machine, code and data."""

import hashlib
import platform
import secrets
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import atlop
from atlop.secrets import command_without_secrets

_PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "numpy", "safetensors")


def environment(*, data: Mapping[str, str]) -> dict[str, Any]:
    """Return a random run id, the time, and what a run depends on: versions, machine, code, data (sha256 by path)."""
    return {
        "run": secrets.token_hex(8),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_without_secrets(sys.argv),
        "python": platform.python_version(),
        "packages": {"atlop": atlop.__version__, **{name: version(name) for name in _PACKAGES}},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        },
        "git_commit": _git_commit(),
        "code_sha256": code_sha256(),
        "data_sha256": dict(data),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def code_sha256() -> str:
    """Return a digest of all modules of the package; detects changed code without git."""
    folder, digest = Path(atlop.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _git_commit() -> str | None:
    """Return the commit of the git clone that the package runs from, with `-dirty` if there are changes."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip() or None
