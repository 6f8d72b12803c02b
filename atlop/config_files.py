"""Load a `RunConfig` from TOML files and `--set` overrides, and write one as TOML."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, cast, get_args

import tomli_w
from pydantic import BaseModel, ValidationError

from atlop import sample
from atlop.config import DataConfig, EncoderConfig, ModelConfig, RunConfig, Section, TrainerConfig
from atlop.errors import AtlopError
from atlop.files import read_toml, refuse_tilde
from atlop.json_values import abbreviated
from atlop.parsing import parse_toml

_RENAMED: dict[tuple[type[Section], str], str] = {
    (ModelConfig, "encoding"): "preprocessing",
    (DataConfig, "layout"): "format",
    (TrainerConfig, "max_skipped_updates"): "max_skipped_steps",
}
"""Section and key in version 0.1 -> current key."""


def load_config(source: str, *, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a configuration.

    With `extends = "docred_bert_base"` (the name of a shipped configuration, or a path relative to the file), a file
    takes all values that it does not set from another one.

    Args:
        source: Path of a TOML file, or the name of a shipped one such as `docred_bert_base`.
        overrides: `section.key=value` strings; the value is TOML (`3e-5`, `true`, `"text"`), or plain text. Without a
            value, the default of the key counts.

    Raises:
        AtlopError: There is no such file, it is not TOML, it extends itself, or a key or value is wrong; the
            message names every wrong one.
    """
    tree, paths = _read(find_config(source), extended_by=())
    if find_config(sample.NAME) in paths:
        tree["data"] = {
            key: sample.located(value) if isinstance(value, str) else value for key, value in tree["data"].items()
        }
    for override in overrides:
        _set(tree, override)
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for problem in validation_problems(error, model=RunConfig))
        raise AtlopError(f"{_chain(paths)}: the configuration is not valid:\n{problems}") from None


def find_config(source: str, *, folder: Path = Path()) -> Path:
    """Return the path of a configuration or experiment, from a path relative to `folder` or the name of a shipped one.

    A file takes precedence over a shipped one of the same name.

    Raises:
        AtlopError: Neither exists; the shipped names are listed. Or it begins with a `~` that the shell left.
    """
    path = folder / source
    with suppress(OSError):  # of a name that no file can have
        if path.exists() and not path.is_dir():
            return path
    refuse_tilde(path)
    shipped = shipped_files()
    if source in shipped:
        return shipped[source]
    raise AtlopError(f"{source:.1000}: no such TOML file; shipped ones are {', '.join(shipped)}")


def shipped_files() -> dict[str, Path]:
    """Return the shipped configurations, then the experiments (`experiments/…`), by name."""
    package = Path(str(files("atlop")))
    configs = package / "configs" if (package / "configs").is_dir() else package.parent / "configs"  # wheel; checkout
    paths = [*sorted(configs.glob("*.toml")), *sorted(configs.glob("*/*.toml"))]
    return {path.relative_to(configs).with_suffix("").as_posix(): path for path in paths}


def dump_config(config: BaseModel) -> str:
    """Return a configuration as TOML, with defaults included; `None` is omitted, since TOML has no null."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def flat_settings(config: BaseModel) -> dict[str, Any]:
    """Return all values of a configuration as JSON values, by dotted key; an empty table counts as one value."""
    return dict(_flat(config.model_dump(mode="json")))


def default_settings() -> dict[str, Any]:
    """Return the `flat_settings` of a configuration with defaults only, for settings newer than a recorded one."""
    required = {
        "encoder": EncoderConfig(name=""),
        "data": DataConfig(train=Path(), dev=Path()),
    }  # every record has them
    return flat_settings(RunConfig.model_validate(required))


def validation_problems(error: ValidationError, *, model: type[BaseModel], prefix: str = "") -> list[str]:
    """Describe each wrong value: where it is, what was found and, for an unknown key, the nearest known one.

    `model` is the class that was validated, and `prefix` its dotted key in the configuration; empty for the root.
    """
    found = [(problem, problem["loc"]) for problem in error.errors()]
    return [
        _describe(problem, model=model, prefix=prefix)
        for problem, path in found
        # A list whose members are wrong counts as too short, too.
        if problem["type"] != "too_short" or not any(other[: len(path)] == path != other for _, other in found)
    ]


def _read(path: Path, *, extended_by: tuple[Path, ...]) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Return the values of a file and of those that it extends, and the paths of all files, the given one first."""
    paths = (*extended_by, path)
    if path.resolve() in map(Path.resolve, extended_by):
        raise AtlopError(f"{_chain(paths)}: a configuration cannot extend itself; remove one `extends`")
    tree = read_toml(path)
    if "extends" not in tree:
        return tree, paths
    extended = tree.pop("extends")
    if not isinstance(extended, str):
        raise AtlopError(
            f"{path}: extends: expected the name of a shipped configuration or a path relative to this file, "
            f"found {abbreviated(extended)}"
        )
    try:
        parent = find_config(extended, folder=path.parent)
    except AtlopError as error:
        raise AtlopError(f"{path}: extends: {error}") from None
    base, paths = _read(parent, extended_by=paths)
    return _merged(base, tree), paths


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `changes`, merged recursively."""
    merged = {
        key: _merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in changes.items()
    }
    return {**base, **merged}


def _chain(paths: Sequence[Path]) -> str:
    return ", which extends ".join(map(str, paths))


def _set(tree: dict[str, Any], override: str) -> None:
    """Write one `section.key=value` into the tree."""
    dotted_key, equals, text = override.partition("=")
    keys = dotted_key.strip().split(".")
    if not equals or not all(keys):
        raise AtlopError(f"--set {override}: expected section.key=value, for example optimizer.epsilon=1e-6")
    try:
        value = parse_toml(f"value = {text}", where=f"--set {dotted_key}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise AtlopError(f"--set {override}: {key} is a value, not a section")
    if value == "" and not text:
        tree.pop(keys[-1], None)
    else:
        tree[keys[-1]] = value


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value and empty table with its dotted key."""
    for key, value in tree.items():
        if value and isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _describe(problem: Any, *, model: type[BaseModel], prefix: str) -> str:
    location = ".".join(filter(None, [prefix, *map(str, problem["loc"])]))
    if problem["type"] == "extra_forbidden":
        *parents, key = problem["loc"]
        section = model
        for parent in parents:
            if isinstance(parent, int):  # of a list, whose class is there already
                continue
            annotation = section.model_fields[str(parent)].annotation
            section = cast(type[BaseModel], next(iter(get_args(annotation)), annotation))
        for (renamed_in, old_key), new_key in _RENAMED.items():
            if issubclass(section, renamed_in) and key == old_key:
                return f"{location}: was renamed to {new_key} in version 0.2"
        known = list(section.model_fields)
        nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)
        hint = f"did you mean {nearest[0]}? Known keys: {', '.join(known)}" if nearest else "this section has no keys"
        return f"{location}: unknown key; {hint}"
    if problem["type"] == "missing":
        setting = f" or give --set {location}=…" if model is RunConfig or prefix else ""
        return f"{location}: missing; add it to the file{setting}"
    value = problem["input"]
    found = repr(value) if isinstance(value, float) else abbreviated(value)  # TOML's `nan`; JSON would give `NaN`
    return f"{location}: {problem['msg']}; found {found}"
