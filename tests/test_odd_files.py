"""A pipe, a device or a folder, given as any file of any command, ends with one message at once."""

import os
from pathlib import Path

import pytest

from atlop.model_folder import save_model
from tests.damage import files_in, in_a_minute
from tests.golden_values import golden_model, golden_tokenizer
from tests.test_cli import DOCUMENT, run, write

COMMANDS = {
    "check": ("check", "ODD"),
    "check in a format": ("check", "ODD", "--format", "jsonl"),
    "check dwie": ("check", "ODD", "--format", "dwie"),
    "check pubtator": ("check", "ODD", "--format", "pubtator:ODD"),
    "check against": ("check", "RESULT", "--against", "ODD"),
    "check a submission": ("check", "ODD", "--against", "DEV"),
    "check relations": ("check", "DEV", "--relations", "ODD"),
    "convert": ("convert", "ODD", "OUT.jsonl", "--to", "jsonl"),
    "convert from": ("convert", "ODD", "OUT.jsonl", "--to", "jsonl", "--from", "docred"),
    "score": ("score", "ODD", "DEV"),
    "score gold": ("score", "RESULT", "ODD"),
    "score train": ("score", "RESULT", "DEV", "--train", "ODD"),
    "compare": ("compare", "DEV", "RESULT", "ODD"),
    "predict": ("predict", "MODEL", "ODD", "--output", "OUT.json"),
    "predict with": ("predict", "MODEL", "DEV", "--output", "OUT.json", "--decision", "ODD"),
    "predict by": ("predict", "ODD", "DEV", "--output", "OUT.json"),
    "evaluate": ("evaluate", "MODEL", "ODD"),
    "calibrate": ("calibrate", "MODEL", "ODD"),
    "extract": ("extract", "MODEL", "ODD", "--output", "OUT.jsonl"),
    "graph": ("graph", "ODD", "--output", "OUT.nt"),
    "report": ("report", "ODD", "--dev", "DEV", "--output", "OUT.html"),
    "report dev": ("report", "MODEL", "--dev", "ODD", "--output", "OUT.html"),
    "plot": ("plot", "MODEL", "--dev", "ODD", "--output", "OUT"),
    "import": ("import-checkpoint", "ODD", "--encoder", "MODEL", "--relations", "RELATIONS", "--output", "OUT"),
    "import relations": ("import-checkpoint", "DEV", "--encoder", "MODEL", "--relations", "ODD", "--output", "OUT"),
    "train": ("train", "ODD", "--output", "OUT"),
    "train on": ("train", "CONFIG", "--set", "data.train='ODD'", "--output", "OUT"),
    "train with dev": ("train", "CONFIG", "--set", "data.dev='ODD'", "--output", "OUT"),
    "train relations": ("train", "CONFIG", "--set", "data.relations='ODD'", "--output", "OUT"),
    "train from": ("train", "CONFIG", "--set", "trainer.start_from='ODD'", "--output", "OUT"),
    "experiment": ("experiment", "ODD", "--output", "OUT"),
    "config": ("config", "show", "ODD"),
}


@pytest.fixture(scope="module")
def files(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What stands in the commands."""
    folder = tmp_path_factory.mktemp("files")
    save_model(folder / "model", model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    dev = write(folder / "dev.json", [DOCUMENT])
    config = folder / "run.toml"
    lines = ("[data]", f"train = '{dev}'", f"dev = '{dev}'", "[encoder]", f"name = '{tiny_encoder}'")
    config.write_text("\n".join([*lines, "[trainer]", "batch_size = 1"]), encoding="utf-8")
    return {
        "MODEL": folder / "model",
        "DEV": dev,
        "CONFIG": config,
        "RESULT": write(folder / "result.json", []),
        "RELATIONS": write(folder / "rel2id.json", {"P17": 1, "P159": 2}),
    }


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_is_no_file_is_refused_at_once(command: tuple[str, ...], files: dict[str, Path], tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe.jsonl", tmp_path / "folder.jsonl"
    os.mkfifo(pipe)
    folder.mkdir()
    before = files_in(tmp_path)
    for odd in (pipe, folder, Path("/dev/zero")):
        values = files | {"ODD": odd, "OUT": tmp_path / "out"}
        arguments = []
        for argument in command:
            for name, path in values.items():
                argument = argument.replace(name, str(path))
            arguments.append(argument)
        with in_a_minute():
            output, problem = run(*arguments, code=2)
        assert str(odd) in output + problem, (odd, output, problem)
        assert files_in(tmp_path) == before


SIZE = 1 << 20
LONG_LINES = {
    "a word": b"a" * SIZE,
    "a number": b"9" * SIZE,
    "a number in an object": b'{"title": ' + b"9" * SIZE + b"}",
    "a string of escapes": b'["' + b"\\u0041" * (SIZE // 6) + b'"]',
    "many keys": b"{" + b", ".join(b'"%d": 1' % number for number in range(SIZE // 11)) + b"}",
    "lists in lists": b"[" * SIZE,
    "objects in objects": b'{"a":' * (SIZE // 5),
    "columns": b"a\t" * (SIZE // 2),
    "bars": b"1|t|" + b"a|" * (SIZE // 2),
    "space": b" " * SIZE,
}


@pytest.mark.parametrize("line", LONG_LINES.values(), ids=LONG_LINES)
def test_a_line_of_megabytes_ends_with_a_short_message(line: bytes, tmp_path: Path) -> None:
    for name in ("dev.json", "dev.txt", "dev.jsonl"):
        path = tmp_path / name
        path.write_bytes(line)
        with in_a_minute():
            code = 0 if line.isspace() and name == "dev.jsonl" else 2
            output, problem = run("check", path, code=code)
            _, submission_problem = run("check", path, "--against", path, code=2)
        assert str(path) in output + problem
        assert len(output + problem + submission_problem) < 6000  # the formats that are recognised are listed, twice
