"""Schemes: settings for PubTator corpora, in small TOML files; those of CDR and BioRED are shipped."""

import difflib
from importlib.resources import files
from pathlib import Path

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from atlop.config import Section
from atlop.errors import AtlopError
from atlop.files import read_toml


class PubtatorScheme(Section):
    """Settings for reading and writing one PubTator corpus: the pairs to classify, their direction, separators."""

    pairs: tuple[tuple[str, str], ...] | None = None
    """Subject and object types of the pairs to classify; `None` classifies every pair."""
    directed: bool = True
    """Whether relations hold only from the first identifier to the second; otherwise they hold in both directions."""
    identifier_separator: str = Field("|", min_length=1)
    """Separator of the identifiers of a mention of several entities."""
    name_separator: str = Field("|", min_length=1)
    """Separator of the names of such a mention, in the seventh column."""
    no_identifier: str = Field("-1", min_length=1)
    """Placeholder for mentions without an identifier: each becomes a separate entity, which is in no pair."""
    ancestors: Path | None = None
    """MeSH's descriptor file (`d2025.bin`), resolved against the scheme's folder: an unrelated pair is left out if its
    subject has a relation to a more specific object (a MeSH descendant)."""

    @field_validator("ancestors")
    @classmethod
    def _check_ancestors(cls, ancestors: Path | None, info: ValidationInfo) -> Path | None:
        if ancestors is not None and not info.data.get("directed", True):
            raise ValueError("needs directed = true, because it compares the objects of relations")
        return ancestors

    def classifies(self, subject_type: str, object_type: str) -> bool:
        """Whether pairs of these types are classified."""
        return (
            self.pairs is None
            or (subject_type, object_type) in self.pairs
            or (not self.directed and (object_type, subject_type) in self.pairs)
        )


def load_scheme(name_or_path: str | Path) -> PubtatorScheme:
    """Load a scheme.

    Args:
        name_or_path: Path of a TOML file, or the name of a shipped scheme: `cdr`, `biored`.

    Raises:
        AtlopError: There is no such file, it is not TOML, or it has invalid keys or values; the message lists all.
    """
    path = find_scheme(name_or_path)
    values = read_toml(path)
    try:
        scheme = PubtatorScheme.model_validate(values)
    except ValidationError as error:
        problems = "".join(f"\n  {_describe(problem)}" for problem in error.errors())
        raise AtlopError(f"{path}: the scheme is not valid:{problems}") from None
    if scheme.ancestors is None:
        return scheme
    return scheme.model_copy(update={"ancestors": path.parent / scheme.ancestors})


def find_scheme(name_or_path: str | Path) -> Path:
    """Return the path of a scheme, given by path or by the name of a shipped one.

    Raises:
        AtlopError: Neither exists.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    folder = Path(str(files("atlop.corpora.formats.pubtator"))) / "schemes"
    shipped = {candidate.stem: candidate for candidate in sorted(folder.glob("*.toml"))}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    raise AtlopError(f"{name_or_path}: no such scheme file; shipped schemes: {', '.join(shipped)}")


def _describe(problem: ErrorDetails) -> str:
    location, keys = ".".join(map(str, problem["loc"])), list(PubtatorScheme.model_fields)
    if problem["type"] != "extra_forbidden":
        return f"{location}: {problem['msg']}"
    nearest = difflib.get_close_matches(location, keys, n=1, cutoff=0.0)
    return f"{location}: unknown key; did you mean {nearest[0]}? known keys: {', '.join(keys)}"
