"""The files that a configuration names: which there are, and where missing ones come from."""

from collections.abc import Iterable
from pathlib import Path

from atlop.config import DataConfig
from atlop.corpora.formats import published_corpora
from atlop.errors import AtlopError
from atlop.files import exists, refuse_tilde


def data_files(data: DataConfig) -> dict[str, Path]:
    """Return the files that a configuration names, by key, such as `data.train`."""
    keys = ("train", "dev", "train_facts", "relations", "relation_names")
    return {f"data.{key}": path for key in keys if (path := getattr(data, key)) is not None}


def missing_files(data: DataConfig) -> dict[str, Path]:
    """Return those of `data_files` that do not exist.

    Raises:
        AtlopError: A path begins with a `~` that the shell left.
    """
    files = data_files(data)
    for path in files.values():
        refuse_tilde(path)
    return {key: path for key, path in files.items() if not exists(path)}


def require_files(data: DataConfig) -> None:
    """Refuse a configuration that names files which do not exist, before anything takes time.

    Raises:
        AtlopError: Files are missing; all are named, and where they come from.
    """
    if not (missing := missing_files(data)):
        return
    commands = download_commands(missing.values())
    others = [key for key, path in missing.items() if not download_commands([path])]
    advice = [f"fetch with {' and '.join(f'`{command}`' for command in commands)}"] if commands else []
    advice += ["check the path (data/README.md says where each corpus comes from)"] if others else []
    advice += [f"--set {key}= does without" for key in others if key not in ("data.train", "data.dev")]
    lines = "\n  ".join(f"{key}: {path}: no such file" for key, path in missing.items())
    raise AtlopError(f"{lines}; {', or '.join(advice)}")


def download_commands(paths: Iterable[Path]) -> list[str]:
    """Return the commands that fetch those of the paths, such as `data/docred/dev.json`, that are published."""
    commands = []
    for path in paths:
        corpus = published_corpora().get(path.parent.name) if path.parent.parent == Path("data") else None
        file = next((file for file in corpus.files if file.name == path.name), None) if corpus else None
        if file is not None:
            commands.append(
                f"atlop download {path.parent.name}" + ("" if file.fetched_by_default else f" --files {path.stem}")
            )
    return list(dict.fromkeys(commands))
