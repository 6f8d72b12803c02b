"""Damaged configurations, submissions and command lines: a result, or one message and exit code 2."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from atlop.cli import app
from atlop.config import RunConfig
from atlop.config_files import dump_config, load_config
from atlop.corpora import read_corpus
from atlop.corpora.formats.pubtator.scheme import load_scheme
from atlop.errors import AtlopError
from atlop.evaluation import official_scores
from atlop.files import max_unpacked_bytes
from atlop.submission import MEMBER, Submission, check_submission, read_submission
from tests.corpora.test_damaged_corpora import JSON_FILES, NAMES, TEXT_FILES, placed
from tests.damage import damaged_bytes, damaged_json, files_in, odd_values, outcome_of
from tests.test_cli import DOCUMENT

CONFIG = (Path(__file__).parents[1] / "configs/sample.toml").read_bytes()
SCHEME = b'pairs = [["Gene", "Disease"]]\ndirected = true\nidentifier_separator = ","\nno_identifier = "-"\n'
ROWS = [
    {"title": "Skai TV", "h_idx": 0, "t_idx": 1, "r": "P159", "evidence": [0, 1]},
    {"title": "Skai TV", "h_idx": 1, "t_idx": 2, "r": "P17"},
    {"title": "Skai TV", "h_idx": 1, "t_idx": 2, "r": "P17"},
]


def packed(content: bytes, *, name: str = MEMBER, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr(name, content)
    return archive.getvalue()


@given(content=damaged_bytes(CONFIG))
@example(content=CONFIG + b"\n[data.train]\n" + b".".join([b"a"] * 3000) + b" = 1\n")
@example(content=CONFIG.replace(b"= 66", b"= 0x" + b"f" * 8000) + b"\n[trainer]\nseed = 0x" + b"f" * 8000)
@example(content=b"a = " + b"[" * 5000)
@example(content=b"a = " + b"9" * 5000)
@example(content=b"extends = 1")
@example(content=b"extends = 'run.toml'")
@example(content=b"extends = 'sample/../../docred_bert_base'")
@example(content=b"extends = '" + b"a" * 5000 + b"'")
@example(content=b'extends = "\\u0000"')
@example(content=b"extends = 'docred_bert_base'\ndata = 1\nencoder = []")
def test_configurations_with_changed_bytes(content: bytes) -> None:
    look_at_config(content)


def look_at_config(content: bytes) -> RunConfig | AtlopError:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.toml"
        path.write_bytes(content)
        found = outcome_of(lambda: load_config(str(path)), size=len(content))
        if isinstance(found, RunConfig):
            path.write_text(dump_config(found), encoding="utf-8")
            assert load_config(str(path)) == found
        return found


@given(
    key=st.sampled_from(("trainer.seed", "preprocessing.max_length", "data.train", "objective.name", "a.b", "", "."))
    | st.text(max_size=20),
    value=odd_values() | st.text(max_size=20),
)
@example(key="trainer.seed", value="0x" + "f" * 8000)
@example(key="data.train", value="[" * 5000)
@example(key="trainer.epochs", value="9" * 5000)
def test_values_set_on_the_command_line(key: str, value: object) -> None:
    override = f"{key}={value}"
    found = outcome_of(lambda: load_config("sample", overrides=[override]), size=len(override))
    if isinstance(found, RunConfig):
        assert 0 <= found.trainer.seed < 2**31


@given(content=damaged_bytes(SCHEME))
def test_schemes_with_changed_bytes(content: bytes) -> None:
    look_at_scheme(content)


def look_at_scheme(content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scheme.toml"
        path.write_bytes(content)
        return outcome_of(lambda: load_scheme(path), size=len(content))


def look_at_submission(content: bytes, *, name: str) -> Submission | AtlopError:
    """Read, check and score a submission; what is read is in range, and what the check finds fine can be read."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "dev.json"
        corpus.write_text(json.dumps([DOCUMENT]), encoding="utf-8")
        documents = read_corpus(corpus).documents
        path = Path(folder) / name
        path.write_bytes(content)
        found = outcome_of(lambda: read_submission(path, documents=documents), size=len(content))
        problems = outcome_of(
            lambda: check_submission(path, documents=documents, relations=None).listed(), size=len(content)
        )
        assert isinstance(problems, list)
        if isinstance(found, AtlopError):
            assert problems
            return found
        assert isinstance(found, Submission)
        scores = official_scores(documents, predictions=found.predictions, train_facts=None, unknown=found.unknown)
        assert scores.f1 is None or 0 <= scores.f1 <= 1
        assert scores.correct <= min(scores.submitted, scores.gold)
        assert files_in(Path(folder)) == {"dev.json", name}
        return found


@given(content=damaged_json(ROWS))
@example(content=b'[{"title": "Skai TV", "h_idx": ' + b"9" * 5000 + b"}]")
def test_submissions_with_changed_values(content: bytes) -> None:
    look_at_submission(content, name="result.json")
    look_at_submission(packed(content), name="result.zip")


@given(
    content=damaged_bytes(packed(json.dumps(ROWS).encode()))
    | damaged_bytes(packed(json.dumps(ROWS).encode(), method=zipfile.ZIP_LZMA))
)
@example(content=packed(json.dumps(ROWS).encode(), method=zipfile.ZIP_LZMA).replace(b"title", b"tit"))
def test_zips_with_changed_bytes(content: bytes) -> None:
    look_at_submission(content, name="result.zip")


@given(content=damaged_bytes(json.dumps(ROWS).encode()))
def test_submissions_with_changed_bytes(content: bytes) -> None:
    look_at_submission(content, name="result.json")


def test_a_zip_that_unpacks_to_more_than_any_submission_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "result.zip"
    path.write_bytes(packed(b" " * (20 << 20)))

    with pytest.raises(AtlopError, match=r"result\.json in it unpacks to 20,971,520 bytes; expected at most 9,"):
        read_submission(path, documents=())


def test_a_zip_that_understates_what_it_unpacks_to_is_refused(tmp_path: Path) -> None:
    path, size = tmp_path / "result.zip", 20 << 20
    content = packed(b" " * size).replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(content)
    assert max_unpacked_bytes(len(content)) > 100

    with pytest.raises(AtlopError, match=r"result\.zip"):
        read_submission(path, documents=())


@pytest.mark.parametrize("name", ["../result.json", "/result.json", "a/../../result.json"])
def test_a_zip_writes_nothing_whatever_its_members_are_called(name: str, tmp_path: Path) -> None:
    path = tmp_path / "in/result.zip"
    path.parent.mkdir()
    path.write_bytes(packed(b"[]", name=name))

    with pytest.raises(AtlopError, match=r"expected result\.json at the top level of the zip, found"):
        read_submission(path, documents=())
    assert files_in(tmp_path) == {"in/result.zip"}


@given(data=st.data())
def test_commands_end_with_0_or_with_one_message_and_2(data: st.DataObject) -> None:
    format = data.draw(st.sampled_from(sorted(NAMES)))
    valid = TEXT_FILES.get(format) or json.dumps(JSON_FILES[format]).encode()
    changed = damaged_bytes(valid) | (damaged_json(JSON_FILES[format]) if format in JSON_FILES else st.nothing())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = str(placed(folder, format, data.draw(changed)))
        result = folder / "result.json"
        result.write_bytes(data.draw(damaged_json(ROWS)))
        before = files_in(folder)
        commands = (
            ["check", path],
            ["check", str(result), "--against", path],
            ["score", str(result), path, "--train", path],
            ["convert", path, f"{folder}/out.jsonl", "--to", "jsonl"],
            ["check", path, "--relations", str(result)],
        )
        arguments = [*data.draw(st.sampled_from(commands)), *data.draw(st.sampled_from(([], ["--json"])))]
        ended = CliRunner().invoke(app, arguments)
        assert ended.exit_code in (0, 2), ended.output
        assert ended.exception is None or isinstance(ended.exception, SystemExit)
        assert "Traceback" not in ended.output
        if ended.exit_code == 2:
            assert files_in(folder) == before
            assert ended.output.strip()
