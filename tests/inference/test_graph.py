"""Facts of several documents become one graph that says where each of them comes from."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from atlop.errors import AtlopError
from atlop.inference.facts import EvidenceSentence, ExtractedFact, Extraction, Participant
from atlop.inference.graph import fact_graph, read_facts, write_graphml, write_n_triples

nx = pytest.importorskip("networkx", reason="needs networkx: pip install 'atlop[graph]'")


def entity(index: int, name: str, id: str | None = None) -> Participant:
    return Participant(index, name, type="LOC", id=id, mentions=())


def fact(
    subject: Participant,
    relation: str,
    object_: Participant,
    *,
    margin: float,
    sentences: tuple[int, ...] = (),
) -> ExtractedFact:
    evidence = tuple(EvidenceSentence(sentence, None, None, "", share=0.5) for sentence in sentences)
    return ExtractedFact(subject, relation, f"name of {relation}", object_, float(margin), None, evidence)


def extraction(title: str, *facts: ExtractedFact) -> Extraction:
    return Extraction(0, title, facts, unread_mentions=0)


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


def test_entities_of_one_name_are_one_and_a_fact_names_all_its_documents() -> None:
    graph = fact_graph(RESULTS)

    assert set(graph.nodes) == {"Bonn", "Germany", "City of Bonn", "FRG"}
    edge = graph.edges["Bonn", "Germany", "P17"]
    assert edge["sources"] == [
        {"document": "first", "evidence": [{"sentence": 0, "share": 0.5}, {"sentence": 2, "share": 0.5}]},
        {"document": "second", "evidence": [{"sentence": 1, "share": 0.5}]},
    ]
    assert (edge["margin"], edge["relation_name"]) == (3, "name of P17")
    assert len(graph.edges) == 3


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


def test_graphml_holds_the_same_graph(tmp_path: Path) -> None:
    write_graphml(tmp_path / "graph.graphml", fact_graph(RESULTS))

    found = nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)
    assert set(found.nodes) == {"Bonn", "Germany", "City of Bonn", "FRG"}
    [edge] = [edge for *_, edge in found.edges(data=True) if edge["relation"] == "P17" and edge["margin"] == 3]
    assert json.loads(edge["sources"]) == fact_graph(RESULTS).edges["Bonn", "Germany", "P17"]["sources"]


def test_no_two_edges_of_a_graphml_file_have_the_same_id(tmp_path: Path) -> None:
    write_graphml(tmp_path / "graph.graphml", fact_graph(RESULTS))

    edges = ElementTree.parse(tmp_path / "graph.graphml").findall(".//{*}edge")
    assert len(edges) == len({edge.get("id") for edge in edges}) == 3


def test_what_xml_cannot_hold_is_replaced(tmp_path: Path) -> None:
    odd = fact(entity(0, "A\x0c"), "P17", entity(1, "B"), margin=1)

    write_graphml(tmp_path / "graph.graphml", fact_graph([extraction("\x01", odd)]))

    assert set(nx.read_graphml(tmp_path / "graph.graphml").nodes) == {"A\ufffd", "B"}


def test_hostile_names_come_back_from_both_formats(tmp_path: Path) -> None:
    rdflib = pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")
    graph = fact_graph([extraction(HOSTILE, fact(entity(0, HOSTILE), HOSTILE, entity(1, "B"), margin=1))])

    write_graphml(tmp_path / "graph.graphml", graph)
    write_n_triples(tmp_path / "graph.nt", graph)

    assert len(nx.read_graphml(tmp_path / "graph.graphml").nodes) == 2
    triples = rdflib.Graph().parse(tmp_path / "graph.nt")
    assert {str(label) for label in triples.objects(predicate=rdflib.RDFS.label)} == {
        HOSTILE,
        f"name of {HOSTILE}",
        "B",
    }


@pytest.mark.parametrize("namespace", ["", "a b:", "urn:a\n", "https://example.org/>", 'urn:"', "urn:{a}", "no-colon"])
def test_a_namespace_that_is_no_iri_is_refused(namespace: str, tmp_path: Path) -> None:
    pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")

    with pytest.raises(AtlopError, match="expected an IRI, without spaces"):
        write_n_triples(tmp_path / "graph.nt", fact_graph(RESULTS), namespace=namespace)
    assert not list(tmp_path.iterdir())


def test_n_triples_hold_each_fact_and_what_it_was_derived_from(tmp_path: Path) -> None:
    rdflib = pytest.importorskip("rdflib", reason="needs rdflib: pip install 'atlop[graph]'")
    from rdflib.namespace import PROV, RDF

    for name in ("one.nt", "two.nt"):
        write_n_triples(tmp_path / name, fact_graph(RESULTS), namespace="https://example.org/")

    assert (tmp_path / "one.nt").read_bytes() == (tmp_path / "two.nt").read_bytes()
    found = rdflib.Graph().parse(tmp_path / "one.nt")
    base = "https://example.org/"
    bonn, country, germany = (rdflib.URIRef(base + path) for path in ("entity/Bonn", "relation/P17", "entity/Germany"))
    assert (bonn, country, germany) in found
    statement = rdflib.URIRef(f"{base}fact/Bonn/P17/Germany")
    assert found.value(statement, RDF.subject) == bonn
    assert set(found.objects(statement, PROV.wasDerivedFrom)) == {
        rdflib.URIRef(f"{base}document/{place}")
        for place in ("first#sentence=0", "first#sentence=2", "second#sentence=1")
    }
    assert rdflib.URIRef(f"{base}entity/City%20of%20Bonn") in set(found.subjects())


def test_invalid_documents_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_text('{"document": 0, "error": "bad"}\n' + json.dumps(RESULTS[1].as_json()) + "\n", encoding="utf-8")

    assert list(read_facts(path)) == [RESULTS[1]]


def without(key: str) -> Any:
    """Return the JSON of a result without one of its keys."""
    record = json.loads(json.dumps(RESULTS[0].as_json()))
    *parents, last = key.split(".")
    holder = record
    for parent in parents:
        holder = holder[int(parent) if parent.isdecimal() else parent]
    del holder[last]
    return record


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"text": "Bonn"}, '"document": is missing'),
        (
            {"document": 0, "title": "t", "facts": [1], "unread_mentions": 0},
            '"facts.0": Input should be an object; found 1',
        ),
        (RESULTS[0].as_json() | {"title": 3}, '"title": Input should be a valid string; found 3'),
        *((without(key), f'"{key}": is missing') for key in ("title", "facts.0.subject", "facts.0.object.name")),
        *((without(key), f'"{key}": is missing') for key in ("facts.0.relation", "facts.0.margin", "facts.1.evidence")),
    ],
    ids=str,
)
def test_a_line_that_is_no_result_is_named_with_its_key(record: object, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_text('{"document": 0, "error": "bad"}\n' + json.dumps(record) + "\n", encoding="utf-8")

    with pytest.raises(AtlopError, match=re.escape(f'{path}, line 2, {problem}; expected a line with "facts"')):
        list(read_facts(path))
