import gzip
import json
from pathlib import Path

import pytest

from atlop.corpora import FORMATS
from atlop.corpora.file_start import FileStart
from atlop.corpora.recognition import SUBMISSION, recognise_format
from atlop.errors import AtlopError
from tests.corpora.formats.samples import (
    BIOC_XML,
    DOCRED_COLUMNS,
    JSON_SAMPLES,
    WEBANNO,
    parquet,
    write_brat,
    write_tables,
)

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
        ("own.jsonl", '{"text": "one", "id": "two"}', "jsonl"),
        ("own.jsonl", '{"text": "one", "title": "two", "entities": []}', "jsonl"),
        ("all.jsonl", '{"text": "one", "id": 2, "entities": []}', "doccano"),
        ("all.json", '{"data": "one", "labels": [], "id": 2}', "doccano"),
        ("own.jsonl", '{"text": "one", "entities": [{"start": 0, "end": 3, "id": 1}]}', "jsonl"),
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


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a.json.gz"])
@pytest.mark.parametrize("format", sorted(JSON_SAMPLES))
def test_json_is_told_by_its_keys_whatever_the_name(tmp_path: Path, format: str, name: str) -> None:
    sample = JSON_SAMPLES[format]
    printed = json.dumps(sample[0] if isinstance(sample, list) else sample, indent=1)

    for text in ("\ufeff" + json.dumps(sample), printed, f"{printed}\n{printed}"):
        assert recognise_format(write(tmp_path / name, text)) == format


@pytest.mark.parametrize(
    ("content", "format"),
    [(BIOC_XML, "bioc"), (WEBANNO.encode(), "webanno"), (parquet([DOCRED_COLUMNS]), "docred_columns")],
)
def test_what_is_no_json_is_told_by_its_first_bytes(tmp_path: Path, content: bytes, format: str) -> None:
    for data in (content, b"\xef\xbb\xbf" + content):
        (tmp_path / "a.txt").write_bytes(data)
        assert recognise_format(tmp_path / "a.txt") == format


def test_folders_are_told_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "tsv").mkdir()
    write(tmp_path / "tsv/a.tsv", WEBANNO)
    write_brat(tmp_path / "brat/deep")
    write_tables(tmp_path / "tables")

    for format in ("webanno", "brat", "tables"):
        assert recognise_format(tmp_path / format.replace("webanno", "tsv")) == format
    assert [recognise_format(tmp_path / "brat/deep" / name) for name in ("a.txt", "a.ann")] == ["brat", "brat"]


def test_a_folder_of_arrow_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"")

    with pytest.raises(AtlopError, match="write JSON lines or Parquet"):
        recognise_format(tmp_path)


def test_the_first_keys_of_a_collection_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.write(b'{"source": "x", "infons": {}, "documents": [')
        file.write(b'{"id": "1", "passages": []},' * 400_000)

    assert recognise_format(path) == "bioc"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'<?xml version="1.0"?><xmi:XMI xmlns:xmi="x">', "export UIMA CAS JSON"),
        (b"ARROW1\0\0", "write JSON lines or Parquet"),
        (b"m.1\tm.2\tann\tbo\t/a/b\tann met bo .\t###END###\n", "old OpenNRE, which has no offsets"),
        (b'[[["S1: hi"], [{"x": "S1", "y": "Ann", "r": ["per:x"]}]]]', "DialogRE"),
        (b'[{"tokens": [], "mentions": [], "entities": [], "relations": []}]', "JEREX's predictions"),
        (b'[{"tokens": ["a"]}]', "without annotations, as SpERT takes"),
        (b'["a sentence"]', "without annotations, as SpERT takes"),
    ],
)
def test_what_is_known_and_not_read_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "a.json").write_bytes(content)

    with pytest.raises(AtlopError, match=problem):
        recognise_format(tmp_path / "a.json")


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 100_000, "1e99999999999999999999"])
def test_a_number_that_no_parser_converts_ends_the_keys(tmp_path: Path, number: str) -> None:
    file = write(tmp_path / "own.json", f'[{{"one": 1, "two": {number}, "three": 3}}]')

    assert list(FileStart(file).json_keys) == ["one", "two"]


def test_a_folder_of_annotations_is_dwie(tmp_path: Path) -> None:
    write(tmp_path / "README", "no annotation")
    write(tmp_path / "DW_1.json", ANNOTATION)

    assert recognise_format(tmp_path) == "dwie"


@pytest.mark.parametrize("text", ["", "{}", "no JSON", '"text"', "[7]", '[{"titl', '[{"title": 1]'])
def test_what_is_named_json_is_left_to_the_reader_that_says_what_is_amiss(tmp_path: Path, text: str) -> None:
    assert recognise_format(write(tmp_path / "dev.json", text)) == "docred"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("notes.txt", "Lithium harms.", "does not begin like any known format"),
        ("notes.txt", "", "does not begin like any known format"),
        ("table.tsv", "a\tb\tc\td\n", "does not begin like any known format"),
        ("own.json", '{"title": "one", "body": 1}', "has objects with the keys title, body, which fit no known format"),
        ("own.jsonl", '{"id": "one"}', "has objects with the keys id, which fit"),
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
    with pytest.raises(AtlopError, match="is a folder that holds nothing, but no annotations"):
        recognise_format(tmp_path)
    write(tmp_path / "dev.json", f"[{DOCUMENT}]")
    with pytest.raises(AtlopError, match=r"is a folder that holds dev\.json, but no annotations"):
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
