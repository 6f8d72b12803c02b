"""Configurations as TOML: files, the files that they extend and `--set` overrides become a `RunConfig`, and back."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast, get_args

import tomli_w
from pydantic import BaseModel, ValidationError

from atlop.config import DataConfig, ModelConfig, RunConfig, Section, TrainerConfig
from atlop.errors import AtlopError
from atlop.files import read_toml
from atlop.json_values import abbreviated
from atlop.parsing import parse_toml

_RENAMED: dict[tuple[type[Section], str], str] = {
    (ModelConfig, "encoding"): "preprocessing",
    (DataConfig, "layout"): "format",
    (TrainerConfig, "max_skipped_updates"): "max_skipped_steps",
}
"""Section and key of version 0.1 -> key of today."""


def load_config(source: str, *, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a configuration.

    A file may say `extends = "docred_bert_base"`: the name of a shipped configuration, or a path relative to the file.
    Its own values then replace those of the extended one key by key.

    Args:
        source: Path of a TOML file, or the name of a shipped configuration such as `docred_bert_base`.
        overrides: `section.key=value` each; the value is TOML (`3e-5`, `true`, `"text"`), or plain text.

    Raises:
        AtlopError: There is no such file, it is not TOML, it extends itself, or a key or value is wrong; every wrong
            key is named.
    """
    tree, paths = _read(find_config(source), extended_by=())
    for override in overrides:
        _set(tree, override)
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for problem in validation_problems(error, section=RunConfig))
        raise AtlopError(f"{_chain(paths)}: the configuration is not valid:\n{problems}") from None


def find_config(source: str, *, folder: Path = Path()) -> Path:
    """Return the path of a TOML file, given as a path from `folder` or by the name of a shipped configuration.

    A file goes before a shipped configuration of the same name.

    Raises:
        AtlopError: Neither exists; the shipped names are listed.
    """
    path = folder / source
    if path.is_file():
        return path
    package = Path(str(files("atlop")))
    configs = package / "configs" if (package / "configs").is_dir() else package.parent / "configs"  # wheel, or clone
    shipped = {path.relative_to(configs).with_suffix("").as_posix(): path for path in sorted(configs.rglob("*.toml"))}
    if source in shipped:
        return shipped[source]
    raise AtlopError(f"{source}: no such configuration file; shipped ones are {', '.join(shipped)}")


def dump_config(config: BaseModel) -> str:
    """Return the configuration as TOML, every value written out; unset values are left out, since TOML has no null."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def flat_settings(config: BaseModel) -> dict[str, Any]:
    """Return every value of a configuration in JSON's terms, by `section.key`."""
    return dict(_flat(config.model_dump(mode="json")))


def default_settings() -> dict[str, Any]:
    """Return the default of every setting that has one, by `section.key`: what a record without it means."""
    sections = ((name, section.annotation) for name, section in RunConfig.model_fields.items())
    return {
        f"{name}.{key}": setting.default
        for name, section in sections
        if isinstance(section, type) and issubclass(section, Section)
        for key, setting in section.model_fields.items()
        if not setting.is_required()
    }


def validation_problems(error: ValidationError, *, section: type[BaseModel], name: str = "") -> list[str]:
    """Describe each wrong value: where it is, what was found and, for an unknown key, the nearest known one.

    `section` is what was validated, and `name` where it is in the configuration; empty for the root.
    """
    return [_describe(problem, section=section, name=name) for problem in error.errors()]


def _read(path: Path, *, extended_by: tuple[Path, ...]) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Return the values of a file merged over those that it extends, and the paths of all files, child first."""
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
    except (AtlopError, OSError) as error:  # no file system has names of thousands of characters
        raise AtlopError(f"{path}: extends: {error}") from None
    base, paths = _read(parent, extended_by=paths)
    return _merged(base, tree), paths


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree with the values of another over its own, key by key."""
    both = {
        key: _merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in changes.items()
    }
    return {**base, **both}


def _chain(paths: Sequence[Path]) -> str:
    return ", which extends ".join(map(str, paths))


def _set(tree: dict[str, Any], override: str) -> None:
    """Write one `section.key=value` into the tree."""
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise AtlopError(f"--set {override}: expected section.key=value, for example optimizer.epsilon=1e-6")
    try:
        value = parse_toml(f"value = {text}", where=f"--set {name}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise AtlopError(f"--set {override}: {key} is a value, not a section")
    tree[keys[-1]] = value


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with the keys that lead to it."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _describe(problem: Any, *, section: type[BaseModel], name: str) -> str:
    location = ".".join(filter(None, [name, *map(str, problem["loc"])]))
    if problem["type"] == "extra_forbidden":
        *parents, key = problem["loc"]
        owner = section
        for parent in parents:
            annotation = owner.model_fields[str(parent)].annotation
            owner = cast(type[BaseModel], next(iter(get_args(annotation)), annotation))
        for (renamed_in, old), new in _RENAMED.items():
            if issubclass(owner, renamed_in) and key == old:
                return f"{location}: is called {new} since version 0.2"
        known = list(owner.model_fields)
        nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)
        hint = f"did you mean {nearest[0]}? known here: {', '.join(known)}" if nearest else "none is known here"
        return f"{location}: unknown key; {hint}"
    if problem["type"] == "missing":
        return f"{location}: missing; add it to the file or give --set {location}=…"
    value = problem["input"]
    found = repr(value) if isinstance(value, float) else abbreviated(value)  # `nan` as TOML has it
    return f"{location}: {problem['msg']}; found {found}"
