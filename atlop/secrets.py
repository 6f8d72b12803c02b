"""Keep tokens and passwords out of run records, messages and logs."""

import os
import re
from collections.abc import Sequence

HIDDEN = "***"
"""Replaces a secret."""

_SECRET_NAME = re.compile(r"(?i)(?:api_?key|access_?key|token|secret|password|credentials?)$")
_ASSIGNMENT = re.compile(
    r"(?i)(\b[\w.-]*(?:api[_-]?key|access[_-]?key|token|secret|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"',]+"
)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_TOKEN = re.compile(r"\b(?:hf|gh[opsu]|github_pat|wandb_v1|sk)[_-][A-Za-z0-9_-]{16,}")
_MIN_LENGTH = 8  # characters; a shorter value of a variable may be part of any text


def without_secrets(text: str) -> str:
    """Replace everything that looks like a token or password, and the values of secret environment variables."""
    for name, value in os.environ.items():
        if len(value) >= _MIN_LENGTH and _SECRET_NAME.search(name):
            text = text.replace(value, HIDDEN)
    text = _URL_CREDENTIALS.sub(HIDDEN, text)
    return _ASSIGNMENT.sub(rf"\1{HIDDEN}", _TOKEN.sub(HIDDEN, text))


def command_without_secrets(arguments: Sequence[str]) -> list[str]:
    """Hide secrets in command-line arguments, also the value after `--token` and similar options."""
    hides_next = [argument.startswith("-") and bool(_SECRET_NAME.search(argument)) for argument in ("", *arguments)]
    return [
        HIDDEN if follows_option else without_secrets(argument)
        for follows_option, argument in zip(hides_next[: len(arguments)], arguments, strict=True)
    ]
