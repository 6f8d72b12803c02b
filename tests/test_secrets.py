import json
import os
from pathlib import Path

import pytest

from atlop.environment import environment
from atlop.secrets import command_without_secrets, without_secrets
from tests.test_cli import run


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("hf_abcdefghijklmnopqrstuvwxyz", "***"),
        ("https://me:geheim@mirror.example/file does not answer", "https://***@mirror.example/file does not answer"),
        ("tracking.api_key=0123456789", "tracking.api_key=***"),
        ('{"token": "abc"}', '{"token": "***"}'),
        ("github_pat_0123456789abcdefgh failed", "*** failed"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "tokenizer 'bert-base-cased' has no token for the mention marker '*'; special tokens: 2",
        "https://huggingface.co/datasets/thunlp/docred/resolve/7985b4e0371e6c61a756feb41b7b27becf71c666/data/dev.json.gz",
        "optimizer.encoder_learning_rate=3e-5",
    ],
)
def test_what_does_not_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_the_value_of_a_secret_variable_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")

    assert without_secrets("the key 0123456789abcdef is wrong") == "the key *** is wrong"


def test_a_value_after_its_name_is_hidden() -> None:
    command = ["atlop", "train", "--token", "abc", "--output", "runs/a"]

    assert command_without_secrets(command) == ["atlop", "train", "--token", "***", "--output", "runs/a"]


def test_the_record_of_a_run_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-secret-of-mine")
    monkeypatch.setattr("sys.argv", ["atlop", "train", "own.toml", "--set", "encoder.name=a-secret-of-mine"])

    written = json.dumps(environment(data={}))

    assert os.environ["HF_TOKEN"] not in written
    assert "encoder.name=***" in written
    assert "own.toml" in written


def test_messages_hold_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-secret-of-mine")

    missing = tmp_path / "a-secret-of-mine.json"
    _, problem = run("score", missing, missing, code=2)

    assert "a-secret-of-mine" not in problem
    assert "***.json" in problem
