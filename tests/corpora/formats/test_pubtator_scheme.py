from pathlib import Path

import pytest
from pydantic import ValidationError

from atlop.corpora.formats import pubtator
from atlop.corpora.formats.pubtator.scheme import PubtatorScheme, load_scheme
from atlop.errors import AtlopError

SHIPPED = Path(pubtator.__file__).parent / "schemes"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_scheme_is_found_by_its_name(path: Path) -> None:
    assert load_scheme(path.stem) == load_scheme(path)


def test_cdr_and_biored_differ_in_pairs_direction_and_marks() -> None:
    cdr, biored = load_scheme("cdr"), load_scheme("biored")

    assert (cdr.directed, cdr.identifier_separator, cdr.no_identifier) == (True, "|", "-1")
    assert (biored.directed, biored.identifier_separator, biored.no_identifier) == (False, ",", "-")
    assert cdr.classifies("Chemical", "Disease")
    assert not cdr.classifies("Disease", "Chemical")
    assert len(biored.pairs or ()) == 8
    assert biored.classifies("SequenceVariant", "ChemicalEntity")
    assert not biored.classifies("SequenceVariant", "GeneOrGeneProduct")


def test_another_corpus_is_a_few_lines(tmp_path: Path) -> None:
    scheme = load_scheme(write(tmp_path, 'pairs = [["Drug", "Drug"]]\ndirected = false'))

    assert scheme == PubtatorScheme(pairs=(("Drug", "Drug"),), directed=False)
    assert load_scheme(write(tmp_path, "")).classifies("Anything", "Else")


def test_the_descriptor_file_lies_beside_the_scheme(tmp_path: Path) -> None:
    scheme = load_scheme(str(write(tmp_path, 'ancestors = "mesh/d2025.bin"')))

    assert scheme.ancestors == tmp_path / "mesh" / "d2025.bin"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pairs = [", "mine.toml: not valid TOML: "),
        (
            "direct = true",
            "mine.toml: the scheme is not valid:\n  direct: unknown key; did you mean directed? known keys: pairs, "
            "directed, identifier_separator, name_separator, no_identifier, ancestors",
        ),
        ('identifier_separator = ""', "  identifier_separator: String should have at least 1 character"),
        ('pairs = [["Gene"]]', "  pairs.0.1: Field required"),
        (
            'directed = false\nancestors = "d.bin"',
            "  ancestors: Value error, needs directed = true, because it compares the objects of relations",
        ),
    ],
)
def test_a_wrong_scheme_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AtlopError) as caught:
        load_scheme(write(tmp_path, text))

    assert message in str(caught.value)


def test_an_unknown_scheme_names_the_shipped_ones() -> None:
    with pytest.raises(AtlopError, match=r"cdrr: no such scheme file; shipped schemes: biored, cdr"):
        load_scheme("cdrr")


def test_a_scheme_is_frozen() -> None:
    with pytest.raises(ValidationError):
        load_scheme("cdr").directed = False  # type: ignore[misc]
