"""Values out of JSON, checked: an error names the place, what was found there and what was expected."""

import json
from typing import Any, TypeVar

from atlop.errors import AtlopError

T = TypeVar("T", str, int, bool, list[Any], dict[str, Any])

_KINDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}
_LONGEST = 60  # characters of a found value that a message repeats


def abbreviated(value: object) -> str:
    """Write a value as the JSON file has it, cut to a readable length; what JSON cannot say, as Python has it."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "lists or objects in one another, too deep to show"
    except ValueError:
        return "a number too long to show"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def expect(value: object, kind: type[T], *, where: str) -> T:
    """Return the value if it is of the kind; `true` and `1.0` are no whole numbers.

    Args:
        value: What a JSON file holds.
        kind: `str`, `int`, `bool`, `list` or `dict`.
        where: The place, for the message.

    Raises:
        AtlopError: The value is of another kind.
    """
    if type(value) is kind:
        return value
    raise AtlopError(f"{where}: expected {_KINDS[kind]}, found {abbreviated(value)}")


def field(row: dict[str, Any], key: str, kind: type[T], *, where: str) -> T:
    """Return the value under a key of an object.

    Raises:
        AtlopError: The key is missing, or its value is of another kind.
    """
    try:
        value = row[key]
    except KeyError:
        found = ", ".join(map(abbreviated, row)) or "no key"
        raise AtlopError(f'{where}: key "{key}" is missing; found {found}') from None
    if type(value) is kind:
        return value
    raise AtlopError(f'{where}, "{key}": expected {_KINDS[kind]}, found {abbreviated(value)}')


def integers(values: list[Any], *, where: str) -> tuple[int, ...]:
    """Return the list as a tuple of whole numbers.

    Raises:
        AtlopError: An item is something else.
    """
    if not set(map(type, values)) <= {int}:
        for index, value in enumerate(values):
            expect(value, int, where=f"{where}, item {index}")
    return tuple(values)
