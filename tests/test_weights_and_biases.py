"""Weights & Biases is optional: no prompts and no errors."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import wandb

from atlop import weights_and_biases
from atlop.config import TrackingConfig
from atlop.weights_and_biases import Tracker
from tests.web import closed_port


class FakeRun:
    def __init__(self) -> None:
        self.logged: list[tuple[dict[str, Any], int]] = []
        self.finished = False

    def log(self, metrics: dict[str, Any], *, step: int) -> None:
        self.logged.append((metrics, step))

    def finish(self) -> None:
        self.finished = True


class FakeService:
    """Replaces `wandb.init`; may fail where it would need the network."""

    def __init__(self, *, reachable: bool = True):
        self.modes: list[str] = []
        self.arguments: dict[str, Any] = {}
        self.run = FakeRun()
        self._reachable = reachable

    def __call__(self, *, mode: str, **arguments: Any) -> FakeRun:
        self.modes.append(mode)
        self.arguments = arguments
        if mode == "online" and not self._reachable:
            raise wandb.errors.CommError("no network")
        return self.run


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))
    monkeypatch.setattr("builtins.input", _refuse)
    monkeypatch.setattr("getpass.getpass", _refuse)


def _refuse(*_: object, **__: object) -> str:
    raise AssertionError("asked the user")


def service(monkeypatch: pytest.MonkeyPatch, *, reachable: bool = True) -> FakeService:
    fake = FakeService(reachable=reachable)
    monkeypatch.setattr(wandb, "init", fake)
    monkeypatch.setattr(wandb, "login", lambda **_: "WANDB_API_KEY" in os.environ)  # else kept for the whole process
    monkeypatch.setattr(weights_and_biases, "is_reachable", lambda *_, **__: True)
    return fake


def tracker(mode: Any, folder: Path) -> Tracker:
    return Tracker(TrackingConfig(wandb=mode, project="paper"), folder=folder, run_id="0a1b", settings={"seed": 66})


def test_disabled_tracking_does_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = service(monkeypatch)
    silent = tracker("disabled", tmp_path)
    silent.log({"loss": 1.0}, step=1)
    silent.finish()
    assert fake.modes == []


def test_disabled_tracking_does_not_need_wandb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # makes the import fail
    tracker("disabled", tmp_path).finish()
    with pytest.raises(ImportError):
        tracker("offline", tmp_path)


def test_an_account_is_used_online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    fake = service(monkeypatch)
    online = tracker("online", tmp_path / "run")
    online.log({"loss": 1.0, "dev": {"f1": 0.5}}, step=7)
    online.finish()
    assert fake.modes == ["online"]
    assert (fake.arguments["project"], fake.arguments["name"]) == ("paper", "run")
    assert fake.arguments["config"] == {"seed": 66}
    assert (fake.arguments["id"], fake.arguments["resume"]) == ("0a1b", "allow")  # so that a resumed run goes on there
    assert fake.run.logged == [({"loss": 1.0, "dev": {"f1": 0.5}}, 7)]
    assert fake.run.finished


def test_online_without_an_account_becomes_offline_without_asking(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = service(monkeypatch)
    tracker("online", tmp_path)
    assert fake.modes == ["offline"]
    assert fake.arguments["id"] == "0a1b"
    assert "not logged in" in caplog.text


def test_online_without_a_network_becomes_offline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    fake = service(monkeypatch, reachable=False)
    tracked = tracker("online", tmp_path)
    tracked.log({"loss": 1.0}, step=1)
    assert fake.modes == ["online", "offline"]
    assert fake.arguments["id"] == "0a1b-offline"  # the other is taken
    assert fake.run.logged == [({"loss": 1.0}, 1)]
    assert "no network" in caplog.text


def test_no_network_is_told_from_a_service_that_refuses_before_wandb_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", closed_port())
    fake = FakeService()
    monkeypatch.setattr(wandb, "init", fake)
    tracker("online", tmp_path)
    assert fake.modes == ["offline"]
    assert len(caplog.messages) == 1
    assert "cannot be reached; metrics are stored offline" in caplog.text


@pytest.mark.parametrize(("variable", "expected"), [("offline", ["offline"]), ("DISABLED", []), ("online", ["online"])])
def test_the_variable_of_wandb_counts_where_the_setting_says_online(
    variable: str, expected: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_MODE", variable)
    fake = service(monkeypatch)
    tracker("online", tmp_path).finish()
    assert fake.modes == expected


def test_whatever_wandb_raises_training_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = service(monkeypatch)
    tracked = tracker("offline", tmp_path)
    monkeypatch.setattr(fake.run, "log", _refuse)
    for step in (1, 2):
        tracked.log({"loss": 1.0}, step=step)
    tracked.finish()
    assert caplog.messages == ["wandb: asked the user; metrics are only in metrics.jsonl from here on"]
    monkeypatch.setattr(wandb, "init", _refuse)
    tracker("offline", tmp_path).log({"loss": 1.0}, step=1)
    assert len(caplog.messages) == 3


def test_offline_really_keeps_everything_in_the_folder_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    offline = tracker("offline", tmp_path / "run")
    offline.log({"step": 1, "loss": 1.0}, step=1)
    offline.log({"step": 1, "dev": {"f1": 0.5, "ign_f1": None}}, step=1)
    offline.finish()
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
