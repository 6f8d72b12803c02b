#!/usr/bin/env bash
# Test and measure on a GPU without network: tests marked `gpu`, then steps, prediction and extraction on a made corpus.
#
# Usage, in a checkout of the repository: bash scripts/gpu_check.sh FOLDER [OUTPUT]
# FOLDER has the wheels of scripts/wheelhouse.sh; they are installed into FOLDER/installed, and the machine's own Python
# and torch are used (PYTHON, by default python3). Writes report.md into OUTPUT, by default FOLDER, which says what passed
# and every number with the name of the card; a part that fails or takes too long is named there and the others go on.
# Nine minutes and a half at most. The whole output of all parts is in output.txt beside the report.
set -uo pipefail
[ $# -eq 1 ] || [ $# -eq 2 ] || { sed -n 2,8p "$0" >&2; exit 2; }
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
  local title=$1 most=$2 left=$((560 - SECONDS + started))
  shift 2
  printf '\n## %s\n\n```\n' "$title" >>"$report"
  local begun=$SECONDS out=$output/running.out.txt err=$output/running.err.txt # which stay if all of this is killed
  timeout -s INT -k 10 $((most < left ? most : left > 0 ? left : 1)) "$@" >"$out" 2>"$err"
  local status=$?
  [ $status -eq 0 ] || failed=1
  printf '\n## %s\n\n' "$title" | cat - "$out" "$err" >>"$output/output.txt"
  tail -n 80 "$out" >>"$report"
  tail -n 20 "$err" >>"$report" # warnings: for example, why nothing was captured
  rm "$out" "$err"
  printf '```\n\nexit %s after %s s\n' $status $((SECONDS - begun)) >>"$report"
}

failed=0
: >"$output/output.txt"
{
  echo "# GPU check of $(date -u +%Y-%m-%d)"
  "$python" -c 'import torch, transformers as t, platform as p
print(f"\n{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers {t.__version__}, Python {p.python_version()}")'
} >"$report" || exit

measure() { # TITLE OPTION...
  part "$1" 100 "$python" scripts/benchmark.py --device cuda --encoder atlop/sample/model "${@:2}"
}

part "Tests" 180 env CUBLAS_WORKSPACE_CONFIG=:4096:8 "$python" -m pytest -m gpu -o addopts=--strict-markers --tb short \
  -p no:cacheprovider -rfE --durations 5 --continue-on-collection-errors tests/model tests/ops tests/training
measure "bert-base, 4 documents a step" --size bert-base --documents-per-step 4
measure "Two epochs, bert-base, 4 documents a step" --epoch
measure "bert-base, 16 documents a step" --size bert-base --documents-per-step 16
measure "roberta-large, 4 documents a step" --size roberta-large --documents-per-step 4
measure "minilm, 4 documents a step" --size minilm --documents-per-step 4
echo "$report"
exit $failed
