"""Facts of several documents become one graph that says where each of them comes from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("networkx", reason="needs networkx: pip install 'atlop[graph]'")
pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")

import networkx as nx
import rdflib
from rdflib.namespace import DCTERMS, PROV, RDF, RDFS

from atlop.errors import AtlopError
from atlop.inference.facts import EvidenceSentence, ExtractedFact, Extraction, Participant
from atlop.inference.graph import FORMATS, fact_graph, write_gexf, write_graphml, write_rdf

BASE = "https://example.org/"


def entity(index: int, name: str, id: str | None = None, type: str = "LOC") -> Participant:
    return Participant(index, name, type=type, id=id, mentions=())


def fact(
    subject: Participant,
    relation: str,
    object_: Participant,
    *,
    margin: float,
    sentences: tuple[int, ...] = (),
    probability: float | None = None,
) -> ExtractedFact:
    evidence = tuple(EvidenceSentence(number, None, None, f"text {number}", share=0.5) for number in sentences)
    return ExtractedFact(subject, relation, f"name of {relation}", object_, float(margin), probability, evidence)


def extraction(title: str, *facts: ExtractedFact, document: int = 0) -> Extraction:
    return Extraction(document, title, facts, unread_mentions=0)


RESULTS = [
    extraction(
        "first",
        fact(entity(0, "Bonn", "Q586"), "P17", entity(1, "Germany", "Q183"), margin=1.5, sentences=(0, 2)),
        fact(entity(0, "Bonn", "Q586"), "P131", entity(1, "Germany", "Q183"), margin=1),
    ),
    extraction("second", fact(entity(3, "Bonn"), "P17", entity(1, "Germany"), margin=3, sentences=(1,))),
    extraction("third", fact(entity(2, "City of Bonn", "Q586"), "P17", entity(0, "FRG", "Q183"), margin=2)),
]
HOSTILE = 'A\x0bB\f\x85\u2028\r\n"\\ \0 \x7f \U0001f600 <b>&amp;]]> \ufffe'
"""Line ends, quotes, and characters that XML does not have."""


def said_in(*sentences: int) -> list[dict[str, object]]:
    return [{"sentence": number, "text": f"text {number}", "share": 0.5} for number in sentences]


def test_entities_of_one_name_are_one_and_a_fact_has_its_sentences_in_all_documents() -> None:
    graph = fact_graph(RESULTS)

    assert set(graph.nodes) == {"Bonn", "Germany", "City of Bonn", "FRG"}
    edge = graph.edges["Bonn", "Germany", "P17"]
    assert edge["sources"] == [
        {"document": "first", "evidence": said_in(0, 2)},
        {"document": "second", "evidence": said_in(1)},
    ]
    assert (edge["margin"], edge["label"], edge["weight"]) == (3, "name of P17", 2)
    assert len(graph.edges) == 3


def test_a_document_that_states_a_fact_twice_counts_once_with_the_sentences_of_both() -> None:
    bonn, germany = entity(0, "Bonn"), entity(1, "Germany")
    facts = [fact(bonn, "P17", germany, margin=margin, sentences=said) for margin, said in ((1, (4, 2)), (2, (2,)))]

    edge = fact_graph([extraction("first", *facts)]).edges["Bonn", "Germany", "P17"]

    assert (edge["weight"], edge["margin"]) == (1, 2)
    assert edge["sources"] == [{"document": "first", "evidence": said_in(2, 4)}]


def test_documents_of_one_title_are_counted_each() -> None:
    stated = fact(entity(0, "Bonn"), "P17", entity(1, "Germany"), margin=1)

    graph = fact_graph([extraction("news", stated, document=number) for number in range(3)])

    edge = graph.edges["Bonn", "Germany", "P17"]
    assert edge["weight"] == 3
    assert [source["document"] for source in edge["sources"]] == ["news", "news#document=1", "news#document=2"]


@pytest.mark.parametrize("title", ["", "news"])
def test_entities_without_id_are_their_documents_even_where_titles_are_the_same(title: str) -> None:
    bonn, paris = (
        fact(entity(0, name), "P17", entity(1, country), margin=1)
        for name, country in (("Bonn", "Germany"), ("Paris", "France"))
    )
    results = [extraction(title, document=0), extraction(title, bonn, document=1), extraction(title, paris, document=2)]

    graph = fact_graph(results, merge_by="id")

    assert sorted(values["label"] for _, values in graph.nodes(data=True)) == ["Bonn", "France", "Germany", "Paris"]
    assert fact_graph(results[1:], merge_by="id").nodes == graph.nodes
    alike = [replace(result, document=0) for result in results]
    assert len(fact_graph(alike, merge_by="id")) == 4


def test_a_node_has_all_names_and_types_of_its_entity_and_its_id() -> None:
    bonn = [
        entity(0, "Bonn", "Q586", type=""),
        entity(0, "City of Bonn", "Q586"),
        entity(0, "Bonn", "Q586", type="ORG"),
    ]
    germany = entity(1, "Germany", "Q183")

    graph = fact_graph([extraction("one", fact(each, "P17", germany, margin=1)) for each in bonn], merge_by="id")

    assert graph.nodes["Q586"] == {
        "label": "Bonn",
        "names": ["Bonn", "City of Bonn"],
        "type": "LOC",
        "types": ["LOC", "ORG"],
        "identifier": "Q586",
    }


def test_less_probable_facts_are_left_out_with_their_entities() -> None:
    bonn, germany, rhine = entity(0, "Bonn"), entity(1, "Germany"), entity(2, "Rhine")
    facts = [
        fact(bonn, "P17", germany, margin=1, probability=0.8),
        fact(bonn, "P206", rhine, margin=2, probability=0.5),
    ]

    graph = fact_graph([extraction("first", *facts)], min_probability=0.6)

    assert [edge["probability"] for *_, edge in graph.edges(data=True)] == [0.8]
    assert set(graph.nodes) == {"Bonn", "Germany"}
    assert len(fact_graph([extraction("first", *facts)], min_probability=0.5).edges) == 2


def test_a_least_probability_needs_facts_that_have_one() -> None:
    with pytest.raises(
        AtlopError, match=r"document 0 \('first'\): its facts have no probability, .* `atlop calibrate`"
    ):
        fact_graph(RESULTS, min_probability=0.5)


def test_names_that_are_canonically_equivalent_are_one_node() -> None:
    germany = entity(1, "Germany")
    facts = [fact(entity(0, name), "P17", germany, margin=1) for name in ("Ko\u0308ln", "K\u00f6ln")]

    graph = fact_graph([extraction("first", *facts)])

    assert set(graph.nodes) == {"K\u00f6ln", "Germany"}


def test_entities_of_one_id_are_one_and_those_without_stay_with_their_document() -> None:
    graph = fact_graph(RESULTS, merge_by="id")

    assert set(graph.nodes) == {"Q586", "Q183", "second#entity=3", "second#entity=1"}
    assert graph.nodes["Q586"]["names"] == ["Bonn", "City of Bonn"]
    assert [source["document"] for source in graph.edges["Q586", "Q183", "P17"]["sources"]] == ["first", "third"]


@pytest.mark.parametrize("placeholder", ["", "-", "-1"])
def test_entities_whose_id_says_that_there_is_none_are_not_one(placeholder: str) -> None:
    first = extraction("first", fact(entity(0, "Bonn", placeholder), "P17", entity(1, "Germany", "Q183"), margin=1))
    second = extraction("second", fact(entity(0, "Ulm", placeholder), "P17", entity(1, "Germany", "Q183"), margin=1))

    graph = fact_graph([first, second], merge_by="id")

    assert set(graph.nodes) == {"first#entity=0", "second#entity=0", "Q183"}
    assert graph.nodes["first#entity=0"]["identifier"] == ""


WRITERS = {"graphml": (write_graphml, nx.read_graphml), "gexf": (write_gexf, nx.read_gexf)}


@pytest.mark.parametrize("kind", WRITERS)
def test_networkx_reads_the_same_graph_back(kind: str, tmp_path: Path) -> None:
    write, read = WRITERS[kind]
    write(tmp_path / "graph", fact_graph(RESULTS))

    found = read(tmp_path / "graph")

    assert {node: values["label"] for node, values in found.nodes(data=True)} == {
        name: name for name in ("Bonn", "Germany", "City of Bonn", "FRG")
    }
    assert found.nodes["Bonn"]["type"] == "LOC"
    assert len(found.edges) == 3
    [edge] = [edge for *_, edge in found.edges(data=True) if edge["relation"] == "P17" and edge["weight"] == 2]
    assert (edge["label"], edge["margin"]) == ("name of P17", 3)
    assert json.loads(edge["sources"]) == fact_graph(RESULTS).edges["Bonn", "Germany", "P17"]["sources"]


@pytest.mark.parametrize("kind", WRITERS)
def test_no_two_edges_of_a_file_have_the_same_id(kind: str, tmp_path: Path) -> None:
    WRITERS[kind][0](tmp_path / "graph", fact_graph(RESULTS))

    edges = ElementTree.parse(tmp_path / "graph").findall(".//{*}edge")
    assert len(edges) == len({edge.get("id") for edge in edges}) == 3


@pytest.mark.parametrize("kind", WRITERS)
def test_what_xml_cannot_hold_is_replaced(kind: str, tmp_path: Path) -> None:
    odd = fact(entity(0, "A\x0c"), "P17", entity(1, "B"), margin=1)
    write, read = WRITERS[kind]

    write(tmp_path / "graph", fact_graph([extraction("\x01", odd)]))

    assert set(read(tmp_path / "graph").nodes) == {"A\ufffd", "B"}


def hostile() -> Any:
    return fact_graph(
        [extraction(HOSTILE, fact(entity(0, HOSTILE), HOSTILE, entity(1, "B"), margin=1, sentences=(0,)))]
    )


@pytest.mark.parametrize("kind", WRITERS)
def test_hostile_names_come_back_from_xml(kind: str, tmp_path: Path) -> None:
    write, read = WRITERS[kind]

    write(tmp_path / "graph", hostile())

    assert len(read(tmp_path / "graph").nodes) == 2


def parsed(path: Path) -> Any:
    return rdflib.Graph().parse(path, format=FORMATS[path.suffix])


@pytest.mark.parametrize("suffix", FORMATS)
def test_hostile_names_come_back_from_rdf(suffix: str, tmp_path: Path) -> None:
    write_rdf(tmp_path / f"graph{suffix}", hostile())

    labels = {str(label) for label in parsed(tmp_path / f"graph{suffix}").objects(predicate=RDFS.label)}
    assert labels == {HOSTILE, f"name of {HOSTILE}", "B", "LOC"}


@pytest.mark.parametrize("namespace", ["", "a b:", "urn:a\n", "https://example.org/>", 'urn:"', "urn:{a}", "no-colon"])
def test_a_namespace_that_is_no_iri_is_refused(namespace: str, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="expected an IRI, without spaces"):
        write_rdf(tmp_path / "graph.nt", fact_graph(RESULTS), namespace=namespace)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", FORMATS)
def test_rdf_holds_each_fact_and_the_sentences_that_state_it(suffix: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_rdf(tmp_path / f"{name}{suffix}", fact_graph(RESULTS), namespace=BASE)

    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    found = parsed(tmp_path / f"one{suffix}")
    bonn, country, germany, place = (
        rdflib.URIRef(BASE + path) for path in ("entity/Bonn", "relation/P17", "entity/Germany", "type/LOC")
    )
    assert (bonn, country, germany) in found
    assert (bonn, RDF.type, place) in found
    assert (bonn, DCTERMS.identifier, rdflib.Literal("Q586")) in found
    statement = rdflib.URIRef(f"{BASE}fact/Bonn/P17/Germany")
    assert found.value(statement, RDF.subject) == bonn
    assert found.value(statement, rdflib.URIRef(f"{BASE}weight")).value == 2
    sentences = {name: rdflib.URIRef(f"{BASE}document/{name}") for name in ("first#sentence=0", "first#sentence=2")}
    assert set(found.objects(statement, PROV.wasDerivedFrom)) == {
        *sentences.values(),
        rdflib.URIRef(f"{BASE}document/second#sentence=1"),
    }
    assert str(found.value(sentences["first#sentence=2"], PROV.value)) == "text 2"
    without = rdflib.URIRef(f"{BASE}fact/Bonn/P131/Germany")
    assert set(found.objects(without, PROV.wasDerivedFrom)) == {rdflib.URIRef(f"{BASE}document/first")}
    assert rdflib.URIRef(f"{BASE}entity/City%20of%20Bonn") in set(found.subjects())
