"""JSON objects as lines of text, both ways."""

import json
from collections.abc import Mapping
from typing import Any

from atlop.errors import AtlopError
from atlop.json_values import abbreviated
from atlop.parsing import TOO_DEEP, json_value


def parse_json_object(line: bytes, *, expected: str, where: str) -> dict[str, Any]:
    """Return the JSON object that a line holds.

    Args:
        line: Bytes of the line, with or without its end.
        expected: What to say where it holds something else.
        where: The line, for messages.

    Raises:
        AtlopError: The line is not UTF-8, not JSON or no object, or a string in it holds half a surrogate pair.
    """
    try:
        text = line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError as error:
        raise AtlopError(f"{where}: byte {error.start} is not UTF-8; expected JSON in UTF-8") from None
    try:
        row = json_value(text, where=where)
    except json.JSONDecodeError as error:
        raise AtlopError(f"{where}, column {error.colno}: not valid JSON ({error.msg}); {expected}") from None
    if not isinstance(row, dict):
        raise AtlopError(f"{where}: {expected}; found {abbreviated(row)}")
    if "\\u" in text:  # JSON can say "\ud800"; no tokenizer takes it
        to_json_line(row, where=where)
    return row


def to_json_line(row: Mapping[str, object], *, where: str) -> str:
    """Return an object as one line of JSON, without its end.

    Args:
        row: The object.
        where: Its place, for the message.

    Raises:
        AtlopError: A string holds half a surrogate pair, which UTF-8 cannot write.
    """
    try:
        text = json.dumps(row, ensure_ascii=False)
        text.encode()
    except RecursionError:
        raise AtlopError(f"{where}: {TOO_DEEP}") from None
    except UnicodeEncodeError as error:
        raise AtlopError(
            f"{where}: holds half a surrogate pair, {error.object[error.start : error.end]!a}, which is no character; "
            "mend the encoding of the file that it comes from"
        ) from None
    return text
