"""Model folders sent to the Hugging Face hub."""

import os
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of whichever client it uses

from atlop.errors import AtlopError


def push(folder: Path, name: str, *, private: bool) -> str:
    """Send a model folder to the hub, or to the server that `HF_ENDPOINT` names.

    Args:
        folder: The model folder.
        name: `owner/name` of the model there; it is made where it does not exist.
        private: Whether a model that is made can be seen by its owner alone.

    Returns:
        The address of the commit.

    Raises:
        AtlopError: The name is not valid, the hub cannot be reached, or does not let the user in.
    """
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    try:
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=name, folder_path=folder, commit_message=f"Upload {name}")
    except (HTTPError, OSError, ValueError) as error:  # what huggingface_hub raises, whatever went wrong
        reason = str(error).strip().splitlines()[0]
        raise AtlopError(
            f"{folder} is not sent to {name!r} on {api.endpoint}: {reason}; `hf auth login` lets you in; the name is "
            "owner/name"
        ) from None
    return str(commit.commit_url)
