"""Facts of many documents as one graph: networkx, GraphML, RDF."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from atlop.corpora.json_rows import object_of
from atlop.errors import AtlopError
from atlop.files import atomic_path, read_lines

if TYPE_CHECKING:
    import networkx as nx
    import rdflib

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
EXPECTED = 'expected a line of what `atlop extract … --output facts.jsonl` writes, with "facts"'
MergeBy = Literal["name", "id"]
NAMESPACE = "urn:atlop:"
"""What the identifiers of an RDF graph begin with where nothing else is given."""


def read_facts(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the results of a file of JSON lines that extraction has written, invalid documents left out.

    Raises:
        AtlopError: The file cannot be read, or a line holds something else.
    """
    for number, line in enumerate(read_lines(path), start=1):
        row = object_of(line, expected=EXPECTED, where=f"{path}, line {number}")
        if "error" in row:
            continue
        if not isinstance(row.get("facts"), list):
            raise AtlopError(f"{path}, line {number}: {EXPECTED}")
        yield row


def fact_graph(results: Iterable[Mapping[str, Any]], *, merge_by: MergeBy = "name") -> "nx.MultiDiGraph":
    """Return the graph whose nodes are entities and whose edges are facts, a fact that many documents state once.

    Args:
        results: What `as_json` of each document gives.
        merge_by: What makes two entities the same. One without an `id` is one of its document alone.

    Returns:
        Nodes have `name`, `type`, `id` (each "" where unknown) and `names`, all of them. Edges, keyed by relation id,
        have `relation`, `relation_name`, `margin` (the largest) and `sources`: a list of objects with `document`, the
        title, and `sentences`, indices of those that the context weighs most where facts were explained, else of those
        that mention both.
    """
    import networkx as nx

    graph = nx.MultiDiGraph()
    for result in results:
        for fact in result["facts"]:
            ends = [_node(graph, fact[role], result=result, merge_by=merge_by) for role in ("subject", "object")]
            source = {"document": result["title"], "sentences": _sentences(fact)}
            relation = fact["relation"]
            if not graph.has_edge(*ends, key=relation):
                named = {"relation": relation, "relation_name": fact["relation_name"]}
                graph.add_edge(*ends, key=relation, **named, margin=fact["margin"], sources=[source])
            else:
                edge = graph.edges[(*ends, relation)]
                edge["margin"] = max(edge["margin"], fact["margin"])
                if source not in edge["sources"]:
                    edge["sources"].append(source)
    return graph


def write_graphml(path: Path, graph: "nx.MultiDiGraph") -> None:
    """Write a graph as GraphML, lists as JSON."""
    import networkx as nx

    plain = nx.MultiDiGraph()
    plain.add_nodes_from((_xml(node), _flat(values)) for node, values in graph.nodes(data=True))
    plain.add_edges_from(
        (_xml(subject), _xml(object_), _xml(key), _flat(values))
        for subject, object_, key, values in graph.edges(keys=True, data=True)
    )
    content = BytesIO()
    nx.write_graphml(plain, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def rdf_graph(graph: "nx.MultiDiGraph", *, namespace: str = NAMESPACE) -> "rdflib.Graph":
    """Return a graph as RDF.

    Each fact is a triple, and a statement about it (`rdf:Statement`) that was derived (`prov:wasDerivedFrom`) from its
    documents, or from their sentences where these are known, and has its margin. Entities, relations and documents are
    `entity/…`, `relation/…` and `document/…#sentence=…` in the namespace, and have labels.
    """
    import rdflib
    from rdflib.namespace import PROV, RDF, RDFS

    triples = rdflib.Graph()

    def named(*path: object) -> rdflib.URIRef:
        return rdflib.URIRef(namespace + "/".join(quote(str(part), safe="") for part in path))

    for node, values in graph.nodes(data=True):
        for name in values["names"]:
            triples.add((named("entity", node), RDFS.label, rdflib.Literal(name)))
    for subject, object_, relation, values in graph.edges(keys=True, data=True):
        fact = named("entity", subject), named("relation", relation), named("entity", object_)
        statement = named("fact", subject, relation, object_)
        triples.add(fact)
        triples.add((fact[1], RDFS.label, rdflib.Literal(values["relation_name"])))
        triples.add((statement, RDF.type, RDF.Statement))
        for role, value in zip((RDF.subject, RDF.predicate, RDF.object), fact, strict=True):
            triples.add((statement, role, value))
        triples.add((statement, named("margin"), rdflib.Literal(values["margin"])))
        for source in values["sources"]:
            document = named("document", source["document"])
            places = [rdflib.URIRef(f"{document}#sentence={number}") for number in source["sentences"]]
            for place in places or [document]:
                triples.add((statement, PROV.wasDerivedFrom, place))
    return triples


def write_n_triples(path: Path, graph: "nx.MultiDiGraph", *, namespace: str = NAMESPACE) -> None:
    """Write a graph as N-Triples, in the order of the alphabet: the same facts give the same file."""
    lines = rdf_graph(graph, namespace=namespace).serialize(format="nt", encoding="utf-8").splitlines(keepends=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"".join(sorted(line for line in lines if line.strip())))


def _node(graph: "nx.MultiDiGraph", entity: Mapping[str, Any], *, result: Mapping[str, Any], merge_by: MergeBy) -> str:
    """Return the node of an entity, made or told of another name."""
    node = str(entity[merge_by] or f"{result['title']}#entity={entity['entity']}")
    if node not in graph:
        graph.add_node(node, **{key: entity[key] or "" for key in ("name", "type", "id")}, names=[])
    if entity["name"] not in graph.nodes[node]["names"]:
        graph.nodes[node]["names"].append(entity["name"])
    return node


def _sentences(fact: Mapping[str, Any]) -> list[int]:
    if "context" in fact:
        return sorted(sentence["sentence"] for sentence in fact["context"]["sentences"])
    return list(fact["sentences"])


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, float) else _xml(value if isinstance(value, str) else _json(value))
        for key, value in values.items()
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _xml(text: str) -> str:
    """Return the text with a replacement for each character that XML cannot hold, such as a form feed."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
