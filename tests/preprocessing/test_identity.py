"""A digest changes with what it stands for, and with nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, CTRLTokenizer

import atlop
from atlop.preprocessing import identity
from atlop.preprocessing.identity import preprocessing_sha256, sha256_of_json, tokenizer_sha256
from tests.made_documents import word_tokenizer


def test_the_order_of_keys_does_not_matter() -> None:
    assert sha256_of_json({"a": 1, "b": [1, 2]}) == sha256_of_json({"b": [1, 2], "a": 1})
    assert sha256_of_json({"b": [1, 2]}) != sha256_of_json({"b": [2, 1]})


def test_a_tokenizer_loaded_again_is_the_same_also_after_use(golden: Path) -> None:
    first, second = (AutoTokenizer.from_pretrained(golden / "bert") for _ in range(2))
    first(["some", "words"], add_special_tokens=False)
    assert tokenizer_sha256(first) == tokenizer_sha256(second)


def test_tokenizers_that_cut_otherwise_differ(golden: Path) -> None:
    folders = [AutoTokenizer.from_pretrained(golden / name) for name in ("bert", "roberta")]
    words = [word_tokenizer(["Ada"]), word_tokenizer(["Bob"]), word_tokenizer(["Ada", "Bob"])]
    added = word_tokenizer(["Ada"])
    added.add_tokens(["Eve"])
    assert len({tokenizer_sha256(tokenizer) for tokenizer in [*folders, *words, added]}) == 6


def test_a_tokenizer_without_backend_is_told_by_its_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.made_documents.PreTrainedTokenizerFast.is_fast", False)
    same = [tokenizer_sha256(word_tokenizer(["Ada"])) for _ in range(2)]
    assert same[0] == same[1] != tokenizer_sha256(word_tokenizer(["Bob"]))


def test_settings_and_merges_of_a_tokenizer_without_backend_count_and_its_place_does_not(tmp_path: Path) -> None:
    def digest(folder: str, *merges: str, **settings: Any) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        vocabulary, ranks = tmp_path / folder / "vocab.json", tmp_path / folder / "merges.txt"
        vocabulary.write_text(json.dumps({"<unk>": 0, "a</w>": 1, "a": 2, "b@@": 3}))
        ranks.write_text("\n".join(("#version: 0.2", *merges, "")))
        tokenizer_config = {"tokenizer_class": "CTRLTokenizer"} | settings
        (tmp_path / folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
        return tokenizer_sha256(CTRLTokenizer.from_pretrained(tmp_path / folder))

    usual = digest("one", "a b", "b a</w>")

    assert digest("two", "a b", "b a</w>") == usual
    others = [digest("one", "b a</w>", "a b"), digest("one", "a b", "b a</w>", split_special_tokens=True)]
    assert len({usual, *others}) == 3


def test_the_digest_of_the_code_changes_with_version_and_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = preprocessing_sha256()
    assert before == preprocessing_sha256()
    monkeypatch.setattr(atlop, "__version__", "999")
    assert preprocessing_sha256() != before
    monkeypatch.undo()
    sources = ("preprocessing/tokens.py", "corpora/issues.py", "schema.py", "json_values.py", "files/reading.py")
    for source in sources:
        (tmp_path / source).parent.mkdir(exist_ok=True)
        (tmp_path / source).write_text("one")
    monkeypatch.setattr(atlop, "__file__", str(tmp_path / "__init__.py"))
    digests = [identity.preprocessing_sha256()]
    for source in sources:
        (tmp_path / source).write_text("other")
        digests.append(identity.preprocessing_sha256())
    assert len(set(digests)) == 6
