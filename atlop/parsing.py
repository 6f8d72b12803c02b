"""Texts in JSON and TOML to values: what no parser follows has a message too."""

import json
import tomllib
from typing import Any

import ujson

from atlop.errors import AtlopError

TOO_DEEP = "lists or objects stand in one another thousands deep; expected JSON that a program can take apart"
"""What is wrong with JSON that no parser follows."""
TOO_LONG_A_NUMBER = (
    "holds a number of thousands of digits, which Python does not read; expected one that fits a machine"
)
"""What else no parser follows."""


def parse_json(data: bytes, *, where: str) -> Any:
    """Return the value that JSON stands for.

    Args:
        data: JSON in UTF-8.
        where: The file, for messages.

    Raises:
        AtlopError: It is not UTF-8 or not JSON, or no parser follows it.
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
    """Return the value that a text in JSON stands for.

    Args:
        text: The text.
        where: The place, for messages.

    Raises:
        JSONDecodeError: It is not JSON.
        AtlopError: It is, but no parser follows it.
    """
    try:
        return ujson.loads(text)
    except ValueError:
        pass  # read again below: the standard parser says where it stopped
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise AtlopError(f"{where}: {TOO_LONG_A_NUMBER}") from None
    except RecursionError:
        raise AtlopError(f"{where}: {TOO_DEEP}") from None


def parse_toml(text: str, *, where: str) -> dict[str, Any]:
    """Return the table that a text in TOML stands for.

    Args:
        text: The text.
        where: The place, for messages.

    Raises:
        TOMLDecodeError: It is not TOML.
        AtlopError: It is, but the parser does not follow it.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise AtlopError(f"{where}: {TOO_LONG_A_NUMBER}") from None
    except RecursionError:
        raise AtlopError(f"{where}: {TOO_DEEP.replace('JSON', 'TOML')}") from None
