"""Model folders of version 0.1, whose `config.json` had no sections."""

from collections.abc import Mapping
from typing import Any

_PLACES = {
    "max_length": ("encoding", "max_length"),
    "leading_space": ("encoding", "leading_space"),
    "markers": ("encoding", "markers"),
    "mention_pooling": ("pooling", "mentions"),
    "context_pooling": ("pooling", "context"),
    "representation_size": ("classifier", "representation_size"),
    "block_size": ("classifier", "block_size"),
    "objective": ("objective", "name"),
    "max_relations": ("objective", "max_relations"),
}
"""Key of version 0.1 -> section and key."""


def with_sections(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `config.json` says with its settings in sections, where an earlier version wrote it too."""
    if "sections" in row:
        return dict(row)
    sections: dict[str, dict[str, Any]] = {}
    for key, (section, name) in _PLACES.items():
        if key in row:
            sections.setdefault(section, {})[name] = row[key]
    return {**{key: value for key, value in row.items() if key not in _PLACES}, "sections": sections}
