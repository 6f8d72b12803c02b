"""Facts of many documents as one graph: networkx, GraphML, RDF."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import normalize
from urllib.parse import quote

from atlop.corpora.json_objects import parse_json_object
from atlop.errors import AtlopError
from atlop.files import atomic_path, read_lines
from atlop.inference.facts import ExtractedFact, Extraction, Participant
from atlop.json_values import typed

if TYPE_CHECKING:
    import networkx as nx
    import rdflib

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
EXPECTED = 'expected a line with "facts", as `atlop extract … --output facts.jsonl` writes'
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\\x7f-\xa0\ud800-\udfff]*")
MergeBy = Literal["name", "id"]
NAMESPACE = "urn:atlop:"
"""Default prefix of the identifiers of an RDF graph."""


def read_facts(path: Path) -> Iterator[Extraction]:
    """Yield the results of a JSON lines file that extraction has written, without invalid documents.

    Raises:
        AtlopError: The file cannot be read, or a line is not such a result.
    """
    for number, line in enumerate(read_lines(path), start=1):
        where = f"{path}, line {number}"
        record = parse_json_object(line, expected=EXPECTED, where=where)
        if "error" not in record:
            yield typed(record, Extraction, where=where, advice=EXPECTED)


def fact_graph(results: Iterable[Extraction], *, merge_by: MergeBy = "name") -> "nx.MultiDiGraph":
    """Return a graph of entities (nodes) and facts (edges); documents that state the same fact share an edge.

    Args:
        results: The facts of each document.
        merge_by: Key by which entities of several documents become one node. With `id`, an entity without one gets a
            node for its document alone.

    Returns:
        Nodes have `name`, `type` and `id`, "" if unknown, and `names`, all names. Edges are keyed by relation id and
        have `relation`, `relation_name`, the largest `margin`, and `sources`: a list of objects with the title as
        `document`, and `evidence`, a list of objects with the index of a `sentence` and its `share`.
    """
    import networkx as nx

    graph = nx.MultiDiGraph()
    for result in results:
        for fact in result:
            ends = [_node(graph, end, result=result, merge_by=merge_by) for end in (fact.subject, fact.object)]
            source = {"document": result.title, "evidence": _evidence(fact)}
            if not graph.has_edge(*ends, key=fact.relation):
                names = {"relation": fact.relation, "relation_name": fact.relation_name}
                graph.add_edge(*ends, key=fact.relation, **names, margin=fact.margin, sources=[source])
            else:
                edge = graph.edges[(*ends, fact.relation)]
                edge["margin"] = max(edge["margin"], fact.margin)
                if source not in edge["sources"]:
                    edge["sources"].append(source)
    return graph


def write_graphml(path: Path, graph: "nx.MultiDiGraph") -> None:
    """Write a graph as GraphML, with lists as JSON strings, and edges numbered, as their ids must be unique."""
    import networkx as nx

    plain = nx.MultiDiGraph()
    plain.add_nodes_from((_xml(node), _flat(values)) for node, values in graph.nodes(data=True))
    plain.add_edges_from(
        (_xml(subject), _xml(object_), f"e{number}", _flat(values))
        for number, (subject, object_, values) in enumerate(graph.edges(data=True))
    )
    content = BytesIO()
    nx.write_graphml(plain, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def rdf_graph(graph: "nx.MultiDiGraph", *, namespace: str = NAMESPACE) -> "rdflib.Graph":
    """Return a graph as RDF.

    Each fact is a triple and an `rdf:Statement` about it, which has the margin and is derived (`prov:wasDerivedFrom`)
    from documents, or from its evidence there if it has some. Entities, relations and documents are `entity/…`,
    `relation/…` and `document/…#sentence=…` in the namespace; entities and relations have labels.

    Raises:
        AtlopError: The namespace is not an IRI.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise AtlopError(
            f'namespace {namespace!r}: expected an IRI, without spaces and the characters <>"{{}}|\\^`, such as '
            "https://example.org/"
        )
    import rdflib
    from rdflib.namespace import PROV, RDF, RDFS

    triples = rdflib.Graph()

    def uri(*path: object) -> rdflib.URIRef:
        return rdflib.URIRef(namespace + "/".join(quote(str(name), safe="") for name in path))

    for node, values in graph.nodes(data=True):
        for name in values["names"]:
            triples.add((uri("entity", node), RDFS.label, rdflib.Literal(name)))
    for subject, object_, relation, values in graph.edges(keys=True, data=True):
        fact = uri("entity", subject), uri("relation", relation), uri("entity", object_)
        statement = uri("fact", subject, relation, object_)
        triples.add(fact)
        triples.add((fact[1], RDFS.label, rdflib.Literal(values["relation_name"])))
        triples.add((statement, RDF.type, RDF.Statement))
        for role, value in zip((RDF.subject, RDF.predicate, RDF.object), fact, strict=True):
            triples.add((statement, role, value))
        triples.add((statement, uri("margin"), rdflib.Literal(values["margin"])))
        for source in values["sources"]:
            document = uri("document", source["document"])
            sentences = [rdflib.URIRef(f"{document}#sentence={each['sentence']}") for each in source["evidence"]]
            for origin in sentences or [document]:
                triples.add((statement, PROV.wasDerivedFrom, origin))
    return triples


def write_n_triples(path: Path, graph: "nx.MultiDiGraph", *, namespace: str = NAMESPACE) -> None:
    """Write a graph as sorted N-Triples, so that the same facts give the same file."""
    lines = rdf_graph(graph, namespace=namespace).serialize(format="nt", encoding="utf-8").splitlines(keepends=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"".join(sorted(line for line in lines if line.strip())))


def _node(graph: "nx.MultiDiGraph", entity: Participant, *, result: Extraction, merge_by: MergeBy) -> str:
    """Return the node of an entity; add the node, or another name to it, if needed."""
    own = entity.name if merge_by == "name" else entity.id
    node = normalize("NFC", own or f"{result.title}#entity={entity.entity}")
    if node not in graph:
        graph.add_node(node, name=entity.name, type=entity.type, id=entity.id or "", names=[])
    if entity.name not in graph.nodes[node]["names"]:
        graph.nodes[node]["names"].append(entity.name)
    return node


def _evidence(fact: ExtractedFact) -> list[dict[str, float]]:
    return [{"sentence": each.sentence, "share": each.share} for each in fact.evidence]


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, float) else _xml(value if isinstance(value, str) else _json(value))
        for key, value in values.items()
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _xml(text: str) -> str:
    """Replace the characters that XML does not allow, such as a form feed."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
