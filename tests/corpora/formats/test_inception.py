"""What INCEpTION and WebAnno export: WebAnno TSV 3, and UIMA CAS in JSON."""

import copy
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import issues_of, read
from tests.corpora.formats.samples import CAS, TEXT, WEBANNO, json_bytes

TSV = (["Person: Nella Brun | She", "Firm: Siv"], ["Nella Brun > owns > Siv"])


def test_rows_of_a_file_are_words_mentions_chains_and_relations(tmp_path: Path) -> None:
    assert read(tmp_path / "note.tsv", "\ufeff" + WEBANNO) == [TSV]
    [document] = read_corpus(tmp_path)
    assert (document.title, document.text) == ("note", "🚢 Nella Brun owns Siv .\nShe left .")
    assert document.sentences[1] == ("She", "left", ".")
    assert document.entities[0].mentions[1].type == ""


def test_files_of_a_folder_are_named_by_their_paths(tmp_path: Path) -> None:
    for name in ("b/ann.tsv", "a/ann.tsv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(WEBANNO, encoding="utf-8")

    (tmp_path / "a/._ann.tsv").write_bytes(b"\x00macOS")

    assert [document.title for document in read_corpus(tmp_path)] == ["a/ann", "b/ann"]
    (tmp_path / "c").mkdir()
    (tmp_path / "c/linked").symlink_to(tmp_path / "a")
    assert [document.title for document in read_corpus(tmp_path / "c")] == ["linked/ann"]


HEAD = """\
#FORMAT=WebAnno TSV 3.2
#T_SP=de.tudarmstadt.ner.type.NamedEntity|identifier|value
#T_SP=de.tudarmstadt.type.POS|PosValue
#T_RL=custom.Met|sure|BT_de.tudarmstadt.ner.type.NamedEntity
#T_RL=dkpro.Dependency|DependencyType|BT_dkpro.type.Token

"""


def test_stacked_annotations_parts_of_words_and_escapes(tmp_path: Path) -> None:
    rows = [
        r"1-1 0-8 Ann-like *[1]|Q\_1[2] P\|Q[1]|R[2] N _ _ _ _",
        r"1-1.1 0-3 Ann * B-\[1\] _ _ _ _ _",
        "1-2 9-12 met _ _ V _ _ nsubj 1-1",
        r"1-3 13-15 Bo Q\_1 S N true|* 1-1[2_0]|1-1.1[0_0] _ _",
        "1-4 16-19 [x] _ _ N _ _ _ _",
    ]
    text = "#Text=Ann\\-like\\tmet Bo [x]\n" + "\n".join(row.replace(" ", "\t") + "\t" for row in rows)

    assert read(tmp_path / "a.tsv", HEAD + text) == [
        (
            ["B-[1]: Ann", "P|Q: Ann-like", "R: Ann-like | Bo"],
            ["Ann-like > Met > Ann-like", "Ann > Met > Ann-like"],
        )
    ]
    [document] = read_corpus(tmp_path / "a.tsv")
    assert document.text == "Ann-like\tmet Bo [x]"
    assert [entity.identifier for entity in document.entities] == [None, None, "Q_1"]
    assert issues_of(tmp_path / "a.tsv").left_out["relations between words"] == 1


def test_a_mention_in_two_chains_is_one_of_each_and_its_relations_are_of_the_first(tmp_path: Path) -> None:
    text = """#FORMAT=WebAnno TSV 3.3
#T_SP=custom.Span|label
#T_CH=custom.Coref|referenceRelation|referenceType
#T_RL=custom.Link|BT_custom.Span


#Text=Ann Bo They
1-1\t0-3\tAnn\tP\t*->1-1\t*[1]\t_\t
1-2\t4-6\tBo\tP\t*->2-1\t*[2]\t_\t
1-3\t7-11\tThey\tQ\t*->2-2|*->1-2\t*[2]|*[1]\t1-1\t
"""

    assert read(tmp_path / "a.tsv", text) == [(["P: Ann | They", "P: Bo | They"], ["Ann > Link > Ann"])]
    assert any("go from an entity to itself" in hint for hint in issues_of(tmp_path / "a.tsv").hints)


def test_a_file_without_relations_is_not_labelled(tmp_path: Path) -> None:
    text = "#FORMAT=WebAnno TSV 3.3\n#T_SP=custom.Span|label\n\n#Text=Ann\n1-1\t0-3\tAnn\tP\t\n"

    assert read(tmp_path / "a.tsv", text) == [(["P: Ann"], None)]
    with pytest.raises(AtlopError, match=r"cannot tell which layer has the entities: custom\.Span, custom\.Other"):
        read(tmp_path / "a.tsv", text.replace("label\n", "label\n#T_SP=custom.Other|x\n").replace("\tP\t", "\tP\t_\t"))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("1-2[1_0]", "1-9[1_0]", r"line 12: the relation .owns. names annotation 1-9\[1\], which"),
        ("\t_\t_\towns\t1-2[1_0]\t", "\t_", "line 12: expected a number, offsets, a word and 5 columns"),
        ("25-28", "20-28", "a sentence begins at 20, but the text before it ends at 24"),
        ("34-35", "34-99", "line 18: the word is at characters 34 to 99"),
        ("19-22", "19:22", "line 12: expected a number, offsets"),
    ],
)
def test_an_invalid_row_says_what(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in WEBANNO

    with pytest.raises(AtlopError, match=problem):
        read(tmp_path / "a.tsv", WEBANNO.replace(old, new))


def test_cas_has_structures_with_offsets_in_utf16(tmp_path: Path) -> None:
    path = tmp_path / "note.json"

    assert read(path, json_bytes(CAS)) == [
        (["Person: Nella Brun | She", "Firm: Siv Line"], ["Nella Brun > owns > Siv Line"])
    ]
    [document] = read_corpus(path)
    assert (document.title, document.text) == ("note", TEXT)


def test_older_cas_has_structures_by_id_and_other_things_are_counted(tmp_path: Path) -> None:
    made = copy.deepcopy(CAS)
    listed: list[dict[str, Any]] = made["%FEATURE_STRUCTURES"]
    listed += [
        {"%ID": 8, "%TYPE": "x.Token", "begin": 0, "end": 2},
        {"%ID": 9, "%TYPE": "x.Dependency", "@Governor": 8, "@Dependent": 8},
        {"%ID": 10, "%TYPE": "x.Slot", "role": "who", "@target": 2},
        {"%ID": 11, "%TYPE": "x.DocumentMetaData", "documentTitle": "Titled"},
    ]
    made["%FEATURE_STRUCTURES"] = {str(each.pop("%ID")): each for each in listed}
    path = tmp_path / "note.json"

    assert read(path, json_bytes(made))[0][1] == ["Nella Brun > owns > Siv Line"]
    assert read_corpus(path).documents[0].title == "Titled"
    issues = issues_of(path)
    assert (issues.left_out["relations between words"], issues.skipped_relations) == (1, 1)


@pytest.mark.parametrize(
    ("index", "change", "problem"),
    [
        (3, {"@Dependent": 99}, "note.json: relation 4 names annotation 99"),
        (1, {"end": 999}, "annotation 2 is at characters 3 to 999"),
        (1, {"begin": 1, "end": 3}, "annotation 2 is at characters 1 to 3"),
        (0, {"sofaString": None}, "has no text"),
        (2, {"%ID": 2}, "%ID 2 stands twice"),
    ],
)
def test_an_invalid_cas_says_what(tmp_path: Path, index: int, change: dict[str, Any], problem: str) -> None:
    made = copy.deepcopy(CAS)
    made["%FEATURE_STRUCTURES"][index].update(change)

    with pytest.raises(AtlopError, match=problem):
        read(tmp_path / "note.json", json_bytes(made))
