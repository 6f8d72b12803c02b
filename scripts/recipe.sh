#!/usr/bin/env bash
# From a corpus to the leaderboard's file: teachers by cross-fitting, the student, its decision, and its facts of TEST.
# A second call continues what was stopped. Options go to `atlop distill`, such as --folds 5 or --set data.train=FILE.
# usage: scripts/recipe.sh CONFIG DEV TEST [OPTION]...
set -euo pipefail
config=$1 dev=$2 test=$3
folder=runs/$(basename "$config")
student=$folder/runs/student

atlop distill "$config" --folds 3 --set "data.dev=$dev" "${@:4}" --resume "$folder"
atlop calibrate "$student" "$dev" --decision fusion --evidence
if [ ! -f "$folder/result.zip" ]; then
  atlop predict "$student" "$test" --output "$folder/result.json"
fi
echo "== submission: $folder/result.zip"
