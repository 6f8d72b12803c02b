"""Draw a graph on a page that opens from disk: one HTML file, which needs no network."""

from collections.abc import Hashable, Mapping
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from atlop.files import write_text
from atlop.pages import embedded_json, render

MAX_FACTS = 150
"""Facts drawn at most; more are no picture any more."""
PAGE = Path(__file__).parent / "page" / "graph.html"
SCRIPTS = ("elements.js", "header.js", "graph.js", "drawing.js", "start.js")
_WIDTH, _CELL_WIDTH, _CELL_HEIGHT = 860, 200, 84  # pixels, of the drawing and of an entity with its name
_SEED = 66


def write_page(path: Path, graph: nx.MultiDiGraph) -> None:
    """Write a page that draws the facts that most documents state, up to `MAX_FACTS` of them."""
    data = embedded_json(contents(graph))
    write_text(
        path,
        render(
            PAGE, title=f"Graph of facts: {path.stem}", styles=("base.css", "graph.css"), scripts=SCRIPTS, data=data
        ),
    )


def contents(graph: nx.MultiDiGraph) -> dict[str, Any]:
    """Return what the page shows as a JSON value."""
    edges = sorted(graph.edges(data=True), key=lambda edge: _importance(edge[2]), reverse=True)[:MAX_FACTS]
    numbers: dict[str, int] = {}
    for subject, object_, _ in edges:
        for node in (subject, object_):
            numbers.setdefault(node, len(numbers))
    positions, height = _positions([(subject, object_) for subject, object_, _ in edges])
    return {
        "facts_in_all": len(graph.edges),
        "width": _WIDTH,
        "height": height,
        "entities": [{**graph.nodes[node], "x": positions[node][0], "y": positions[node][1]} for node in numbers],
        "facts": [
            {"subject": numbers[subject], "object": numbers[object_], "probability": None, **values}
            for subject, object_, values in edges
        ],
    }


def _importance(edge: Mapping[str, Any]) -> tuple[float, float, float]:
    return edge["weight"], edge.get("probability", 0.0), edge["margin"]


def _positions(edges: list[tuple[str, str]]) -> tuple[dict[Hashable, tuple[float, float]], int]:
    """Return where each entity is, and the height of all: parts that are not connected stand side by side, in rows."""
    graph = nx.Graph(edges)
    positions: dict[Hashable, tuple[float, float]] = {}
    left = top = row = 0
    for nodes in sorted(nx.connected_components(graph), key=len, reverse=True):
        part = nx.Graph(edge for edge in edges if edge[0] in nodes)  # in an order that does not depend on hashes
        columns = min(max(2, ceil(sqrt(len(part)))), _WIDTH // _CELL_WIDTH)
        width, height = columns * _CELL_WIDTH, ceil(len(part) / columns) * _CELL_HEIGHT
        if 2 * width > _WIDTH:  # no other part fits beside it
            width = _WIDTH
        if left + width > _WIDTH:
            left, top, row = 0, top + row, 0
        for node, (across, down) in _in_unit_square(part).items():
            x = left + 40 + across * (width - _CELL_WIDTH)
            positions[node] = round(x, 1), round(top + _CELL_HEIGHT / 2 + down * (height - _CELL_HEIGHT), 1)
        left, row = left + width, max(row, height)
    return positions, top + row


def _in_unit_square(part: nx.Graph) -> dict[Hashable, tuple[float, float]]:
    """Return where a connected part's entities are, from 0 to 1: two of them, or one, on a line."""
    if len(part) <= 2:
        return {node: (float(index), 0.5) for index, node in enumerate(part)}
    found = nx.spring_layout(part, seed=_SEED, iterations=200)
    values = np.array([found[node] for node in part])
    low, span = values.min(axis=0), np.ptp(values, axis=0)
    unit: list[tuple[float, float]] = ((values - low) / np.where(span, span, 1)).tolist()
    return dict(zip(part, unit, strict=True))
