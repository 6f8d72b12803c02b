"""`atlop evaluate` as a script.

python scripts/evaluate.py --model runs/docred_bert_base --data data/docred/dev.json
"""

import argparse

from atlop.cli import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Other options: atlop evaluate --help", allow_abbrev=False
    )
    parser.add_argument("--model", required=True, help="run folder, model folder, or Hugging Face name")
    parser.add_argument("--data", required=True, help="labelled documents")
    known, others = parser.parse_known_args()
    main(["evaluate", *others, "--", known.model, known.data])
