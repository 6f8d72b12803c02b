"""The command and its service: light, read only, and for this machine alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'atlop[serve]'")

import httpx
from starlette.testclient import TestClient

from atlop.watching import RunProgress, make_app
from tests.serving.test_server import started
from tests.test_cli import run
from tests.watching.runs import LEARNED, evaluation, row, write_run


def test_each_request_reads_what_is_new(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", LEARNED)
    client = TestClient(make_app(RunProgress(folder), title="<run>"))
    page = client.get("/")
    assert "&lt;run&gt;" in page.text
    assert page.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert client.get("/progress").json()["step"] == 20

    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row(21)) + "\n" + json.dumps(evaluation(21, 0.75)) + "\n")

    answer = client.get("/progress")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.json()["step"], answer.json()["dev"][-1]["f1"]) == (21, 0.75)
    assert client.post("/progress").status_code == 405
    assert client.get("/config.toml").status_code == 404


def test_other_names_than_those_of_loopback_are_refused(tmp_path: Path) -> None:
    app = make_app(RunProgress(write_run(tmp_path / "run", LEARNED)), title="run", allowed_hosts=())

    answers = [TestClient(app, base_url=f"http://{name}").get("/progress") for name in ("localhost", "evil.example")]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert "--allow-host NAME" in answers[1].json()["error"]


def test_watch_serves_until_it_is_told_to_stop_and_imports_no_torch(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", LEARNED)

    with started("-m", "atlop", "watch", folder, "--port", 0) as server:
        assert httpx.get(f"{server.url}/progress").json()["step"] == 20
        assert server.memory() < 200
        server.process.terminate()
        assert server.process.wait(60) == 0
    program = "import sys; import atlop.cli, atlop.watching, atlop.web; print({'torch', 'fastapi'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_watch_prints_once_for_programs(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", LEARNED, checkpoint=20)

    found = json.loads(run("watch", folder, "--json")[0])

    assert (found["run"], found["state"], found["step"]) == (str(folder), "stopped", 20)
    assert "holds no run" in run("watch", tmp_path / "none", code=2)[1]
