"""Model folders of version 0.1, whose `config.json` has no sections."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from atlop.errors import AtlopError
from atlop.model.configuration import AtlopConfig

_SECTION_KEYS = {
    "max_length": ("preprocessing", "max_length"),
    "leading_space": ("preprocessing", "leading_space"),
    "markers": ("preprocessing", "markers"),
    "mention_pooling": ("pooling", "mentions"),
    "context_pooling": ("pooling", "context"),
    "representation_size": ("classifier", "representation_size"),
    "block_size": ("classifier", "block_size"),
    "objective": ("objective", "name"),
    "max_relations": ("objective", "max_relations"),
}
"""Key of version 0.1 -> section and key."""


def upgrade_config(row: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Return a `config.json` with its settings in sections, as later versions have them.

    Raises:
        AtlopError: A key is a misspelt or misplaced setting, whose default would be used silently; begins with `where`.
    """
    has_sections = "sections" in row
    settings = {
        key: f"sections.{section}.{name}" if has_sections else key
        for key, (section, name) in _SECTION_KEYS.items()
        if has_sections or key not in row
    }
    known = {*AtlopConfig.__annotations__, *(() if has_sections else _SECTION_KEYS)}
    meant = settings | {key: key for key in AtlopConfig.__annotations__ if key not in row}
    for key in row.keys() - known:
        if near := get_close_matches(key, meant, n=1, cutoff=0.8):
            raise AtlopError(f"{where}, {key}: unknown key; did you mean {meant[near[0]]}?")
    if has_sections:
        return dict(row)
    sections: dict[str, dict[str, Any]] = {}
    for key, (section, name) in _SECTION_KEYS.items():
        if key in row:
            sections.setdefault(section, {})[name] = row[key]
    return {**{key: value for key, value in row.items() if key not in _SECTION_KEYS}, "sections": sections}
