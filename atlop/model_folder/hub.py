"""Upload of model folders to the Hugging Face hub."""

import os
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of whichever client it uses

from atlop.errors import AtlopError
from atlop.files import model_folder
from atlop.model_folder import card
from atlop.model_folder.checks import check_weights, read_model_config
from atlop.run_folder import RunFolder


@dataclass(frozen=True)
class Published:
    """A model folder that was sent to the hub."""

    folder: Path
    address: str
    """URL of the commit."""
    licence: str
    """As its card has it; `card.UNKNOWN` if nobody gave one."""


def publish(model: str | Path, name: str, *, licence: str | None = None, private: bool = False) -> Published:
    """Upload a model with its card, which is written first where it is missing.

    Args:
        model: Run folder (its `best/` is sent) or model folder.
        name: `owner/name` of the repository, which is created if it does not exist.
        licence: The hub's identifier of a licence, for the card; by default the card stays as it is.
        private: Whether a created repository is private.

    Raises:
        AtlopError: There is no such folder, a file of the model or of its run is damaged, or the upload fails; see
            `push`.
    """
    folder = Path(model_folder(model))
    if not (folder / "config.json").is_file():
        raise AtlopError(f"{model}: no such folder; give a run folder or a model folder")
    check_weights(folder, config=read_model_config(folder))
    if not (folder / card.CARD).is_file():
        summary = RunFolder(folder.parent).summary() if folder.name in ("best", "last") else None
        if summary is None and RunFolder(folder.parent).config.exists():
            raise AtlopError(
                f"{folder.parent}: has not ended, so nothing is known of this model; end it with `atlop train --resume "
                f"{folder.parent}`, or copy {folder.name}/ elsewhere to send it without the run's scores"
            )
        run = None if summary is None else card.FinishedRun(folder.parent, summary, model=folder.name)
        card.write_card(folder, run=run)
    if licence is not None:
        card.set_licence(folder, licence)
    address = push(folder, name, private=private)
    return Published(folder, address, card.licence_of(folder))


def push(folder: Path, name: str, *, private: bool) -> str:
    """Upload a model folder to the hub, or to the server at `HF_ENDPOINT`.

    Args:
        folder: The model folder.
        name: `owner/name` of the repository, which is created if it does not exist.
        private: Whether a created repository is private.

    Returns:
        The URL of the commit.

    Raises:
        AtlopError: The name is invalid, the hub cannot be reached, or it denies access.
    """
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    try:
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=name, folder_path=folder, commit_message=f"Upload {name}")
    except (HTTPError, OSError, ValueError) as error:  # all that huggingface_hub raises
        reason = str(error).strip().splitlines()[0]
        raise AtlopError(
            f"{folder}: cannot be uploaded to {name!r} on {api.endpoint}: {reason}; log in with `hf auth login`, and "
            "give the name as owner/name"
        ) from None
    return str(commit.commit_url)
