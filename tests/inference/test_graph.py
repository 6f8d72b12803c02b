"""Facts of several documents become one graph that says where each of them comes from."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlop.errors import AtlopError
from atlop.inference.graph import fact_graph, read_facts, write_graphml, write_n_triples

nx = pytest.importorskip("networkx", reason="needs networkx: pip install 'atlop[graph]'")


def entity(index: int, name: str, id: str | None = None) -> dict[str, Any]:
    return {"entity": index, "name": name, "type": "LOC", "id": id, "mentions": []}


def fact(
    subject: dict[str, Any], relation: str, object_: dict[str, Any], *, margin: float, sentences: list[int]
) -> dict[str, Any]:
    names = {"relation": relation, "relation_name": f"name of {relation}"}
    return {"subject": subject, "object": object_, **names, "margin": margin, "sentences": sentences}


RESULTS: list[dict[str, Any]] = [
    {
        "title": "first",
        "facts": [
            fact(entity(0, "Bonn", "Q586"), "P17", entity(1, "Germany", "Q183"), margin=1.5, sentences=[0, 2]),
            fact(entity(0, "Bonn", "Q586"), "P131", entity(1, "Germany", "Q183"), margin=1, sentences=[]),
        ],
    },
    {"title": "second", "facts": [fact(entity(3, "Bonn"), "P17", entity(1, "Germany"), margin=3, sentences=[1])]},
    {
        "title": "third",
        "facts": [fact(entity(2, "City of Bonn", "Q586"), "P17", entity(0, "FRG", "Q183"), margin=2, sentences=[])],
    },
]


def test_entities_of_one_name_are_one_and_a_fact_names_all_its_documents() -> None:
    graph = fact_graph(RESULTS)

    assert set(graph.nodes) == {"Bonn", "Germany", "City of Bonn", "FRG"}
    edge = graph.edges["Bonn", "Germany", "P17"]
    assert edge["sources"] == [{"document": "first", "sentences": [0, 2]}, {"document": "second", "sentences": [1]}]
    assert (edge["margin"], edge["relation_name"]) == (3, "name of P17")
    assert len(graph.edges) == 3


def test_names_that_are_canonically_equivalent_are_one_node() -> None:
    germany = entity(1, "Germany")
    facts = [fact(entity(0, name), "P17", germany, margin=1, sentences=[]) for name in ("Ko\u0308ln", "K\u00f6ln")]

    graph = fact_graph([{"title": "first", "facts": facts}])

    assert set(graph.nodes) == {"K\u00f6ln", "Germany"}


def test_entities_of_one_id_are_one_and_those_without_stay_with_their_document() -> None:
    graph = fact_graph(RESULTS, merge_by="id")

    assert set(graph.nodes) == {"Q586", "Q183", "second#entity=3", "second#entity=1"}
    assert graph.nodes["Q586"]["names"] == ["Bonn", "City of Bonn"]
    assert [source["document"] for source in graph.edges["Q586", "Q183", "P17"]["sources"]] == ["first", "third"]


def test_sentences_are_those_of_the_context_where_there_is_one() -> None:
    explained = fact(entity(0, "A"), "P17", entity(1, "B"), margin=1, sentences=[0])
    explained["context"] = {"sentences": [{"sentence": 4}, {"sentence": 1}]}

    graph = fact_graph([{"title": "T", "facts": [explained]}])

    assert graph.edges["A", "B", "P17"]["sources"] == [{"document": "T", "sentences": [1, 4]}]


def test_graphml_holds_the_same_graph(tmp_path: Path) -> None:
    write_graphml(tmp_path / "graph.graphml", fact_graph(RESULTS))

    found = nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)
    assert set(found.nodes) == {"Bonn", "Germany", "City of Bonn", "FRG"}
    edge = found.edges["Bonn", "Germany", "P17"]
    assert json.loads(edge["sources"]) == fact_graph(RESULTS).edges["Bonn", "Germany", "P17"]["sources"]


def test_what_xml_cannot_hold_is_replaced(tmp_path: Path) -> None:
    odd = fact(entity(0, "A\x0c"), "P17", entity(1, "B"), margin=1, sentences=[])

    write_graphml(tmp_path / "graph.graphml", fact_graph([{"title": "\x01", "facts": [odd]}]))

    assert set(nx.read_graphml(tmp_path / "graph.graphml").nodes) == {"A\ufffd", "B"}


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


def test_invalid_documents_are_left_out_and_other_files_refused(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_text('{"document": 0, "error": "bad"}\n' + json.dumps(RESULTS[1]) + "\n", encoding="utf-8")
    assert [row["title"] for row in read_facts(path)] == ["second"]

    path.write_text('{"text": "Bonn"}\n', encoding="utf-8")
    with pytest.raises(AtlopError, match=r'facts\.jsonl, line 1: expected a line with "facts"'):
        list(read_facts(path))
