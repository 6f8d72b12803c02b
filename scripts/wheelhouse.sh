#!/usr/bin/env bash
# Collect the wheels that a GPU machine without network needs, for scripts/gpu_check.sh there.
#
# Usage: bash scripts/wheelhouse.sh FOLDER
# Settings: PYTHON_VERSION (of that machine, by default 3.12), SKIP (names that it has, besides torch and what torch
# brings, or does without: SKIP="numpy pyarrow hf-xet wandb" leaves 31 MiB, and needs the first two there).
# Wheels are pinned by scripts/constraints.txt, and are for Linux on x86-64. The package itself is built as one of them.
set -euo pipefail
[ $# -eq 1 ] || { sed -n 2,7p "$0" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
source scripts/environment.sh
rm -f "$folder"/*.whl # a second version of one would stop the installation

.venv/bin/python - ${SKIP:-} >"$folder/requirements.txt" <<'PYTHON'
"""Print name==version of everything that the package and its tests import, but torch and what only torch needs."""
import sys
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

left_out = {"torch", "triton", "setuptools", *map(canonicalize_name, sys.argv[1:])}
found: dict[str, str] = {}
waiting = ["pytest", "hypothesis", *(each for each in distribution("atlop").requires or () if "extra ==" not in each)]
while waiting:
    requirement = Requirement(waiting.pop())
    name = canonicalize_name(requirement.name)
    if name in found or name in left_out or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
        continue
    try:
        package = distribution(name)
    except PackageNotFoundError:  # only needed elsewhere
        continue
    found[name] = package.version
    waiting += package.requires or ()
print("\n".join(f"{name}=={version}" for name, version in sorted(found.items())))
PYTHON

.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$folder" \
  --implementation cp --python-version "${PYTHON_VERSION:-3.12}" --platform manylinux_2_28_x86_64 \
  --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 --requirement "$folder/requirements.txt"
.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$folder" .
du -sh "$folder"
