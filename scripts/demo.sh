#!/usr/bin/env bash
# From nothing to a trained model and a leaderboard file on the sample corpus. A second call continues what
# was stopped and skips what is done.
source "$(dirname "$0")/environment.sh"
run=runs/sample

if [ ! -f "$run/summary.json" ]; then
  echo "== training on data/sample"
  .venv/bin/atlop train sample --set "encoder.name=$ATLOP_ENCODER" --resume "$run"  # or begins the run
fi
if [ ! -f "$run/result.zip" ]; then
  echo "== predicting data/sample/test.json"
  .venv/bin/atlop predict "$run/best" data/sample/test.json --output "$run/result.json"
fi
echo "== dev scores"
.venv/bin/atlop evaluate "$run/best" data/sample/dev.json --train data/sample/train.json
echo "== files"
echo "model          $run/best"
echo "metrics        $run/metrics.jsonl, $run/summary.json"
echo "configuration  $run/config.toml, $run/environment.json"
echo "submission     $run/result.json, $run/result.zip"
