"""brat's standoff format: what annotators' folders look like, and what must not be read."""

from dataclasses import replace
from pathlib import Path

import pytest

from atlop.corpora import ConversionLoss, CorpusFile, find_writer, read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import described, issues_of, read
from tests.corpora.formats.samples import BRAT_ANNOTATIONS, TEXT, write_brat

DESCRIBED = (
    ["Person: Nella Brun | She", "Firm: Siv Line", "Place: Arnfjord"],
    ["Nella Brun > owns > Siv Line", "Nella Brun > lives > Arnfjord"],
)


def test_equivalent_mentions_are_one_entity_with_the_facts_of_all(tmp_path: Path) -> None:
    folder = write_brat(tmp_path)

    assert read(folder) == [DESCRIBED]
    assert read(folder / "a.ann") == read(folder / "a.txt") == [DESCRIBED]
    [document] = read_corpus(folder)
    assert (document.title, document.text) == ("a", TEXT)
    assert document.entities[0].mentions[1].spans == ((32, 35),)


def test_all_files_of_a_pair_count_as_read(tmp_path: Path) -> None:
    folder = write_brat(tmp_path)
    (folder / "annotation.conf").write_bytes(b"[relations]\n")

    assert [Path(path).name for path in CorpusFile(folder / "a.ann").sha256] == ["a.ann", "a.txt", "annotation.conf"]
    assert list(CorpusFile(folder).sha256) == [str(folder)]


def test_folders_in_a_folder_are_read_in_the_order_of_paths_and_name_their_documents(tmp_path: Path) -> None:
    for folder in ("b", "a/inner", "."):
        write_brat(tmp_path / folder)
    write_brat(tmp_path / "c", annotations="")
    write_brat(tmp_path / "d", annotations=None)
    (tmp_path / "b/._a.ann").write_bytes(b"\x00macOS")

    documents = read_corpus(tmp_path).documents

    assert [document.title for document in documents] == ["a", "a/inner/a", "b/a", "c/a", "d/a"]
    assert [document.facts is None for document in documents] == [False, False, False, False, True]
    assert documents[3].facts == ()


def test_linked_folders_are_read_and_part_of_the_digest(tmp_path: Path) -> None:
    far, folder = write_brat(tmp_path / "far"), tmp_path / "notes"
    folder.mkdir()
    (folder / "b").symlink_to(far)
    (far / "round").symlink_to(folder)
    digest = CorpusFile(folder).sha256

    assert [document.title for document in read_corpus(folder)] == ["b/a"]
    (far / "a.txt").write_text(TEXT + " ", encoding="utf-8")
    assert CorpusFile(folder).sha256 != digest


def test_a_folder_without_a_relation_is_not_labelled(tmp_path: Path) -> None:
    folder = write_brat(tmp_path, "T1\tPerson 2 12\tNella Brun\n")

    assert read(folder) == [(["Person: Nella Brun"], None)]
    assert any("no file has a relation" in hint for hint in issues_of(folder).hints)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_of_windows_count_once_or_twice(tmp_path: Path, mark: str) -> None:
    text = mark + "Ann left.\r\nBo came."
    once = f"T1\tPerson {len(mark)} {3 + len(mark)}\tAnn\r\nT2\tPerson {10 + len(mark)} {12 + len(mark)}\tBo\r\n"
    write_brat(tmp_path / "once", once, text=text)
    write_brat(
        tmp_path / "twice",
        once.replace(f"{10 + len(mark)} {12 + len(mark)}", f"{11 + len(mark)} {13 + len(mark)}"),
        text=text,
    )

    assert read(tmp_path) == [(["Person: Ann", "Person: Bo"], None)] * 2
    first, second = read_corpus(tmp_path)
    assert (first.text, second.text) == (text.replace("\r\n", "\n"), text)


def test_offsets_may_be_utf16_units_or_bytes(tmp_path: Path) -> None:
    text = "🚢 Åse left Bø."
    for name, offsets in (("characters", (2, 5, 11, 13)), ("utf16", (3, 6, 12, 14)), ("bytes", (5, 9, 15, 18))):
        first, end, other, other_end = offsets
        annotations = f"T1\tPerson {first} {end}\tÅse\nT2\tPlace {other} {other_end}\tBø\n"
        write_brat(tmp_path / name, annotations, text=text)

    assert read(tmp_path) == [(["Person: Åse", "Place: Bø"], None)] * 3


def test_parts_of_a_mention_and_line_ends_in_it(tmp_path: Path) -> None:
    annotations = "T1\tPlace 0 5;16 20\tNorth Quay\nT2\tPlace 10 20\tSouth Quay\nT3\tPlace 21 25\tOld\n"
    folder = write_brat(tmp_path, annotations, text="North and South\nQuay Old ")

    [document] = read_corpus(folder)

    assert [entity.mentions[0].spans for entity in document.entities] == [((0, 5), (16, 20)), ((10, 20),), ((21, 25),)]
    assert [entity.name for entity in document.entities] == ["North Quay", "South\nQuay", "Old "]


def test_an_event_stands_for_its_trigger(tmp_path: Path) -> None:
    annotations = (
        BRAT_ANNOTATIONS + "T9\tOpening 13 17\towns\nE1\tOpening:T9 Who:E2\nE2\tOpening:T9\nR9\tat Arg1:E1 arg2:T4\n"
    )
    folder = write_brat(tmp_path, annotations + "A1\tNegation E1\n#1\tAnnotatorNotes R1\tsure?\nM1\tx E1\n")

    [(entities, facts)] = read(folder)

    assert "Opening: owns" in entities
    assert (facts or [])[-1] == "owns > at > Arnfjord"
    assert issues_of(folder).left_out == {"events": 2, "attributes": 2, "notes": 1}


def test_identifiers_group_mentions_unless_they_say_that_there_is_none(tmp_path: Path) -> None:
    annotations = "T1\tPerson 2 12\tNella Brun\nT3\tPerson 32 35\tShe\nT4\tPlace 45 53\tArnfjord\n"
    annotations += "N1\tReference T1 Who:7\tNella\nN2\tReference T3 Who:7\tNella\n"
    folder = write_brat(
        tmp_path, annotations + "T5\tFirm 22 30\tSiv Line\nN3\tReference T4 Who:NULL\t\nN4\tReference T5 Who:NULL\t\n"
    )

    [document] = read_corpus(folder)

    assert described(document)[0] == ["Person: Nella Brun | She", "Firm: Siv Line", "Place: Arnfjord"]
    assert [entity.identifier for entity in document.entities] == ["Who:7", None, None]


def test_the_settings_of_a_folder_say_which_relations_are_symmetric_and_how_ends_are_called(tmp_path: Path) -> None:
    (tmp_path / "annotation.conf").write_text(
        "[relations]\n# the ends\nknows\tArg1:Person, Arg2:Person, <REL-TYPE>:symmetric\n"
        "same\tArg1:<ENTITY>, Arg2:<ENTITY>, <REL-TYPE>:symmetric-transitive\nin What:Person, Where:Place\n[events]\n",
        encoding="utf-8",
    )
    lines = [line for line in BRAT_ANNOTATIONS.splitlines() if line[0] == "T"]
    lines += [
        "R1\tsame Arg1:T1 Arg2:T3",
        "R2\tknows Arg1:T1 Arg2:T2",
        "R3\tin Where:T4 What:T3",
        "R4\tin What:T1 Where:T4",
    ]
    folder = write_brat(tmp_path / "deep/er", "\n".join(lines))

    [(entities, facts)] = read(tmp_path)

    assert entities == DESCRIBED[0]
    assert facts == ["Nella Brun > knows > Siv Line", "Siv Line > knows > Nella Brun", "Nella Brun > in > Arnfjord"]
    assert issues_of(tmp_path).duplicate_facts == 1
    assert read(folder)[0][1] != facts, "the settings are those above a text within what is read"


def test_relations_with_one_or_three_ends_are_counted(tmp_path: Path) -> None:
    folder = write_brat(tmp_path, BRAT_ANNOTATIONS + "R7\tmany Arg1:T1 Arg2:T2 Arg3:T3\nR8\tone Arg1:T1\n")

    assert read(folder) == [DESCRIBED]
    assert issues_of(folder).skipped_relations == 2


def test_mentions_of_an_old_client_that_emoji_shift_are_hinted_at(tmp_path: Path) -> None:
    shifted = "T1\tPerson 2 11\tNella Bru\nT2\tFirm 23 31\tiv Line.\n"
    folder = write_brat(tmp_path, shifted)

    assert any("an emoji" in hint for hint in issues_of(folder).hints)
    assert not any("an emoji" in hint for hint in issues_of(write_brat(tmp_path / "fine") / "a.ann").hints)


@pytest.mark.parametrize(
    ("annotations", "problem"),
    [
        ("T1\tPerson 2 12\tNella Brun\nR1\towns Arg1:T1 Arg2:T9\n", "a.ann, line 2: R1 names T9, which"),
        ("T1\tPerson 2 12\tNella Brun\nT1\tFirm 22 30\tSiv Line\n", "a.ann, line 2: T1 stands twice"),
        (
            "T1\tPerson 2 12\tNella Brun\nT2\tFirm 21 29\tSiv Line\n",
            'line 2: T2 is "Siv Line", but characters 21 to 29',
        ),
        ("T1\tPerson 2 99\tNella Brun\n", "line 1: T1 is at characters 2 to 99; expected"),
        ("T1 Person 2 12 Nella Brun\n", "line 1: expected an id, a tab"),
        ("T1\tPerson 2-12\tNella Brun\n", "line 1: T1 is .*expected a type and offsets"),
        ("T1\tPerson 12 2\tx\n", "line 1: T1 is at characters 12 to 2"),
        ("*\tEquiv T1 T2\n", "line 1 names T1, which"),
        ("E1\tOpening\n", "line 1: E1 is .*expected a type and its trigger"),
        ("R1\towns T1 T2\n", "line 1: R1 is .*ends such as Arg1:T1"),
        ("X1\tnothing\n", 'line 1: "X1" is no id of brat'),
        (b"T1\tPerson 0 1\t\xff\n", "line 1: byte 14 of the line is not UTF-8"),
    ],
)
def test_an_invalid_document_says_where_and_what(tmp_path: Path, annotations: str | bytes, problem: str) -> None:
    folder = write_brat(tmp_path, annotations)

    with pytest.raises(AtlopError, match=problem):
        read(folder)


def test_annotations_without_a_text_and_folders_without_either_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lost.ann").write_bytes(b"")
    with pytest.raises(AtlopError, match=r"lost\.ann: there is no lost\.txt beside it"):
        read(tmp_path)
    (tmp_path / "lost.ann").rename(tmp_path / "lost.html")
    with pytest.raises(AtlopError, match=r"the folder holds lost\.html"):
        read(tmp_path, format="brat")


def test_what_is_written_is_what_brat_reads(tmp_path: Path) -> None:
    source, output = write_brat(tmp_path / "in/sub").parent, tmp_path / "out"

    find_writer(output, format="brat")(output, documents=read_corpus(source))

    assert (output / "sub/a.txt").read_bytes() == TEXT.encode()
    assert (output / "sub/a.ann").read_text(encoding="utf-8").splitlines() == [
        "T1\tPerson 2 12\tNella Brun",
        "T2\tPerson 32 35\tShe",
        "T3\tFirm 22 30\tSiv Line",
        "T4\tPlace 45 53\tArnfjord",
        "*\tEquiv T1 T2",
        "R1\towns Arg1:T1 Arg2:T3\t",
        "R2\tlives Arg1:T2 Arg2:T4\t",
    ]
    assert read(output) == [DESCRIBED]


def test_names_with_spaces_are_counted_and_mentions_without_a_type_have_none_again(tmp_path: Path) -> None:
    [document] = read_corpus(write_brat(tmp_path / "in"))
    facts = tuple(replace(fact, relation="lives in") for fact in document.facts or ())
    place = replace(document.entities[2], mentions=(replace(document.entities[2].mentions[0], type=""),))
    changed = replace(document, entities=(*document.entities[:2], place), facts=facts)

    losses = find_writer(tmp_path / "out", format="brat")(tmp_path / "out", documents=[changed])

    assert losses[ConversionLoss.NAME] == 2
    assert read(tmp_path / "out") == [
        ([*DESCRIBED[0][:2], ": Arnfjord"], ["Nella Brun > lives_in > Siv Line", "Nella Brun > lives_in > Arnfjord"])
    ]


@pytest.mark.parametrize("title", ["../up", "", "a/", "x\0", ".", "con?"])
def test_a_title_that_is_no_file_name_is_refused(tmp_path: Path, title: str) -> None:
    [document] = read_corpus(write_brat(tmp_path / "in"))
    output = tmp_path / "out"

    with pytest.raises(AtlopError, match="its title is no name of a file"):
        find_writer(output, format="brat")(output, documents=[replace(document, title=title)])
    with pytest.raises(AtlopError, match="its title repeats"):
        find_writer(output, format="brat")(output, documents=[document, document])
    assert not output.exists()
