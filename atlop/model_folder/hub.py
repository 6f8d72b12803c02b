"""Upload of model folders to the Hugging Face hub."""

import os
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of whichever client it uses

from atlop.errors import AtlopError


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
