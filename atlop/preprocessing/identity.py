"""Digests of what a preprocessed corpus depends on besides the corpus file."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

import atlop
from atlop.files import file_sha256
from atlop.preprocessing.tokens import SpecialTokens

_CODE = (
    *("preprocessing/**/*.py", "corpora/**/*.py", "corpora/**/*.toml", "schema.py"),
    *("parsing.py", "json_values.py", "files/reading.py"),
)
"""The code that preprocesses a corpus, relative to the package."""
_PATHS = frozenset({"name_or_path", "is_local", "local_files_only", "tokenizer_file"})
"""Settings of a tokenizer that say where it was loaded from, as do the names of its files."""


def sha256_of_json(value: Any) -> str:
    """Return the sha256 of a value as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tokenizer_sha256(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a digest of all that affects a tokenizer's output."""
    special = SpecialTokens.from_tokenizer(tokenizer)
    description = {
        "wrapped": [special.start, special.end],
        "unknown": tokenizer.unk_token_id,
        "backend": tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else _description(tokenizer),
        "tokenizers": version("tokenizers"),
    }
    return sha256_of_json(description)


def preprocessing_sha256() -> str:
    """Return a digest of the package's version and of all code that turns a corpus into features."""
    folder = Path(atlop.__file__).parent
    files = sorted(file for pattern in _CODE for file in folder.glob(pattern))
    return sha256_of_json([atlop.__version__, *map(file_sha256, files)])


def _description(tokenizer: PreTrainedTokenizerBase) -> Any:
    """Describe a tokenizer that is written in Python."""
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    paths = _PATHS.union(tokenizer.vocab_files_names)
    settings = {name: repr(value) for name, value in tokenizer.init_kwargs.items() if name not in paths}
    merges = [(str(pair), rank) for pair, rank in getattr(tokenizer, "bpe_ranks", {}).items()]
    return [type(tokenizer).__name__, tokenizer.get_vocab(), special, settings, merges]
