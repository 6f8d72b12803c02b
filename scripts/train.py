"""`atlop train` as a script: python scripts/train.py --config configs/docred_bert_base.toml [--set …] [--output …]."""

import argparse

from atlop.cli import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Other options, such as --resume: atlop train --help", allow_abbrev=False
    )
    parser.add_argument("--config", help="TOML file, or name of a shipped configuration; not needed with --resume")
    known, others = parser.parse_known_args()
    main(["train", *others, *(["--", known.config] if known.config else [])])
