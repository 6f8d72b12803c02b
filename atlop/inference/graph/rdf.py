"""Write a graph as RDF: Turtle, JSON-LD and N-Triples."""

import re
from pathlib import Path
from urllib.parse import quote

import networkx as nx
import rdflib
from rdflib.namespace import DCTERMS, PROV, RDF, RDFS

from atlop.errors import AtlopError
from atlop.files import atomic_path

NAMESPACE = "urn:atlop:"
"""Default prefix of the identifiers."""
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\\x7f-\xa0\ud800-\udfff]*")
FORMATS = {".ttl": "turtle", ".jsonld": "json-ld", ".nt": "nt"}
"""Name in rdflib of each kind of file, by suffix."""
_KINDS = ("entity", "type", "relation", "fact", "document")


def check_namespace(namespace: str) -> None:
    """Check that identifiers with this prefix are IRIs.

    Raises:
        AtlopError: They are not.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise AtlopError(
            f'namespace {namespace!r}: expected an IRI, without spaces and the characters <>"{{}}|\\^`, such as '
            "https://example.org/"
        )


def rdf_graph(graph: nx.MultiDiGraph, *, namespace: str = NAMESPACE) -> rdflib.Graph:
    """Return a graph as RDF.

    Each fact is a triple and an `rdf:Statement` about it, which has the margin, the probability if there is one, the
    number of documents as `weight`, and is derived (`prov:wasDerivedFrom`) from the sentences that are its evidence, or
    from a document that has none. Entities have labels, an `rdf:type` and a `dcterms:identifier`, if known, and
    sentences their text (`prov:value`) and their document. Entities, types, relations, facts and documents are
    `entity/…`, `type/…`, `relation/…`, `fact/…` and `document/…#sentence=…` in the namespace.

    Raises:
        AtlopError: The namespace is not an IRI.
    """
    check_namespace(namespace)
    triples = rdflib.Graph(bind_namespaces="none")
    kinds = {kind: f"{namespace}{kind}/" for kind in _KINDS}
    for prefix, base in {
        "atlop": namespace,
        **kinds,
        "rdf": RDF,
        "rdfs": RDFS,
        "dcterms": DCTERMS,
        "prov": PROV,
    }.items():
        triples.bind(prefix, base)

    def uri(*path: object) -> rdflib.URIRef:
        return rdflib.URIRef(namespace + "/".join(quote(str(name), safe="") for name in path))

    def named(kind: str, name: str, label: str) -> rdflib.URIRef:
        triples.add((uri(kind, name), RDFS.label, rdflib.Literal(label)))
        return uri(kind, name)

    for node, values in graph.nodes(data=True):
        for name in values["names"]:
            named("entity", node, name)
        for type_ in values["types"]:
            triples.add((uri("entity", node), RDF.type, named("type", type_, type_)))
        if values["identifier"]:
            triples.add((uri("entity", node), DCTERMS.identifier, rdflib.Literal(values["identifier"])))
    for subject, object_, relation, values in graph.edges(keys=True, data=True):
        fact = uri("entity", subject), named("relation", relation, values["label"]), uri("entity", object_)
        statement = uri("fact", subject, relation, object_)
        triples.add(fact)
        triples.add((statement, RDF.type, RDF.Statement))
        for role, value in zip((RDF.subject, RDF.predicate, RDF.object), fact, strict=True):
            triples.add((statement, role, value))
        for key in ("margin", "probability", "weight"):
            if key in values:
                triples.add((statement, uri(key), rdflib.Literal(values[key])))
        for source in values["sources"]:
            document = named("document", source["document"], source["document"])
            for each in source["evidence"]:
                sentence = rdflib.URIRef(f"{document}#sentence={each['sentence']}")
                triples.add((sentence, PROV.value, rdflib.Literal(each["text"])))
                triples.add((sentence, DCTERMS.isPartOf, document))
                triples.add((statement, PROV.wasDerivedFrom, sentence))
            if not source["evidence"]:
                triples.add((statement, PROV.wasDerivedFrom, document))
    return triples


def write_rdf(path: Path, graph: nx.MultiDiGraph, *, namespace: str = NAMESPACE) -> None:
    """Write a graph as Turtle, JSON-LD or N-Triples, by the suffix; the same facts give the same file."""
    triples = rdf_graph(graph, namespace=namespace)
    content = triples.serialize(format=FORMATS[path.suffix], encoding="utf-8", auto_compact=True)
    if path.suffix == ".nt":
        content = b"".join(sorted(line for line in content.splitlines(keepends=True) if line.strip()))
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
