"""A model folder goes whole to the server that stands for the hub, and nowhere else."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from atlop.errors import AtlopError
from atlop.model_folder import save_model, write_card
from atlop.model_folder.hub import publish, push
from tests.golden_values import golden_model, golden_tokenizer
from tests.web import COMMIT, Site, closed_port, served


class Hub:
    """What the hub's client asks for when a folder is uploaded."""

    def __init__(self, site: Site):
        self.site = site
        self.created: dict[str, object] = {}
        self.files: dict[str, bytes] = {}
        site.answer = self._answer

    def _answer(self, path: str, body: bytes) -> bytes | None:
        if path == "api/repos/create":
            self.created = json.loads(body)
            name = f"{self.created['organization']}/{self.created['name']}"
            return json.dumps({"url": f"{self.site.url}/{name}", "id": name}).encode()
        if path.startswith("api/models/owner/tiny/preupload/main"):
            files = [file["path"] for file in json.loads(body)["files"]]
            rows = [{"path": file, "uploadMode": "regular", "shouldIgnore": False} for file in files]
            return json.dumps({"files": rows}).encode()
        if path.startswith("api/models/owner/tiny/commit/main"):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return json.dumps(
                {"commitUrl": f"{self.site.url}/owner/tiny/commit/{COMMIT}", "commitOid": COMMIT}
            ).encode()
        if path == "api/validate-yaml":
            return b'{"errors": [], "warnings": []}'
        return None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with served() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield Hub(site)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    save_model(path, model=golden_model("bert"), tokenizer=golden_tokenizer("bert"))
    write_card(path)
    return path


def test_every_file_of_the_folder_arrives(hub: Hub, folder: Path) -> None:
    address = push(folder, "owner/tiny", private=True)

    assert address == f"{hub.site.url}/owner/tiny/commit/{COMMIT}"
    assert hub.files == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= set(hub.files)
    assert (hub.created["organization"], hub.created["name"]) == ("owner", "tiny")
    assert "private" in json.dumps(hub.created)


def test_a_name_that_is_none_is_one_message(hub: Hub, folder: Path) -> None:
    with pytest.raises(AtlopError, match=r"cannot be uploaded to 'a/b/c' on http://127.*give the name as owner/name"):
        push(folder, "a/b/c", private=False)
    assert hub.site.requests == []


def test_a_hub_that_says_no_is_one_message(hub: Hub, folder: Path) -> None:
    hub.site.answer = None

    with pytest.raises(AtlopError, match=r"cannot be uploaded to 'owner/tiny' .*404.*log in with `hf auth login`"):
        push(folder, "owner/tiny", private=False)


def test_a_hub_that_is_not_there_is_one_message(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", closed_port())

    with pytest.raises(AtlopError, match=r"cannot be uploaded to 'owner/tiny' on http://127"):
        push(folder, "owner/tiny", private=False)


def test_a_run_that_has_not_ended_is_not_sent_as_one_of_unknown_origin(hub: Hub, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "best", ignore=shutil.ignore_patterns("README.md"))
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    with pytest.raises(AtlopError, match=r": has not ended, .* `atlop train --resume "):
        publish(tmp_path, "owner/tiny")
    assert not hub.files
