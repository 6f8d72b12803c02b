"""Facts of many documents as one graph, and its files. Needs networkx, rdflib and jinja2 (the extra `graph`)."""

from atlop.inference.graph.drawing import write_page
from atlop.inference.graph.merging import MergeBy, fact_graph
from atlop.inference.graph.rdf import FORMATS, NAMESPACE, check_namespace, rdf_graph, write_rdf
from atlop.inference.graph.reading import read_facts
from atlop.inference.graph.xml import write_gexf, write_graphml

__all__ = [
    "FORMATS",
    "NAMESPACE",
    "WRITERS",
    "MergeBy",
    "check_namespace",
    "fact_graph",
    "rdf_graph",
    "read_facts",
    "write_gexf",
    "write_graphml",
    "write_page",
    "write_rdf",
]

WRITERS = {
    ".graphml": write_graphml,
    ".gexf": write_gexf,
    **dict.fromkeys(FORMATS, write_rdf),
    ".html": write_page,
}
"""Writer of each kind of file, by suffix."""
