import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus, read_vocabulary
from atlop.errors import AtlopError
from atlop.schema import Document, Entity, Fact, Mention
from atlop.submission import check_submission, read_submission, write_submission
from atlop.submission_problems import MAX_LISTED

RELATIONS = ("P17", "P19")


def document(title: str, *, entities: int) -> Document:
    mention = Mention("Ada", 0, 0, 1, "PER")
    return Document(title, (("Ada",), ("Byron",)), tuple(Entity((mention,)) for _ in range(entities)), None)


DOCUMENTS = (document("Kin", entities=3), document("Skai TV", entities=2))


def row(title: str = "Kin", h_idx: Any = 0, t_idx: Any = 1, r: Any = "P17", **rest: Any) -> dict[str, Any]:
    return {"title": title, "h_idx": h_idx, "t_idx": t_idx, "r": r, **rest}


def write(folder: Path, value: object) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def pack(folder: Path, *names: str, text: str = "[]") -> Path:
    path = folder / "result.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, text)
    return path


def test_a_submission_is_a_list_of_rows_with_evidence_only_where_there_is_some(tmp_path: Path) -> None:
    path = tmp_path / "result.json"

    write_submission(
        path,
        documents=DOCUMENTS,
        predictions=[[Fact(0, 1, "P17", (0, 1)), Fact(2, 0, "P19")], []],
        relations=RELATIONS,
    )

    assert json.loads(path.read_text()) == [row(evidence=[0, 1]), row(h_idx=2, t_idx=0, r="P19")]


def test_the_zip_holds_the_result_alone_at_its_top_level(tmp_path: Path) -> None:
    path = tmp_path / "dev_predictions.json"

    packed = write_submission(path, documents=DOCUMENTS, predictions=[[Fact(0, 1, "P17")], []], relations=RELATIONS)

    assert packed == tmp_path / "dev_predictions.zip"
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["result.json"]
        assert archive.read("result.json") == path.read_bytes()
    assert sorted(tmp_path.iterdir()) == [path, packed]


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    zips = [
        write_submission(
            tmp_path / name / "result.json",
            documents=DOCUMENTS,
            predictions=[[Fact(0, 1, "P17")], []],
            relations=RELATIONS,
        )
        for name in ("first", "second")
    ]

    assert zips[0].read_bytes() == zips[1].read_bytes()


@pytest.mark.parametrize("suffix", [".json", ".zip"])
def test_what_is_written_is_read_back_and_valid(tmp_path: Path, suffix: str) -> None:
    predictions = ((Fact(0, 1, "P17", (1,)),), (Fact(1, 0, "P19"), Fact(0, 1, "P17")))
    write_submission(tmp_path / "result.json", documents=DOCUMENTS, predictions=predictions, relations=RELATIONS)

    path = tmp_path / f"result{suffix}"
    submission = read_submission(path, documents=DOCUMENTS)

    assert submission.predictions == predictions
    assert (submission.duplicates, submission.unknown, submission.unknown_titles) == (0, 0, ())
    assert check_submission(path, documents=DOCUMENTS, relations=RELATIONS).listed() == []


def test_an_empty_submission_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "result.json"

    write_submission(path, documents=DOCUMENTS, predictions=[[], []], relations=RELATIONS)

    assert read_submission(path, documents=DOCUMENTS).predictions == ((), ())
    assert check_submission(path, documents=DOCUMENTS, relations=RELATIONS).listed() == []


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        (Fact(3, 0, "P17"), "subject (h_idx) is entity 3, but the document has 3 entities, counted from 0"),
        (Fact(0, -1, "P17"), "object (t_idx) is entity -1, but the document has 3 entities, counted from 0"),
        (Fact(1, 1, "P17"), "subject and object are both entity 1"),
        (Fact(0, 1, "P6"), 'relation "P6" is not one of the 2 relations'),
        (Fact(0, 1, "P17", (2,)), "evidence sentence 2, but the document has 2 sentences"),
    ],
)
def test_an_invalid_fact_keeps_the_files_from_being_written(tmp_path: Path, fact: Fact, message: str) -> None:
    path = tmp_path / "result.json"

    with pytest.raises(AtlopError) as error:
        write_submission(path, documents=DOCUMENTS, predictions=[[Fact(0, 2, "P17"), fact], []], relations=RELATIONS)

    place = f'document "Kin", fact {fact.subject} → {fact.object} {fact.relation}'
    assert str(error.value) == f"{path}: not written: {place}: {message}"
    assert list(tmp_path.iterdir()) == []


def test_a_repeated_fact_is_not_written(tmp_path: Path) -> None:
    predictions = [[Fact(0, 1, "P17", (0,)), Fact(0, 1, "P17")], []]

    with pytest.raises(AtlopError, match='document "Kin", fact 0 → 1 P17: repeated'):
        write_submission(tmp_path / "result.json", documents=DOCUMENTS, predictions=predictions, relations=RELATIONS)


def test_repeated_titles_are_refused_by_name(tmp_path: Path) -> None:
    documents = (*DOCUMENTS, document("Kin", entities=2))
    path = write(tmp_path, [])
    message = 'more than one document has the title "Kin", so its facts are ambiguous; give each document its own title'

    with pytest.raises(AtlopError, match=message):
        write_submission(path, documents=documents, predictions=[[], [], []], relations=RELATIONS)
    with pytest.raises(AtlopError, match=message):
        read_submission(path, documents=documents)
    assert check_submission(path, documents=documents, relations=RELATIONS).listed() == [message]


def test_predictions_must_fit_the_documents_and_the_name_must_end_in_json(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="predictions for 1 documents, but the test file has 2"):
        write_submission(tmp_path / "result.json", documents=DOCUMENTS, predictions=[[]], relations=RELATIONS)
    with pytest.raises(AtlopError, match=r"result\.zip: expected a name that ends in \.json"):
        write_submission(tmp_path / "result.zip", documents=DOCUMENTS, predictions=[[], []], relations=RELATIONS)


def test_reading_drops_duplicates_and_counts_unknown_titles_once_a_fact(tmp_path: Path) -> None:
    elsewhere = row("Elsewhere", h_idx=90, t_idx=91)
    path = write(
        tmp_path,
        [row(evidence=[1]), row(evidence=[0]), elsewhere, elsewhere, row("Elsewhere", r="P19"), row("Nowhere", r="P6")],
    )

    submission = read_submission(path, documents=DOCUMENTS)

    assert submission.predictions == ((Fact(0, 1, "P17", (1,)),), ())
    assert submission.duplicates == 2
    assert submission.unknown == 3
    assert submission.unknown_titles == ("Elsewhere", "Nowhere")


def test_a_fact_of_an_undirected_document_is_the_same_in_both_orders(tmp_path: Path) -> None:
    undirected = [replace(item, directed=False) for item in DOCUMENTS]
    path = write(tmp_path, [row(h_idx=2, t_idx=0, evidence=[1]), row(h_idx=0, t_idx=2), row(h_idx=0, t_idx=1)])

    assert read_submission(path, documents=undirected).predictions[0] == (Fact(0, 2, "P17", (1,)), Fact(0, 1, "P17"))
    assert read_submission(path, documents=undirected).duplicates == 1
    assert read_submission(path, documents=DOCUMENTS).duplicates == 0


def test_reading_takes_what_the_official_scorer_takes(tmp_path: Path) -> None:
    path = write(
        tmp_path, [row(r="no relation"), row(t_idx=0), row(t_idx=2, evidence=[7]), row(h_idx=1, t_idx=2, score=1)]
    )

    assert len(read_submission(path, documents=DOCUMENTS).predictions[0]) == 4


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"title": "Kin"}, ': expected a list, found {"title": "Kin"}'),
        ([1, 2], ", row 0: expected an object, found 1"),
        (
            [row(), {"title": "Kin", "h_idx": 0, "r": "P17"}],
            ', row 1: key "t_idx" is missing; found "title", "h_idx", "r"',
        ),
        ([row(h_idx="0")], ', row 0, "h_idx": expected a whole number, found "0"'),
        ([row(t_idx=True)], ', row 0, "t_idx": expected a whole number, found true'),
        ([row(r=17)], ', row 0, "r": expected a string, found 17'),
        ([row("Elsewhere", r=17)], ', row 0, "r": expected a string, found 17'),
        ([row(evidence=1)], ', row 0, "evidence": expected a list, found 1'),
        ([row(evidence=[0.5])], ', row 0, "evidence", item 0: expected a whole number, found 0.5'),
        (
            [row(), row(h_idx=3)],
            ', row 1 ("Kin"): subject (h_idx) is entity 3, but the document has 3 entities, counted from 0; '
            "the file may belong to another corpus",
        ),
    ],
)
def test_a_malformed_file_is_refused_with_one_message(tmp_path: Path, value: object, message: str) -> None:
    path = write(tmp_path, value)

    with pytest.raises(AtlopError) as error:
        read_submission(path, documents=DOCUMENTS)

    assert str(error.value) == f"{path}{message}"
    assert len(check_submission(path, documents=DOCUMENTS, relations=None).listed()) == (2 if value == [1, 2] else 1)


@pytest.mark.parametrize("names", [("predictions/result.json",), ("results.json",), ()])
def test_a_zip_without_the_result_at_its_top_level_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = pack(tmp_path, *names)
    found = names[0] if names else "nothing"

    with pytest.raises(AtlopError, match=f"expected result.json at the top level of the zip, found {found}"):
        read_submission(path, documents=DOCUMENTS)


def test_a_zip_that_is_broken_or_cut_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "result.zip"
    with pytest.raises(AtlopError, match=r"result\.zip: no such file"):
        read_submission(path, documents=DOCUMENTS)
    path.write_text("[]")
    with pytest.raises(AtlopError, match=r"result\.zip: cannot be read as a zip"):
        read_submission(path, documents=DOCUMENTS)
    pack(tmp_path, "result.json", text='[{"title":')
    with pytest.raises(AtlopError, match=r"result\.zip, result\.json, line 1, column 11: not valid JSON"):
        read_submission(path, documents=DOCUMENTS)
    pack(tmp_path, "result.json", text="[" * 200_000)
    with pytest.raises(AtlopError, match=r"result\.zip, result\.json: lists or objects are nested"):
        read_submission(path, documents=DOCUMENTS)


def test_checking_lists_every_kind_of_problem(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            row(),
            row(),
            row("Elsewhere"),
            row(t_idx=9),
            row(t_idx=0),
            row(r="P6"),
            row(h_idx=2, evidence=[0, 5]),
            {"title": "Kin"},
        ],
    )

    assert check_submission(path, documents=DOCUMENTS, relations=RELATIONS).listed() == [
        f'{path}, row 1 ("Kin"): repeats row 0',
        f'{path}, row 2: no document has the title "Elsewhere"',
        f'{path}, row 3 ("Kin"): object (t_idx) is entity 9, but the document has 3 entities, counted from 0',
        f'{path}, row 4 ("Kin"): subject and object are both entity 0',
        f'{path}, row 5 ("Kin"): relation "P6" is not one of the 2 relations',
        f'{path}, row 6 ("Kin"): evidence sentence 5, but the document has 2 sentences',
        f'{path}, row 7: key "h_idx" is missing; found "title"',
    ]


def test_checking_writes_a_few_problems_of_a_kind_out_and_counts_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path, [row(h_idx=index) for index in range(3, 103)])

    problems = check_submission(path, documents=DOCUMENTS, relations=None)

    assert problems.count == 100
    assert len(problems.listed()) == MAX_LISTED + 1
    assert problems.listed()[-1] == "… and 95 more of this kind (entity out of range)"


def test_checking_finds_what_else_is_in_the_zip(tmp_path: Path) -> None:
    path = pack(tmp_path, "result.json", "notes.txt")

    assert check_submission(path, documents=DOCUMENTS, relations=None).listed() == [
        f"{path}: holds notes.txt besides result.json; the leaderboard expects no other file"
    ]


def test_checking_an_unreadable_file_gives_one_problem(tmp_path: Path) -> None:
    problems = check_submission(tmp_path / "result.json", documents=DOCUMENTS, relations=None).listed()

    assert len(problems) == 1
    assert "no such file" in problems[0]


def test_a_submission_for_the_real_test_file_is_valid(real_data: Path, tmp_path: Path) -> None:
    documents = read_corpus(real_data / "docred/test.json").documents
    relations = read_vocabulary(real_data / "docred/rel2id.json").relations
    predictions = [[Fact(0, 1, relation) for relation in relations[:4]] for _ in documents]

    packed = write_submission(
        tmp_path / "result.json", documents=documents, predictions=predictions, relations=relations
    )

    assert check_submission(packed, documents=documents, relations=relations).listed() == []
    assert read_submission(packed, documents=documents).predictions == tuple(map(tuple, predictions))
