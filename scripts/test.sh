#!/usr/bin/env bash
# Lint, types and tests. usage: test.sh [--full] [pytest arguments]; --full adds the tests that take minutes, and
# damages valid files in thousands of ways instead of hundreds.
# Tests on real corpora need ATLOP_DATA, the folder of the corpora. Two workers share the tests by module, each with one
# thread; a later `-n 0` runs all in one process, as for a debugger.
source "$(dirname "$0")/environment.sh"
selection=(-m "not long")
if [ "${1:-}" = --full ]; then
  selection=(--hypothesis-profile=full)
  axe=.venv/axe/node_modules/axe-core/axe.min.js  # for the tests that look for barriers, which are skipped without it
  [ -f "$axe" ] || ! command -v npm >/dev/null || npm install --silent --no-save --prefix .venv/axe axe-core@4 || true
  [ ! -f "$axe" ] || export ATLOP_AXE="${ATLOP_AXE:-$PWD/$axe}"
  shift
  # Ray takes 200 MB, which the usual tests do without.
  .venv/bin/python -c 'import ray' 2>/dev/null ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint scripts/constraints.txt 'ray[data]'
fi
export HF_HUB_OFFLINE=1
export OMP_NUM_THREADS=1                 # two workers with more threads would compete for two cores

.venv/bin/ruff check .
.venv/bin/ruff format --check .
types=$(mktemp)
.venv/bin/mypy >"$types" 2>&1 &          # it takes one core for a minute: beside the tests, which rarely fill both
checker=$!
# A crashed worker ends the run: replaced, it leaves tests that nobody runs, and pytest waits for them for ever.
status=0
.venv/bin/python -m pytest -n 2 --dist loadscope --max-worker-restart 0 "${selection[@]}" "$@" || status=$?
wait "$checker" || status=1
cat "$types"
rm "$types"
exit "$status"
