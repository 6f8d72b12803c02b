"""Find the folder of a model: of a run, of the sample, or a copy of a remote one."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import platformdirs
from filelock import FileLock

from atlop import sample
from atlop.errors import AtlopError
from atlop.files.outputs import refuse_tilde
from atlop.files.reading import file_sha256, read_json, reading
from atlop.files.remote import address, file_version, files_below, is_folder, is_remote, open_bytes
from atlop.files.writing import atomic_folder, recovered


def model_folder(name: str | Path) -> str:
    """Return the folder of a run's best model, of the sample model or of a copy; other names are returned unchanged.

    Raises:
        AtlopError: It is a folder without a model, begins with a `~` that the shell left, or cannot be copied.
    """
    folder = Path(name)
    refuse_tilde(folder)
    if is_remote(name):
        return str(_copied(folder / "best" if is_folder(folder / "best") else folder))
    if str(name) == sample.NAME and not folder.exists():
        return str(sample.MODEL)
    best = folder / "best"
    if recovered(best).is_dir():
        return str(best)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise AtlopError(
            f"{name}: holds no model: neither best/, which a run writes at its first evaluation, nor config.json"
        )
    return str(name)


def model_digest(name: str | Path) -> str:
    """Return a digest of all files of a model folder but its card, and of `config.json` without the decision.

    Args:
        name: As in `model_folder`.

    Raises:
        AtlopError: It has no model, or a file cannot be read.
    """
    folder = Path(model_folder(name))
    files = [file for file in folder.iterdir() if file.is_file() and file.suffix != ".md" and file.name[0] != "."]
    return sha256("".join(f"{file.name}\0{_digest(file)}\n" for file in sorted(files)).encode()).hexdigest()


def _digest(file: Path) -> str:
    """Return the digest of what the scores of a model depend on; `atlop calibrate` changes the decision alone."""
    if file.name != "config.json":
        return file_sha256(file)
    config = read_json(file)
    if isinstance(config, dict):  # else it is damaged, which whoever loads the model says
        config.pop("decision", None)
    return sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _copied(folder: Path) -> Path:
    """Return a copy of a remote folder in the user's cache, without folders in it; a new one when a file has changed.

    Raises:
        AtlopError: It holds no model, or cannot be copied.
    """
    files = [path for path in files_below(folder) if path.parent == folder]
    if "config.json" not in {path.name for path in files}:
        raise AtlopError(f"{address(folder)}: holds no model (no config.json); expected a model folder, or a run's")
    versions = "".join(f"{path}\0{file_version(path)}\n" for path in files)
    copy = platformdirs.user_cache_path("atlop") / "models" / sha256(versions.encode()).hexdigest()
    copy.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(copy.with_suffix(".lock")):
        if not copy.exists():
            with atomic_folder(copy) as new:
                for path in files:
                    with (new / path.name).open("wb") as target:
                        target.writelines(_blocks(path))
    return copy


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a remote file; what goes wrong where they are written is no failure to read."""
    with reading(path), open_bytes(path) as source:
        while block := source.read(1 << 20):
            yield block
