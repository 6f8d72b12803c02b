"""What stands around the program on other machines ends no command in a traceback and changes no result."""

import importlib.metadata
import inspect
import logging
import os
import pickle
import pkgutil
import re
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
import torch
from transformers.utils import logging as transformers_logging

import atlop
from atlop.cli import session
from atlop.environment import environment
from atlop.errors import AtlopError, StoppedError
from atlop.inference import RelationExtractor
from tests.inference.conftest import model_folder
from tests.test_cli import DOCUMENT, run, run_apart, write

__all__ = ["model_folder"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "Köln北京.json", [DOCUMENT])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_characters_that_the_terminal_cannot_show_are_escaped(encoding: str, corpus: Path) -> None:
    command = [sys.executable, "-m", "atlop", "check", str(corpus)]
    variables = os.environ | {"PYTHONIOENCODING": encoding}
    output = subprocess.run(command, env=variables, capture_output=True, check=True).stdout.decode(encoding)
    shown = corpus.name.encode(encoding, "backslashreplace").decode(encoding)
    assert shown in output
    assert re.search(r"facts\s+2\n", output.replace("\r", ""))


@pytest.mark.parametrize("redirection", ["2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-", "2</dev/null"])
def test_a_service_without_standard_streams_does_its_work_and_no_message_gets_into_a_file(
    redirection: str, corpus: Path, tmp_path: Path
) -> None:
    def convert(output: Path, redirection: str) -> bytes:
        arguments = f"convert '{corpus}' {output} --to jsonl"
        subprocess.run(["sh", "-c", f"exec {sys.executable} -m atlop {arguments} {redirection}"], check=True)
        return output.read_bytes()

    assert convert(tmp_path / "without.jsonl", redirection) == convert(tmp_path / "with.jsonl", "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TQDM_MININTERVAL", "soon"), ("TQDM_NCOLS", "all"), ("HF_HUB_DOWNLOAD_TIMEOUT", "never")],
)
def test_a_variable_that_a_library_refuses_is_named(variable: str, value: str, corpus: Path) -> None:
    code = f"from atlop.cli import main; main(['check', {str(corpus)!r}, '--tokenizer', '/nowhere'])"
    imports = "import atlop.cli.session as session; session._require_reachable = lambda *_, **__: None"
    _, problem = run_apart("-c", f"{imports}; {code}", code=2, **{variable: value})
    assert f"atlop: error: {variable}={value}: " in problem
    assert problem.endswith("; unset the variable, or correct it\n")
    assert "Traceback" not in problem


def test_other_errors_of_libraries_are_not_blamed_on_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOOD", "sad")
    (tmp_path / "library.py").write_text("def fail():\n    raise ValueError('sad')\n", encoding="utf-8")
    (tmp_path / "broken.py").write_text("raise ValueError('too sad')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="sad") as called:
        import_module("library").fail()
    assert session._refused_variables(called.value) == ""
    with pytest.raises(ValueError, match="too sad") as imported:
        import_module("broken")
    assert session._refused_variables(imported.value) == "MOOD=sad"
    monkeypatch.setenv("MOOD", "sa")
    assert session._refused_variables(imported.value) == ""


def test_python_without_docstrings_is_refused_where_transformers_is_needed(corpus: Path) -> None:
    _, problem = run_apart("-OO", "-m", "atlop", "check", corpus, "--tokenizer", corpus.parent, code=2)
    assert problem.startswith("atlop: error: PYTHONOPTIMIZE=2 (python -OO): transformers cannot work")


@pytest.mark.parametrize("columns", ["0", "1", "-3", "wide"])
def test_any_width_of_the_terminal_prints_a_table(columns: str, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert "facts" in run("check", corpus)[0]


@pytest.mark.parametrize("rank", ["0", "3", "last"])
def test_a_rank_that_was_left_hides_no_message(
    rank: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", rank)
    with session._log_on_standard_error():
        logging.getLogger("atlop.corpora").info("seen")
    assert capsys.readouterr().err == "atlop: info: seen\n"


def test_of_processes_that_have_joined_the_first_says_more_than_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        with session._log_on_standard_error():
            logging.getLogger("atlop").warning("warning of %d", rank)
            logging.getLogger("atlop").error("error of %d", rank)
    assert capsys.readouterr().err.splitlines() == [
        "atlop: warning: warning of 0",
        "atlop: error: error of 0",
        "atlop: error: error of 1",
    ]


@pytest.mark.parametrize(
    ("value", "is_offline"), [("1", True), ("true", True), ("YES", True), ("on", True)]
    + [(value, False) for value in ("0", "false", "no", "off", "")],
)  # fmt: skip
def test_the_hub_is_offline_where_huggingface_hub_says_so(
    value: str, is_offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setenv("HF_HUB_OFFLINE", value)

    def is_reachable(url: str, **_: object) -> bool:
        asked.append(url)
        return True

    monkeypatch.setattr("atlop.network.is_reachable", is_reachable)
    session._require_reachable("bert-base-cased", kind="encoder")
    assert bool(asked) is not is_offline
    assert os.environ["HF_HUB_OFFLINE"] == value


def test_a_host_program_keeps_its_settings_of_transformers(model_folder: Path) -> None:
    def settings() -> tuple[object, ...]:
        return (
            transformers_logging.get_verbosity(),
            transformers_logging.is_progress_bar_enabled(),
            torch.get_num_threads(),
            logging.getLogger("atlop").level,
            dict(os.environ),
        )

    verbosity = transformers_logging.get_verbosity()
    for has_bars in (False, True):
        transformers_logging.set_verbosity_info()
        set_bars = transformers_logging.enable_progress_bar if has_bars else transformers_logging.disable_progress_bar
        set_bars()  # type: ignore[no-untyped-call]
        before = settings()
        RelationExtractor.from_pretrained(model_folder)
        assert settings() == before
        with session.quiet_libraries(model=str(model_folder), kind="model"):
            assert not transformers_logging.is_progress_bar_enabled()
        assert settings() == before
    transformers_logging.set_verbosity(verbosity)


def test_the_package_runs_from_its_source_without_being_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "atlop":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    assert environment(data={})["packages"]["atlop"] == atlop.__version__


def test_every_error_of_the_package_reaches_another_process() -> None:
    stopped = pickle.loads(pickle.dumps(StoppedError("stopped", exit_code=143)))
    assert (str(stopped), stopped.exit_code) == ("stopped", 143)
    names = [module.name for module in pkgutil.walk_packages(atlop.__path__, "atlop.") if "__main__" not in module.name]
    for name in names:
        with suppress(ImportError):  # of an extra
            import_module(name)
    modules = [module for name, module in sys.modules.items() if name.startswith("atlop.")]
    errors = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)
              if issubclass(kind, Exception) and kind.__module__.startswith("atlop.")}  # fmt: skip
    assert AtlopError in errors
    for kind in errors - {StoppedError}:
        again = pickle.loads(pickle.dumps(kind("what is wrong")))
        assert (type(again), str(again)) == (kind, "what is wrong")
