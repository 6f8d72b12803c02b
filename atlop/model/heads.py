"""The heads that a model can have."""

from atlop.model.evidence import Evidence
from atlop.model.head import Head

HEADS: dict[str, type[Head]] = {"evidence": Evidence}
"""Heads by name. A section `[heads.NAME]` of the configuration adds one to the model; every model with localized
context has `evidence`, described by the section `[evidence]`."""
