"""Checks on values read from JSON: errors name the location, what was found and what was expected."""

import json
import operator
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, SupportsIndex, TypeVar

from pydantic import TypeAdapter, ValidationError

from atlop.errors import AtlopError, listed
from atlop.parsing import TOO_DEEP

Schema = TypeVar("Schema")
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


def typed(value: object, schema: type[Schema], *, where: str, advice: str) -> Schema:
    """Return a value from JSON as an instance of a dataclass or a pydantic model; keys without a field are ignored.

    Args:
        value: The value.
        schema: The class; `true`, `"1"` and `1.0` are no integers.
        where: Location of the value, for messages.
        advice: What to do about a value that does not fit, for messages.

    Raises:
        AtlopError: A key is missing, or its value is not of the type of the field.
    """
    try:
        # Strictly, pydantic makes objects and tuples from JSON alone, which cannot have lone surrogates.
        text = json.dumps(value, ensure_ascii=False).encode(errors="replace")
        adapter: TypeAdapter[Schema] = _adapter(schema)  # type: ignore[arg-type]  # mypy takes classes of a variable for unhashable
        adapter.validate_json(text, strict=True)
        return adapter.validate_python(value)
    except RecursionError:
        raise AtlopError(f"{where}: {TOO_DEEP}; {advice}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        location = f'{where}, "{key}"' if key else where
        problem = "is missing" if first["type"] == "missing" else f"{first['msg']}; found {abbreviated(first['input'])}"
        raise AtlopError(f"{location}: {problem}; {advice}") from None


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)
