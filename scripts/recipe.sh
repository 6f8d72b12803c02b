#!/usr/bin/env bash
# From a corpus to the leaderboard's file: teachers by cross-fitting, the student, its decision, and its facts of TEST.
# A second call continues what was stopped. Options go to `atlop distill`, such as --folds 5 or --set data.train=FILE.
# Dev is scored after the last step of each training alone: it chooses the decision and nothing else.
# usage: scripts/recipe.sh CONFIG DEV TEST [OPTION]...
set -euo pipefail
config=$1 dev=$2 test=$3
folder=runs/$(basename "$config")
student=$folder/runs/student

atlop distill "$config" --folds 3 --set "data.dev=$dev" --set trainer.evaluation_interval=1000000 "${@:4}" --resume "$folder"
atlop calibrate "$student" "$dev" --decision fusion --evidence
atlop predict "$student" "$test" --output "$folder/result.json"
echo "== submission: $folder/result.zip"
