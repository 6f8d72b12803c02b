"""Checks on values read from JSON: errors name the location, what was found and what was expected."""

import json
import operator
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, SupportsIndex, TypeVar

from atlop.errors import AtlopError, listed

T = TypeVar("T", str, int, bool, list[Any], dict[str, Any])

_KINDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}
_MAX_DEPTH = 8  # of values from Python: document, entities, entity, mentions, mention, spans, span, offset
_MAX_LENGTH = 60  # characters of a value in a message


def abbreviated(value: object) -> str:
    """Return a value as JSON, cut to a readable length; values that JSON cannot express are shown as in Python."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "lists or objects nested too deep to show"
    except ValueError:
        return "a number too long to show"
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def as_json_value(value: Any, *, depth: int = _MAX_DEPTH) -> Any:
    """Return a value of Python as JSON gives it; what JSON cannot express stays as it is.

    Tuples become lists, mappings dicts, and strings and integers of other types, such as numpy's, `str` and `int`.
    So does what lies in more than `depth` lists and objects, of which no document has as many.
    """
    if not depth:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [as_json_value(item, depth=depth - 1) for item in value]
    if isinstance(value, Mapping):
        return {key: as_json_value(item, depth=depth - 1) for key, item in value.items()}
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        with suppress(TypeError):  # numpy's bool and arrays have `__index__`, but are no integers
            return operator.index(value)
    return value


def expect(value: object, kind: type[T], *, where: str) -> T:
    """Return a value from JSON if it has the expected type; `true` and `1.0` are no integers.

    Raises:
        AtlopError: The value has another type.
    """
    if type(value) is kind:
        return value
    raise AtlopError(f"{where}: expected {_KINDS[kind]}, found {abbreviated(value)}")


def field(record: dict[str, Any], key: str, kind: type[T], *, where: str) -> T:
    """Return the value of a key of an object.

    Raises:
        AtlopError: The key is missing, or its value has another type.
    """
    try:
        value = record[key]
    except KeyError:
        found = listed([*map(abbreviated, record)]) or "no key"
        raise AtlopError(f'{where}: key "{key}" is missing; found {found}') from None
    if type(value) is kind:
        return value
    raise AtlopError(f'{where}, "{key}": expected {_KINDS[kind]}, found {abbreviated(value)}')


def optional(record: dict[str, Any], key: str, kind: type[T], *, where: str) -> T | None:
    """Return the value of a key of an object; `None` if the key is missing or its value is `null`.

    Raises:
        AtlopError: Its value has another type.
    """
    return None if record.get(key) is None else field(record, key, kind, where=where)


def integers(values: list[Any], *, where: str) -> tuple[int, ...]:
    """Return a list of integers as a tuple.

    Raises:
        AtlopError: An item is not an integer.
    """
    if not set(map(type, values)) <= {int}:
        for index, value in enumerate(values):
            expect(value, int, where=f"{where}, item {index}")
    return tuple(values)
