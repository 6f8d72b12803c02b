"""Model folders of version 0.1, whose `config.json` has no sections, and a calibration in the place of a decision."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import Field

from atlop.config import Section
from atlop.errors import AtlopError
from atlop.json_values import typed
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
    known = {*AtlopConfig.__annotations__, "calibration", *(() if has_sections else _SECTION_KEYS)}
    meant = settings | {key: key for key in AtlopConfig.__annotations__ if key not in row}
    for key in row.keys() - known:
        if near := get_close_matches(key, meant, n=1, cutoff=0.8):
            raise AtlopError(f"{where}, {key}: unknown key; did you mean {meant[near[0]]}?")
    row = dict(row)
    if (calibration := row.pop("calibration", None)) is not None:
        row["decision"] = upgrade_calibration(calibration, where=where)
    if has_sections:
        return row
    sections: dict[str, dict[str, Any]] = {}
    for key, (section, name) in _SECTION_KEYS.items():
        if key in row:
            sections.setdefault(section, {})[name] = row[key]
    return {**{key: value for key, value in row.items() if key not in _SECTION_KEYS}, "sections": sections}


class _Calibration(Section):
    """Thresholds and probabilities of version 0.1."""

    rule: Literal["global", "per_class"]
    thresholds: dict[str, float] = Field(min_length=1)
    slope: float
    intercept: float


def upgrade_calibration(values: object, *, where: str) -> dict[str, Any]:
    """Return the `calibration` of a `config.json` as a decision.

    Raises:
        AtlopError: A key is missing, unknown or of another type.
    """
    old = typed(values, _Calibration, where=f"{where}, calibration", advice="`atlop calibrate` writes a decision anew")
    return {
        "use": "per_class" if old.rule == "per_class" else "offset",
        "per_class": old.thresholds if old.rule == "per_class" else None,
        "offset": next(iter(old.thresholds.values())) if old.rule == "global" else None,
        "probability": {"slope": old.slope, "intercept": old.intercept},
    }
