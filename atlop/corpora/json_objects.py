"""Parse and write JSON objects on lines of text."""

import json
from collections.abc import Mapping
from typing import Any

from atlop.errors import AtlopError
from atlop.json_values import abbreviated
from atlop.parsing import TOO_DEEP, json_value


def parse_json_object(line: bytes, *, expected: str, where: str) -> dict[str, Any]:
    """Parse a line that is a JSON object; `expected` is the part of messages that says what the line should be.

    Raises:
        AtlopError: The line is not UTF-8, not JSON or not an object, or a string contains a lone surrogate.
    """
    try:
        text = line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError as error:
        raise AtlopError(f"{where}: byte {error.start} is not UTF-8; expected JSON in UTF-8") from None
    try:
        record = json_value(text, where=where)
    except json.JSONDecodeError as error:
        raise AtlopError(f"{where}, column {error.colno}: not valid JSON ({error.msg}); {expected}") from None
    if not isinstance(record, dict):
        raise AtlopError(f"{where}: {expected}; found {abbreviated(record)}")
    if "\\u" in text:
        to_json_line(record, where=where)
    return record


def check_characters(text: str, *, where: str) -> None:
    """Reject lone surrogates, which JSON can escape but UTF-8 cannot encode and no tokenizer accepts.

    Raises:
        AtlopError: The text contains one.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AtlopError(
            f"{where}: has a lone surrogate, {text[error.start : error.end]!a}, which is not a character; "
            "fix the encoding of the file that it comes from"
        ) from None


def to_json_line(record: Mapping[str, object], *, where: str) -> str:
    """Format an object as one line of JSON, without a line ending.

    Raises:
        AtlopError: Nesting is too deep, or a string contains a lone surrogate.
    """
    try:
        text = json.dumps(record, ensure_ascii=False)
    except RecursionError:
        raise AtlopError(f"{where}: {TOO_DEEP}") from None
    check_characters(text, where=where)
    return text
