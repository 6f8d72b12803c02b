"""BioC in its dialects, XML and JSON; files of the library `bioc` are read, and ours are like them."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import described, issues_of, read
from tests.corpora.formats.samples import BIOC, BIOC_XML, json_bytes

DESCRIBED = (["Person: Nella Brun", "Firm: Siv Line"], ["Nella Brun > owns > Siv Line"])


def annotation(name: str, start: int, text: str, type_: str = "Disease", **infons: str) -> dict[str, Any]:
    location = {"offset": start, "length": len(text)}
    return {"id": name, "infons": {"type": type_} | infons, "text": text, "locations": [location]}


def collection(text: str, annotations: list[Any], relations: list[Any], **extra: Any) -> bytes:
    passage = {"offset": 0, "text": text, "annotations": annotations}
    return json_bytes({"documents": [{"id": "D1", "passages": [passage], "relations": relations}]} | extra)


def relation(**infons: Any) -> dict[str, Any]:
    return {"id": "R1", "infons": infons}


def test_xml_and_json_are_read_alike(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", json_bytes(BIOC)) == read(tmp_path / "a.xml", BIOC_XML) == [DESCRIBED]
    [document] = read_corpus(tmp_path / "a.json")
    assert (document.title, document.entities[1].identifier) == ("D1", "F:7")


def test_files_of_the_library_are_read(tmp_path: Path) -> None:
    bioc = pytest.importorskip("bioc")
    from bioc import biocjson, biocxml

    made = biocjson.loads(json_bytes(BIOC).decode())
    made.documents[0].passages[0].annotations[0].infons["type"] = "Per<>son&"
    biocxml.dump(made, (tmp_path / "a.xml").open("w", encoding="utf-8"))
    biocjson.dump(made, (tmp_path / "a.json").open("w", encoding="utf-8"))

    expected = (["Per<>son&: Nella Brun", "Firm: Siv Line"], DESCRIBED[1])
    assert read(tmp_path / "a.xml") == read(tmp_path / "a.json") == [expected]
    assert isinstance(made, bioc.BioCCollection)


def test_offsets_count_through_the_document_with_gaps_of_any_width(tmp_path: Path) -> None:
    passages = [
        {"offset": 7, "text": "", "sentences": [{"offset": 7, "text": "Flu."}, {"offset": 12, "text": "Ague."}]},
        {"offset": 21, "text": "Rash.", "annotations": [annotation("1", 21, "Rash")]},
    ]
    passages[0]["sentences"][1]["annotations"] = [annotation("2", 12, "Ague")]  # type: ignore[index]
    path = tmp_path / "a.json"
    path.write_bytes(json_bytes({"documents": [{"id": "D1", "passages": passages}]}))

    [document] = read_corpus(path)

    assert document.text == "Flu. Ague.    Rash."
    assert described(document) == (["Disease: Ague", "Disease: Rash"], None)


@pytest.mark.parametrize("unit", ["utf-8", "utf-16-le", "utf-32-le"])
def test_offsets_may_be_bytes_or_utf16_units(tmp_path: Path, unit: str) -> None:
    width = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}[unit]
    first, second = "Åse 🚢 ü.", "Bø left."
    passages = []
    for offset, passage, name in ((0, first, "ü"), (len(first) + 1, second, "Bø")):
        text = f"{first} {second}"
        start = text.index(name)
        span = {"offset": len(text[:start].encode(unit)) // width, "length": len(name.encode(unit)) // width}
        annotations = [annotation(name, 0, name) | {"locations": [span]}]
        offset = len(text[:offset].encode(unit)) // width
        passages.append({"offset": offset, "text": passage, "annotations": annotations})

    found = read(tmp_path / "a.json", json_bytes({"documents": [{"id": "D1", "passages": passages, "relations": []}]}))

    assert found == [(["Disease: ü", "Disease: Bø"], [])]
    assert read_corpus(tmp_path / "a.json").documents[0].text == f"{first} {second}"


def test_a_form_in_ascii_is_a_mention_of_what_stands_there(tmp_path: Path) -> None:
    content = collection("TNF-α rises.", [annotation("1", 0, "TNF-a", "Gene")], [])

    assert read(tmp_path / "a.json", content) == [(["Gene: TNF-α"], [])]
    assert issues_of(tmp_path / "a.json").left_out == {"normalised texts of mentions": 1}


VARIANT = "V7M of Q gives flu and ague. Flu stays."
MENTIONS = [
    annotation("0", 0, "V7M", "Variant", identifier="p|SUB|V|7|M"),
    annotation("1", 7, "Q", "Gene", **{"NCBI Gene": "7", "identifier": "55"}),
    annotation("2", 15, "flu and ague", identifier="D1,D2"),
    annotation("3", 29, "Flu", identifier="D1"),
    annotation("4", 33, "stays", identifier="-"),
]


def test_biored_names_identifiers_and_has_no_direction(tmp_path: Path) -> None:
    content = collection(VARIANT, MENTIONS, [relation(entity1="D2", entity2="p|SUB|V|7|M", type="Bind", novel="Novel")])

    assert read(tmp_path / "a.json", content) == [
        (
            ["Variant: V7M", "Gene: Q", "Disease: flu and ague | Flu", "Disease: flu and ague", "Disease: stays"],
            ["V7M > Bind > flu and ague"],
        )
    ]
    [document] = read_corpus(tmp_path / "a.json")
    xml = BIOC_XML.replace(b'type">owns</infon>', b'type">owns</infon><infon key="entity1">F:7</infon>')
    (tmp_path / "a.xml").write_bytes(xml)
    assert not read_corpus(tmp_path / "a.xml").documents[0].directed
    assert (document.directed, document.facts and document.facts[0].novelty) == (False, "Novel")
    assert [entity.identifier for entity in document.entities] == ["p|SUB|V|7|M", "55", "D1", "D2", "-"]


def test_entity1_as_a_role_of_a_node_has_a_direction(tmp_path: Path) -> None:
    made = copy.deepcopy(BIOC)
    nodes = made["documents"][0]["relations"][0]["nodes"]
    nodes[0]["role"], nodes[1]["role"] = "entity1", "entity2"

    assert read(tmp_path / "a.json", json_bytes(made)) == [(DESCRIBED[0], ["Siv Line > owns > Nella Brun"])]
    xml = BIOC_XML.replace(b"Arg2", b"entity1").replace(b"Arg1", b"entity2")
    assert read(tmp_path / "a.xml", xml) == read(tmp_path / "a.json")
    assert all(read_corpus(tmp_path / name).documents[0].directed for name in ("a.json", "a.xml"))


def test_bc5cdr_names_a_chemical_and_a_disease(tmp_path: Path) -> None:
    mentions = [annotation("0", 0, "Li", "Chemical", MESH="D9"), annotation("1", 7, "flu", MESH="D1|D2")]

    found = read(
        tmp_path / "a.json", collection("Li and flu", mentions, [relation(relation="CID", Disease="D2", Chemical="D9")])
    )

    assert found == [(["Chemical: Li", "Disease: flu", "Disease: flu"], ["Li > CID > flu"])]
    assert read_corpus(tmp_path / "a.json").documents[0].facts[0].key == (0, 2, "CID")  # type: ignore[index]


def test_a_composite_mention_with_parts_of_its_own_is_left_out(tmp_path: Path) -> None:
    whole = annotation("0", 0, "renal and liver pain", MESH="D1|D2", CompositeRole="CompositeMention")
    parts = [
        annotation("1", 0, "renal pain", MESH="D1", CompositeRole="IndividualMention")
        | {"locations": [{"offset": 0, "length": 5}, {"offset": 16, "length": 4}]},
        annotation("2", 10, "liver pain", MESH="D2", CompositeRole="IndividualMention"),
    ]

    assert read(tmp_path / "a.json", collection("renal and liver pain", [whole, *parts], [])) == [
        (["Disease: renal pain", "Disease: liver pain"], [])
    ]
    assert read(tmp_path / "a.json", collection("renal and liver pain", [whole, parts[0]], []))[0][0] == [
        "Disease: renal and liver pain | renal pain",
        "Disease: renal and liver pain",
    ]


@pytest.mark.parametrize(
    "ends",
    [
        {"role1": {"identifier": "D1", "type": "Disease"}, "role2": {"identifier": "55", "type": "Gene"}},
        {"role1": "Disease|D1", "role2": "Gene|55"},
    ],
)
def test_pubtator_3_names_identifiers_by_role_and_its_nodes_are_ignored(tmp_path: Path, ends: dict[str, Any]) -> None:
    variant = annotation("0", 0, "V7M", "Variant", identifier="tmVar:p|V7M;HGVS:p.V7M;RS#:9;CorrespondingGene:55")
    document = {
        "id": "1",
        "passages": [{"offset": 0, "text": VARIANT, "annotations": [variant, *MENTIONS[1:]]}],
        "relations": [relation(type="Association", **ends) | {"nodes": [{"refid": "0", "role": "9,4"}]}],
    }

    [(entities, facts)] = read(tmp_path / "a.json", json_bytes({"PubTator3": [document]}))

    assert (entities[0], facts) == ("Variant: V7M", ["flu and ague > Association > Q"])
    assert read(tmp_path / "b.json", json_bytes(document)) == [(entities, facts)]


def test_collections_in_a_list_and_documents_a_line_are_read(tmp_path: Path) -> None:
    lines = b"\n".join(json_bytes(BIOC["documents"][0]) for _ in range(2))

    assert read(tmp_path / "a.json", json_bytes([BIOC, BIOC])) == read(tmp_path / "b.json", lines) == [DESCRIBED] * 2


def test_roles_decide_and_relations_with_other_numbers_of_ends_are_counted(tmp_path: Path) -> None:
    made = copy.deepcopy(BIOC)
    relations = made["documents"][0]["relations"]
    four: list[dict[str, str]] = relations[0]["nodes"] * 2
    relations += [{"id": "R2", "infons": {"type": "x"}, "nodes": nodes} for nodes in (four, four[:1], [])]
    relations.append({"id": "R3", "infons": {"type": "x"}, "nodes": [{"refid": "R1"}, {"refid": "1"}]})

    assert read(tmp_path / "a.json", json_bytes(made)) == [DESCRIBED]
    assert issues_of(tmp_path / "a.json").skipped_relations == 4


def test_xml_without_any_relation_is_not_labelled(tmp_path: Path) -> None:
    content = BIOC_XML[: BIOC_XML.index(b"<relation")] + b"</document></collection>"

    assert read(tmp_path / "a.xml", content) == [(DESCRIBED[0], None)]
    assert any("has no relation" in hint for hint in issues_of(tmp_path / "a.xml").hints)


def test_the_second_version_of_the_document_type_has_attributes(tmp_path: Path) -> None:
    content = BIOC_XML.replace(b"<document><id>D1</id>", b'<document id="D1">')
    content = content.replace(b"<passage><offset>0</offset>", b'<passage offset="0">')

    assert read(tmp_path / "a.xml", content) == [DESCRIBED]


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    made = copy.deepcopy(BIOC)
    change(made["documents"][0])
    return json_bytes(made)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            _changed(lambda d: d["relations"][0]["nodes"][0].update(refid="8")),
            "document D1: relation R1 names annotation 8",
        ),
        (_changed(lambda d: d["passages"][0]["annotations"][1].update(id="1")), "annotation 1, which stands twice"),
        (
            _changed(lambda d: [each.update(id="2") for each in d["passages"][0]["annotations"]]),
            "names annotation 1, which the document",
        ),
        (
            _changed(lambda d: d["passages"].append({"offset": 9, "text": "x"})),
            "begins at 9, but the text before it ends",
        ),
        (_changed(lambda d: d["passages"][0].update(text="Nella  Brun owns")), "annotation 1 is .*--invalid skip"),
        (_changed(lambda d: d.pop("passages")), 'document D1: key "passages" is missing'),
        (_changed(lambda d: d["passages"][0]["annotations"][0].update(locations=[])), "annotation 1: has no location"),
        (
            collection(VARIANT, MENTIONS, [relation(entity1="D9", entity2="55", type="Bind")]),
            'relation R1 names the identifier "D9", but no annotation has it',
        ),
    ],
)
def test_an_invalid_document_says_what(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(AtlopError, match=problem):
        read(tmp_path / "a.json", content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (BIOC_XML[:-40], "not well-formed XML"),
        (BIOC_XML.replace(b'SYSTEM "BioC.dtd"', b'[<!ENTITY a "b">]'), "declares entities of XML"),
    ],
)
def test_xml_that_is_cut_short_or_declares_entities_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(AtlopError, match=problem):
        read(tmp_path / "a.xml", content)
