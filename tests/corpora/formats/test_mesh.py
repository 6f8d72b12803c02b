import gzip
from pathlib import Path

import pytest

from atlop.corpora.formats.pubtator.mesh import read_descriptors
from atlop.errors import AtlopError

RECORDS = b"""*NEWRECORD
RECTYPE = D
MH = Heart Block
MN = C14.280.067.558
MN = C23.550.073.425
MS = UI = is no field here
UI = D006327

*NEWRECORD
RECTYPE = D
MH = Cardiac Conduction
UI = D000001
"""


@pytest.mark.parametrize("name", ["d2025.bin", "d2025.bin.gz"])
def test_a_descriptor_has_the_numbers_of_its_record(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(RECORDS) if path.suffix == ".gz" else RECORDS.replace(b"\n", b"\r\n"))

    tree = read_descriptors(path)

    assert tree.tree_numbers("D006327") == tree.tree_numbers("MESH:D006327") == ("C14.280.067.558", "C23.550.073.425")
    assert tree.tree_numbers("D000001") == tree.tree_numbers("D9") == ()


def test_all_places_above_are_found(tmp_path: Path) -> None:
    path = tmp_path / "d2025.bin"
    path.write_bytes(RECORDS)

    assert read_descriptors(path).ancestors(["D006327", "D000001"]) == {
        *("C14", "C14.280", "C14.280.067"),
        *("C23", "C23.550", "C23.550.073"),
    }


def test_the_tree_file_is_refused_with_the_name_of_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "mtrees2025.bin"
    path.write_text("Body Regions;A01\n")

    with pytest.raises(AtlopError, match=r"has no descriptor with a tree number; expected .* named like d2025\.bin"):
        read_descriptors(path)
