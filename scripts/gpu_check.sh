#!/usr/bin/env bash
# Test and measure on a GPU without network: tests marked `gpu`, then steps, prediction and extraction on a made corpus.
#
# Usage, in a checkout of the repository: bash scripts/gpu_check.sh FOLDER
# FOLDER has the wheels of scripts/wheelhouse.sh; they are installed into FOLDER/installed, and the machine's own Python
# and torch are used (PYTHON, by default python3). Writes FOLDER/report.md, which says what passed and every number with
# the name of the card; a part that fails or takes too long is named there and the others go on. Ten minutes at most. The
# whole output of each part is beside the report.
set -uo pipefail
[ $# -eq 1 ] || { sed -n 2,8p "$0" >&2; exit 2; }
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
started=$SECONDS
report=$folder/report.md

"$python" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$folder/installed" \
  "$folder"/*.whl || exit
export PYTHONPATH=$PWD:$folder/installed HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_WAIT_POLICY=PASSIVE
export ATLOP_CACHE=$folder/cache PYTEST_DISABLE_PLUGIN_AUTOLOAD=1

part() { # TITLE SECONDS COMMAND...: run within what is left of ten minutes, and report the end of its output
  local title=$1 most=$2 left=$((590 - SECONDS + started))
  shift 2
  printf '\n## %s\n\n```\n' "$title" >>"$report"
  local begun=$SECONDS output="$folder/${title//[ ,]/-}"
  timeout -s INT -k 10 $((most < left ? most : left > 0 ? left : 1)) "$@" >"$output.out.txt" 2>"$output.err.txt"
  local status=$?
  tail -n 80 "$output.out.txt" >>"$report"
  if [ $status -ne 0 ]; then tail -n 20 "$output.err.txt" >>"$report"; failed=1; fi
  printf '```\n\nexit %s after %s s\n' $status $((SECONDS - begun)) >>"$report"
}

failed=0
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
