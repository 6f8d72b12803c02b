"""`atlop predict` as a script.

python scripts/predict.py --model runs/docred_bert_base --data data/docred/test.json --output result.json
"""

import argparse

from atlop.cli import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Other options: atlop predict --help", allow_abbrev=False
    )
    parser.add_argument("--model", required=True, help="run folder, model folder, or Hugging Face name")
    parser.add_argument("--data", required=True, help="documents; labels are ignored")
    known, others = parser.parse_known_args()
    main(["predict", *others, "--", known.model, known.data])
