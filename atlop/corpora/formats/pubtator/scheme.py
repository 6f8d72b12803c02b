"""What the files of one PubTator corpus mean: a small TOML file, shipped for CDR and BioRED."""

import difflib
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from atlop.config import Section
from atlop.errors import AtlopError
from atlop.files import read_toml


class PubtatorScheme(Section):
    """What PubTator leaves open and each corpus decides."""

    pairs: tuple[tuple[str, str], ...] | None = None
    """Subject type and object type of each kind of pair that is classified; without it, every pair is."""
    directed: bool = True
    """Whether a relation holds from its first identifier to its second only; otherwise either order is the same."""
    identifier_separator: str = Field("|", min_length=1)
    """Stands between the identifiers of a mention of several entities."""
    name_separator: str = Field("|", min_length=1)
    """Stands between the individual names of such a mention in a seventh column."""
    no_identifier: str = Field("-1", min_length=1)
    """Identifier of a mention whose entity nobody knows: an entity of its own, in no pair."""
    ancestors: Path | None = None
    """MeSH's descriptor file (`d2025.bin`): a pair without a relation is left out where its object is more general than
    an object that the same subject has a relation to. A relative path counts from the scheme's folder."""

    @model_validator(mode="after")
    def _ancestors_need_objects(self) -> "PubtatorScheme":
        if self.ancestors is not None and not self.directed:
            raise ValueError("ancestors tells pairs by their object, so directed must be true")
        return self

    def classifies(self, subject_type: str, object_type: str) -> bool:
        """Whether pairs of such a subject and object are classified."""
        kinds = self._kinds
        return (
            kinds is None
            or (subject_type, object_type) in kinds
            or (not self.directed and (object_type, subject_type) in kinds)
        )

    @cached_property
    def _kinds(self) -> frozenset[tuple[str, str]] | None:
        return None if self.pairs is None else frozenset(self.pairs)


def load_scheme(name_or_path: str | Path) -> PubtatorScheme:
    """Read what the files of a PubTator corpus mean.

    Args:
        name_or_path: Path of a TOML file, or the name of a shipped scheme: `cdr`, `biored`.

    Raises:
        AtlopError: There is no such file, it is not TOML, or a key or value is wrong; every wrong key is named.
    """
    path = find_scheme(name_or_path)
    tree = read_toml(path)
    try:
        scheme = PubtatorScheme.model_validate(tree)
    except ValidationError as error:
        problems = "\n".join(
            f"  {_described(problem['type'], '.'.join(map(str, problem['loc'])), problem['msg'])}"
            for problem in error.errors()
        )
        raise AtlopError(f"{path}: the scheme is not valid:\n{problems}") from None
    if scheme.ancestors is None:
        return scheme
    return scheme.model_copy(update={"ancestors": path.parent / scheme.ancestors})


def find_scheme(name_or_path: str | Path) -> Path:
    """Return the path of a scheme file, given as a path or by the name of a shipped one.

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


def _described(kind: str, location: str, message: str) -> str:
    if kind == "extra_forbidden":
        known = list(PubtatorScheme.model_fields)
        nearest = difflib.get_close_matches(location, known, n=1, cutoff=0.0)
        return f"{location}: unknown key; did you mean {nearest[0]}? known are {', '.join(known)}"
    return f"{location}: {message}" if location else message
