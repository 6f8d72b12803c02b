"""Parse JSON and TOML; input that the parsers themselves fail on gets a message too."""

import json
import tomllib
from typing import Any

import ujson

from atlop.errors import AtlopError

TOO_DEEP = "lists or objects are nested thousands of levels deep; expected JSON that a parser can read"
"""Problem of JSON that exceeds the recursion limit."""
TOO_LONG_A_NUMBER = "has a number with thousands of digits, which Python does not parse; expected at most 64 bits"
"""Problem of a number that exceeds Python's limit of digits."""
JSON_CHUNK = 1 << 20
"""Bytes that streaming parsers take at once: they begin a string or number again with each chunk that it spans."""
_MAX_DOTS = 1000
"""Limit of dots in a line of TOML, whose parser takes time with the square of the parts of a key."""


def parse_json(data: bytes, *, where: str) -> Any:
    """Parse JSON in UTF-8; `where` is the path of the file, for messages.

    Raises:
        AtlopError: The data is not UTF-8, not JSON, or too deep for the parsers.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AtlopError(f"{where}: byte {error.start} is not UTF-8; expected a JSON file in UTF-8") from None
    try:
        return json_value(text, where=where)
    except json.JSONDecodeError as error:
        raise AtlopError(
            f"{where}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); "
            "the file may be cut short or of another format"
        ) from None


def json_value(text: str, *, where: str) -> Any:
    """Parse JSON; `where` is its location, for messages.

    Raises:
        JSONDecodeError: The text is not JSON.
        AtlopError: It is too deep, or a number too long.
    """
    try:
        return ujson.loads(text)
    except ValueError:
        pass  # parsed again below: the standard parser reports the position
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise AtlopError(f"{where}: {TOO_LONG_A_NUMBER}") from None
    except RecursionError:
        raise AtlopError(f"{where}: {TOO_DEEP}") from None


def parse_toml(text: str, *, where: str) -> dict[str, Any]:
    """Parse TOML; `where` is its location, for messages.

    Raises:
        TOMLDecodeError: The text is not TOML.
        AtlopError: It is too deep, or a number too long.
    """
    too_deep = TOO_DEEP.replace("JSON", "TOML")
    if any(line.count(".") > _MAX_DOTS for line in text.splitlines()):
        raise AtlopError(f"{where}: {too_deep}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise AtlopError(f"{where}: {TOO_LONG_A_NUMBER}") from None
    except RecursionError:
        raise AtlopError(f"{where}: {too_deep}") from None
