"""Nothing that comes in a file is run, becomes a path or gives orders."""

import ast
import json
import pickle
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from atlop.errors import AtlopError
from atlop.model_folder import load_encoder, load_model, save_model
from atlop.preprocessing import load_tokenizer
from tests.damage import ODD_TEXTS, files_in
from tests.golden_values import GOLDEN, golden_model, golden_tokenizer
from tests.test_cli import DOCUMENT, run
from tests.tiny_encoders import save_tiny_encoder

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "atlop").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])
LOADERS = {"from_pretrained", "from_config"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
PINNED = re.compile(r"[A-Za-z0-9_.-]+==\S+")


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def calls_in(source: str) -> Iterator[tuple[str, dict[str, ast.expr], str]]:
    """Yield the name, the keywords and the text of each call."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, {word.arg: word.value for word in node.keywords if word.arg}, ast.unparse(node)


def dangers_in(source: str) -> list[str]:
    """Return what runs, or could run, code that a file brings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [name for name in names if name.split(".")[0] in FORBIDDEN_MODULES]
    for name, words, text in calls_in(source):
        trusts = ast.unparse(words["trust_remote_code"]) if "trust_remote_code" in words else None
        if trusts not in (None, "False") or (name in LOADERS and "Auto" in text and trusts is None):
            found.append(text)
        if (
            name == "load"
            and text.startswith("torch.")
            and ast.unparse(words.get("weights_only", ast.Constant(0))) != "True"
        ):
            found.append(text)
        if (name in FORBIDDEN_CALLS and text.startswith(name)) or "shell" in words or name == "extractall":
            found.append(text)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_runs_what_a_file_brings(path: Path) -> None:
    assert dangers_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "AutoModel.from_pretrained(name)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "AutoTokenizer.from_pretrained(name, trust_remote_code=asked)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "archive.extractall(folder)",
    ],
)
def test_what_would_run_it_is_found(source: str) -> None:
    assert dangers_in(source)


@pytest.mark.parametrize("form", ["zip", "legacy", *(f"pickle {protocol}" for protocol in range(6))])
def test_a_malicious_checkpoint_does_nothing(form: str, tmp_path: Path) -> None:
    executed, checkpoint = tmp_path / "executed", tmp_path / "model.pt"
    state = {"head_extractor.weight": torch.zeros(2, 2), "evil": Touch(executed)}
    if form.startswith("pickle"):
        checkpoint.write_bytes(pickle.dumps(state, protocol=int(form[-1])))
    else:
        torch.save(state, checkpoint, _use_new_zipfile_serialization=form == "zip")
    before = files_in(tmp_path)

    arguments = ("--encoder", GOLDEN / "bert", "--relations", GOLDEN / "rel2id.json", "--output", tmp_path / "out")
    _, problem = run("import-checkpoint", checkpoint, *arguments, code=2)

    assert "not a checkpoint of tensors only" in problem
    assert files_in(tmp_path) == before


def test_code_beside_a_model_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object) -> str:
        raise AssertionError("asks whether to run the code")

    monkeypatch.setattr("builtins.input", ask)
    executed, folder = tmp_path / "executed", tmp_path / "encoder"
    save_tiny_encoder(folder)
    save_model(tmp_path / "model", model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    code = f"from pathlib import Path\nPath({str(executed)!r}).touch()\nclass A: pass\n"
    for place in (folder, tmp_path / "model"):
        (place / "evil.py").write_text(code, encoding="utf-8")
        names = ("AutoConfig", "AutoModel", "AutoTokenizer")
        brought = {"auto_map": {name: ["evil.A", "evil.A"] if name == "AutoTokenizer" else "evil.A" for name in names}}
        for file in ("config.json", "tokenizer_config.json"):
            row = json.loads((place / file).read_text(encoding="utf-8")) | brought
            if place == folder:
                row |= {"model_type": "evil", "tokenizer_class": "A"}
            else:
                row |= {"attn_implementation": "evil/kernel", "_attn_implementation": "evil/kernel"}
            (place / file).write_text(json.dumps(row), encoding="utf-8")

    with pytest.raises(AtlopError, match="cannot be loaded"):
        load_tokenizer(folder)
    with pytest.raises(AtlopError, match="cannot be loaded"):
        load_encoder(str(folder))
    model, _ = load_model(tmp_path / "model")
    weights = load_file(tmp_path / "model/model.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert not executed.exists()


@pytest.mark.parametrize("text", [text for text in ODD_TEXTS if text])
def test_names_out_of_a_file_are_never_paths_nor_orders(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    folder.mkdir(parents=True)
    row = json.loads(json.dumps(DOCUMENT)) | {"title": text}
    for mentions in row["vertexSet"]:
        for mention in mentions:
            mention |= {"name": text, "type": text}
    for label in row["labels"]:
        label["r"] = text
    corpus, result = folder / "dev.json", folder / "result.json"
    corpus.write_text(json.dumps([row]), encoding="utf-8")
    result.write_text(json.dumps([{"title": f"{text}?", "h_idx": 0, "t_idx": 1, "r": text}]), encoding="utf-8")

    outputs = [run("check", corpus), run("score", result, corpus), run("check", result, "--against", corpus, code=2)]

    assert files_in(tmp_path) == {"a/b/dev.json", "a/b/result.json"}
    for output in ("".join(streams) for streams in outputs):
        assert not set(output) & {"\0", "\x1b", "\u202e", "\ud800"}
    if text.isascii() and text.isprintable():  # `<b>` and `[red]` are text
        assert text.strip()[:20] in outputs[0][0]  # a table cuts longer ones


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "scripts/constraints.txt").read_text(encoding="utf-8").splitlines()

    assert all(PINNED.fullmatch(line) for line in lines if line and not line.startswith("#"))


def test_the_audit_says_what_to_do_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/audit.sh").write_bytes((ROOT / "scripts/audit.sh").read_bytes())
    python = tmp_path / "build/audit/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)

    ended = subprocess.run(["bash", str(tmp_path / "scripts/audit.sh")], capture_output=True, text=True)

    assert ended.returncode == 2
    assert "copy scripts/constraints.txt to a machine that has one" in ended.stderr
