#!/usr/bin/env bash
# Checks the pinned packages for known vulnerabilities. usage: audit.sh [pip-audit arguments]
# Exits with the code of pip-audit, which is installed into build/audit, or 2 if it cannot be installed. A package that
# cannot be looked up fails the audit (--strict), since an index without the list of vulnerabilities would report none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=build/audit
[ -x "$folder/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder"
if ! "$folder/bin/python" -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7,<3'; then
  echo "pip-audit cannot be installed; it needs the package index and its list of vulnerabilities. Without a network," >&2
  echo "copy scripts/constraints.txt to a machine that has one, and there call: pip-audit --strict --no-deps --disable-pip -r constraints.txt" >&2
  exit 2
fi
exec "$folder/bin/pip-audit" --requirement scripts/constraints.txt --no-deps --disable-pip --strict --progress-spinner off "$@"
