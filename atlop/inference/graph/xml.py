"""Write a graph as XML, for networkx, Gephi and Cytoscape: GraphML and GEXF."""

import json
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import networkx as nx

from atlop.files import atomic_path

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(path: Path, graph: nx.MultiDiGraph) -> None:
    """Write a graph as GraphML, with lists as JSON strings, and edges numbered, as their ids must be unique."""
    content = BytesIO()
    nx.write_graphml(_plain(graph), content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def write_gexf(path: Path, graph: nx.MultiDiGraph) -> None:
    """Write a graph as GEXF, likewise."""
    plain = _plain(graph)
    for *_, number, values in plain.edges(keys=True, data=True):
        values["id"] = number
    content = BytesIO()
    nx.write_gexf(plain, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def _plain(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """Return the graph with text and numbers alone, and edges keyed by their number."""
    plain = nx.MultiDiGraph()
    plain.add_nodes_from((_xml(node), _flat(values)) for node, values in graph.nodes(data=True))
    plain.add_edges_from(
        (_xml(subject), _xml(object_), f"e{number}", _flat(values))
        for number, (subject, object_, values) in enumerate(graph.edges(data=True))
    )
    return plain


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, int | float) else _xml(value if isinstance(value, str) else _json(value))
        for key, value in values.items()
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _xml(text: str) -> str:
    """Replace the characters that XML does not allow, such as a form feed."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
