#!/usr/bin/env bash
# Test and measure on a GPU without network: tests marked `gpu`, then steps, memory, prediction and extraction on a made
# corpus with random weights.
#
# Usage, in a checkout of the repository: bash scripts/gpu_check.sh FOLDER [OUTPUT]
# FOLDER has the wheels of scripts/wheelhouse.sh; they are installed into FOLDER/installed, and the machine's own Python
# and torch are used (PYTHON, by default python3). Writes report.md into OUTPUT, by default FOLDER, which says what
# passed and every number with the name of the card; a part that fails or takes too long is named there and the others
# go on. Nine minutes and a half at most. Beside the report are the whole output of all parts (output.txt) and a folder
# of each measurement with its numbers as JSON and as a table.
set -uo pipefail
[ $# -eq 1 ] || [ $# -eq 2 ] || { sed -n 2,10p "$0" >&2; exit 2; }
folder=$(cd "$1" && pwd)
mkdir -p "${2:-$folder}"
output=$(cd "${2:-$folder}" && pwd)
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
started=$SECONDS
report=$output/report.md

"$python" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$folder/installed" \
  "$folder"/*.whl || exit
export PYTHONPATH=$PWD:$folder/installed HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_WAIT_POLICY=PASSIVE
export ATLOP_CACHE=$folder/cache PYTEST_DISABLE_PLUGIN_AUTOLOAD=1

part() { # TITLE SECONDS COMMAND...: run within what is left of the time, and report the end of its output
  local title=$1 most=$2 left=$((560 - SECONDS + started)) begun=$SECONDS status=1
  local own=$output/running.${title//[^a-z0-9]/_} # files that stay if all of this is killed
  shift 2
  if [ "$left" -gt 10 ]; then
    timeout -s INT -k 10 $((most < left ? most : left)) "$@" >"$own.out.txt" 2>"$own.err.txt"
    status=$?
  else
    echo "no time was left" >"$own.out.txt"
    : >"$own.err.txt"
  fi
  {
    printf '\n## %s\n\n```\n' "$title"
    tail -n 80 "$own.out.txt"
    tail -n 20 "$own.err.txt" # warnings: for example, why nothing was captured
    printf '```\n\nexit %s after %s s\n' $status $((SECONDS - begun))
  } >"$own.md"
  cat "$own.md" >>"$report"
  printf '\n## %s\n\n' "$title" | cat - "$own.out.txt" "$own.err.txt" >>"$output/output.txt"
  rm "$own".*
  [ $status -eq 0 ] || failed=1
}

measure() { # SECONDS SIZE DOCUMENTS OPTION...
  part "$2, $3 documents a step: ${*:4}" "$1" "$python" scripts/benchmark.py --device cuda \
    --encoder atlop/sample/model --size "$2" --documents-per-step "$3" --output "$output/$2-$3-${5:-epochs}" "${@:4}"
}

failed=0
: >"$output/output.txt"
{
  echo "# GPU check of $(date -u +%Y-%m-%d)"
  "$python" -c 'import torch, transformers as t, platform as p
print(f"\n{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers {t.__version__}, Python {p.python_version()}")'
} >"$report" || exit

# The most important comes first. Expected seconds, from those of the prototype (docs/gpu.md) and 10 to 15 to start:
# tests 100, then 45, 40, 80, 35, 45, 65, 45, 90 and 40. Limits are higher, so the last ones pay for what takes longer.
# Memory does not depend on what else computes, so it is measured during the tests, if the GPU serves several processes.
(
  measure 100 roberta-large 4 --parts memory
  measure 60 bert-base 4 --parts memory
  exit $failed
) &
memory=$!
[ "$(nvidia-smi --query-gpu=compute_mode --format=csv,noheader | head -n 1)" = Default ] || wait $memory
tests=$(grep -rlE "needs_gpu|each_device" --include "test_*.py" tests) # others import what wheels do not have
part "Tests" 180 env CUBLAS_WORKSPACE_CONFIG=:4096:8 "$python" -m pytest -m gpu -o addopts=--strict-markers --tb short \
  -p no:cacheprovider -rfE --durations 5 --continue-on-collection-errors $tests
wait $memory || failed=1
measure 90 bert-base 4 --parts package plain prediction
measure 70 bert-base 4 --parts deterministic
measure 110 roberta-large 4 --parts package plain prediction
measure 70 minilm 4 --parts package plain prediction
measure 80 bert-base 4 --epoch
measure 90 bert-base 16 --parts package plain
measure 70 minilm 16 --parts package plain
measure 110 roberta-large 16 --parts package plain
measure 60 bert-base 4 --parts extraction
cat "$report"
exit $failed
