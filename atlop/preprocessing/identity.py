"""What a preprocessed corpus depends on besides the corpus file."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

import atlop
from atlop.preprocessing.tokens import SpecialTokens

_SOURCES = ("preprocessing", "corpora", "schema.py")
"""The code that makes it, below the package's folder."""


def sha256_of_json(value: Any) -> str:
    """Return the sha256 of a value as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tokenizer_sha256(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a digest of all that decides how a tokenizer cuts words and wraps an input."""
    special = SpecialTokens.from_tokenizer(tokenizer)
    described = {
        "wrapped": [special.start, special.end],
        "unknown": tokenizer.unk_token_id,
        "backend": tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else _described(tokenizer),
        "tokenizers": version("tokenizers"),
    }
    return sha256_of_json(described)


def code_sha256() -> str:
    """Return a digest of the package's version and of all files of it that turn a corpus into features."""
    folder = Path(atlop.__file__).parent
    files = [file for source in _SOURCES for file in _modules(folder / source)]
    return sha256_of_json(
        [atlop.__version__, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files))]
    )


def _described(tokenizer: PreTrainedTokenizerBase) -> Any:
    """Return what a tokenizer written in Python says of itself."""
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    return [type(tokenizer).__name__, tokenizer.get_vocab(), special]


def _modules(source: Path) -> list[Path]:
    return [*source.rglob("*.py"), *source.rglob("*.toml")] if source.is_dir() else [source]
