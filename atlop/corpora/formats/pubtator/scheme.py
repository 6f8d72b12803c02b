"""Schemes of PubTator corpora: small TOML files, shipped for CDR and BioRED."""

import difflib
from importlib.resources import files
from pathlib import Path

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from atlop.config import Section
from atlop.errors import AtlopError
from atlop.files import read_toml


class PubtatorScheme(Section):
    """What differs between PubTator corpora."""

    pairs: tuple[tuple[str, str], ...] | None = None
    """Subject and object types of the pairs to classify; `None` classifies every pair."""
    directed: bool = True
    """Whether relations hold from their first identifier to the second only, or in both directions."""
    identifier_separator: str = Field("|", min_length=1)
    """Separates the identifiers of a mention of several entities."""
    name_separator: str = Field("|", min_length=1)
    """Separates the names of such a mention in a seventh column."""
    no_identifier: str = Field("-1", min_length=1)
    """Identifier of mentions of unknown entities: each is an entity without pairs."""
    ancestors: Path | None = None
    """MeSH's descriptor file (`d2025.bin`): pairs without a relation are left out if their object is more general than
    that of a relation of the same subject. A relative path starts at the scheme's folder."""

    @field_validator("ancestors")
    @classmethod
    def _check_directed(cls, ancestors: Path | None, info: ValidationInfo) -> Path | None:
        if ancestors is not None and not info.data.get("directed", True):
            raise ValueError("compares objects, so directed must be true")
        return ancestors

    def classifies(self, subject_type: str, object_type: str) -> bool:
        """Whether pairs of these types are classified."""
        kinds = self.pairs
        return (
            kinds is None
            or (subject_type, object_type) in kinds
            or (not self.directed and (object_type, subject_type) in kinds)
        )


def load_scheme(name_or_path: str | Path) -> PubtatorScheme:
    """Load a scheme.

    Args:
        name_or_path: Path of a TOML file, or the name of a shipped scheme: `cdr`, `biored`.

    Raises:
        AtlopError: There is no such file, it is not TOML, or keys or values are wrong; all of them are named.
    """
    path = find_scheme(name_or_path)
    tree = read_toml(path)
    try:
        scheme = PubtatorScheme.model_validate(tree)
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
    raise AtlopError(f"{name_or_path}: no such scheme file; shipped ones are {', '.join(shipped)}")


def _describe(problem: ErrorDetails) -> str:
    location, keys = ".".join(map(str, problem["loc"])), list(PubtatorScheme.model_fields)
    if problem["type"] != "extra_forbidden":
        return f"{location}: {problem['msg']}"
    nearest = difflib.get_close_matches(location, keys, n=1, cutoff=0.0)
    return f"{location}: unknown key; did you mean {nearest[0]}? known are {', '.join(keys)}"
