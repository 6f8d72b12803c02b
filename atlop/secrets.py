"""Tokens and passwords kept out of what is written down: of a run's record, of messages and of the log."""

import os
import re
from collections.abc import Sequence

HIDDEN = "***"
"""Stands where a secret stood."""

_NAME = re.compile(r"(?i)(?:api_?key|access_?key|token|secret|password|credentials?)$")
_STATED = re.compile(
    r"(?i)(\b[\w.-]*(?:api[_-]?key|access[_-]?key|token|secret|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"',]+"
)
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_KNOWN = re.compile(r"\b(?:hf|gh[opsu]|github_pat|wandb_v1|sk)[_-][A-Za-z0-9_-]{16,}")
_SHORTEST = 8  # characters; a shorter value of a variable may stand anywhere


def without_secrets(text: str) -> str:
    """Return a text without what tokens and passwords look like, and without those of the environment variables."""
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and _NAME.search(name):
            text = text.replace(value, HIDDEN)
    text = _IN_ADDRESS.sub(HIDDEN, text)
    return _STATED.sub(rf"\1{HIDDEN}", _KNOWN.sub(HIDDEN, text))


def command_without_secrets(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command line; what follows `--token` and the like is hidden too."""
    named = [argument.startswith("-") and bool(_NAME.search(argument)) for argument in ("", *arguments)]
    return [
        HIDDEN if after_name else without_secrets(argument)
        for after_name, argument in zip(named[: len(arguments)], arguments, strict=True)
    ]
