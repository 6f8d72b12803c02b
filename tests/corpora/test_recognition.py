import gzip
import json
from pathlib import Path

import pytest

from atlop.corpora import FORMATS
from atlop.corpora.file_start import FileStart
from atlop.corpora.recognition import SUBMISSION, recognise_format
from atlop.errors import AtlopError

DOCUMENT = '{"vertexSet": [[{"name": "h_idx"}]], "title": "one", "sents": [["h_idx"]]}'
TITLE = "1|t|Lithium.\n1|a|It harms.\n"
CDR = TITLE + "1\t0\t7\tLithium\tChemical\tD008094\n1\tCID\tD008094\tD003866\n"
BIORED = TITLE + "1\t0\t7\tLithium\tChemicalEntity\tD008094\n1\tBind\tD008094\tD003866\tNovel\n"
PAIR = "1:CID:2\tL2R\tCROSS\t0-1\t2-3" + 12 * "\tx"
ANNOTATION = '{\n  "id": "DW_1", "mentions": [{"text": "a"}], "concepts": [], "relations": []\n}'


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("dev.json", f"[{DOCUMENT}]", "docred"),
        ("dev.txt", f"\n [\n{DOCUMENT}]", "docred"),
        ("dev.json", f"\ufeff[{DOCUMENT}]", "docred"),
        ("dev.json.gz", f"[{DOCUMENT}]", "docred"),
        ("dev.json", "[]", "docred"),
        ("train.fact", '[["a", "b", "P17"]]', "docred"),
        ("result.json", '[{"title": "one", "h_idx": 0, "t_idx": 1, "r": "P17"}]', SUBMISSION),
        ("result.json", '[{"title": "one", "h_idx": 0, "t_idx"', SUBMISSION),
        ("result.zip", "", SUBMISSION),
        ("own.jsonl", '{"id": "one"}', "jsonl"),
        ("own.jsonl.gz", '{"text": "one"}\n{"text": "two"}\n', "jsonl"),
        ("own.jsonl", "", "jsonl"),
        ("own.json", '[{"title": "one", "text": "one", "entities": []}]', "jsonl"),
        ("dev.jsonl", f"{DOCUMENT}\n{DOCUMENT}\n", "docred"),
        ("dev.txt", f"{DOCUMENT}\n", "docred"),
        ("own.json", '{"id": {"concepts": 1}, "text": "one"}\n{"text": "two"}\n', "jsonl"),
        ("own.json", '{"id": 123456789012345678901234567890, "text": "one"}\n', "jsonl"),  # beyond 64 bits
        ("CDR.PubTator.txt", CDR, "cdr"),
        ("CDR.PubTator.gz", f"\n\n{CDR}", "cdr"),
        ("CDR.txt", TITLE + "\n" + CDR.replace("1", "2"), "cdr"),
        ("CDR.txt", CDR.replace("\n", "\r\n"), "cdr"),
        ("BioRED.PubTator", BIORED, "biored"),
        ("BioRED.txt", TITLE + "1\tAssociation\tD008094\t6530\tNo\n", "biored"),
        ("train.data", f"1\tLithium .|It harms .\t{PAIR}\n", "paper"),
        ("train.txt", f"1\tLithium .|It harms .\t{PAIR}\t{PAIR}\n2\tb\t{PAIR}", "paper"),
        ("DW_1.json", ANNOTATION, "dwie"),
        ("DW_1.json", json.dumps(json.loads(ANNOTATION)), "dwie"),
    ],
)
def test_a_format_is_told_by_name_and_beginning(tmp_path: Path, name: str, text: str, format: str) -> None:
    assert recognise_format(write(tmp_path / name, text)) == format


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 100_000, "1e99999999999999999999"])
def test_a_number_that_no_parser_converts_ends_the_keys(tmp_path: Path, number: str) -> None:
    file = write(tmp_path / "own.json", f'[{{"one": 1, "two": {number}, "three": 3}}]')

    assert list(FileStart(file).json_keys()) == ["one", "two"]


def test_a_folder_of_annotations_is_dwie(tmp_path: Path) -> None:
    write(tmp_path / "README", "no annotation")
    write(tmp_path / "DW_1.json", ANNOTATION)

    assert recognise_format(tmp_path) == "dwie"


@pytest.mark.parametrize("text", ["", "{}", "no JSON", '"text"', '{"documents": []}'])
def test_what_is_named_json_is_left_to_the_reader_that_says_what_is_amiss(tmp_path: Path, text: str) -> None:
    assert recognise_format(write(tmp_path / "dev.json", text)) == "docred"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("notes.txt", "Lithium harms.", "does not begin like any known format"),
        ("notes.txt", "", "does not begin like any known format"),
        ("table.tsv", "a\tb\tc\td\n", "does not begin like any known format"),
        ("own.txt", '{"title": "one"}', "does not begin like any known format"),
        ("central.txt", TITLE + "1\t0\t7\tp53\tGene\t7157\n", "is PubTator with the types and relations Gene"),
        ("bare.txt", TITLE, r"is PubTator with the types and relations \(none\)"),
    ],
)
def test_a_file_of_no_known_format_is_told_what_is_known(tmp_path: Path, name: str, text: str, found: str) -> None:
    with pytest.raises(AtlopError, match=found) as problem:
        recognise_format(write(tmp_path / name, text))

    assert str(problem.value).startswith(f"{tmp_path / name}: ")
    assert "name the format with --format" in str(problem.value)
    assert all(
        f"\n  {format.name}: {format.description}" in str(problem.value)
        for format in FORMATS.values()
        if format.matches
    )


def test_only_the_first_documents_of_pubtator_are_looked_at(tmp_path: Path) -> None:
    text = "\n".join([*20 * [CDR], TITLE + "1\t0\t7\tp53\tGene\t7157\n"])

    assert recognise_format(write(tmp_path / "CDR.txt", text)) == "cdr"


def test_a_discontinuous_mention_of_pubtator_is_no_relation(tmp_path: Path) -> None:
    text = TITLE + "1\t0,4\t3,8\tp53\tDisease\tD1\n1\t0;4\t3;8\tp53\tChemical\n"

    assert recognise_format(write(tmp_path / "CDR.txt", text)) == "cdr"


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"is a folder, and has no \.json file"):
        recognise_format(tmp_path)
    write(tmp_path / "dev.json", f"[{DOCUMENT}]")
    with pytest.raises(AtlopError, match=r"is a folder, and dev\.json in it is not an annotation of DWIE"):
        recognise_format(tmp_path)


@pytest.mark.parametrize("name", ["dev.json", "dev.jsonl", "dev.json.gz"])
def test_a_missing_file_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(AtlopError, match="no such file; check the path"):
        recognise_format(tmp_path / name)


def test_a_file_that_is_no_gzip_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dev.json.gz"
    path.write_text("[]", encoding="utf-8")

    with pytest.raises(AtlopError, match=r"dev\.json\.gz: cannot be read: Not a gzipped file"):
        recognise_format(path)


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    with path.open("wb") as file:
        file.write(f"[{DOCUMENT}".encode())
        file.seek(10**10)  # a hole: ten gigabytes on paper, nothing on disk
        file.write(b"]")

    assert recognise_format(path) == "docred"


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("docred/test.json", "docred"),
        ("docred/train_first200.json", "docred"),
        ("redocred/dev_revised.json", "docred"),
        ("redocred/train_part.json", "docred"),
        ("dwie/dev.json", "docred"),
        ("cdr/CDR_TrainingSet.PubTator.txt", "cdr"),
        ("cdr/CDR_DevelopmentSet.PubTator.txt", "cdr"),
        ("biored/Train.PubTator", "biored"),
        ("biored/Dev.PubTator", "biored"),
        ("cdr/train_filter.data", "paper"),
        ("cdr/dev_filter.data", "paper"),
        ("gda/sample200.data", "paper"),
        ("dwie/annos", "dwie"),
    ],
)
def test_real_corpora_are_recognised(real_data: Path, name: str, format: str) -> None:
    assert recognise_format(real_data / name) == format
