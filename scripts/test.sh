#!/usr/bin/env bash
# Lint, types and tests. usage: test.sh [--full] [pytest arguments]; --full adds the tests that take minutes, and
# damages valid files in thousands of ways instead of hundreds.
# Tests on real corpora run where ATLOP_DATA names their folder.
source "$(dirname "$0")/environment.sh"
selection=(-m "not long")
if [ "${1:-}" = --full ]; then
  selection=(--hypothesis-profile=full)
  shift
fi
export HF_HUB_OFFLINE=1

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/python -m pytest "${selection[@]}" "$@"
