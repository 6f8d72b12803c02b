"""Merge the facts of many documents into one graph."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal
from unicodedata import normalize

import networkx as nx

from atlop.errors import AtlopError
from atlop.inference.facts import ExtractedFact, Extraction, Participant
from atlop.schema import NO_IDENTIFIER

MergeBy = Literal["name", "id"]


def fact_graph(
    results: Iterable[Extraction], *, merge_by: MergeBy = "name", min_probability: float | None = None
) -> nx.MultiDiGraph:
    """Return a graph of entities (nodes) and facts (edges); documents that state the same fact share an edge.

    Args:
        results: The facts of each document.
        merge_by: Key by which entities of several documents become one node. With `id`, an entity without one gets a
            node for its document alone.
        min_probability: Facts that are less probable are left out, from 0 to 1.

    Returns:
        Nodes have `label`, the first name, and `names`, all names; `type`, the first type, and `types`, all types; and
        `identifier`: "" or empty if unknown. Edges are keyed by relation id and have it as `relation`, its name as
        `label`, the number of documents as `weight`, the largest `margin` and, if facts have one, `probability`. Their
        `sources` say for each document in which sentences the fact is stated: a list of objects with `document` and
        `evidence`, a list of objects with `sentence`, `text` and `share`. `document` is the title, and for documents
        without one, or with that of an earlier one, `title#document=7`, with its index.

    Raises:
        AtlopError: `min_probability` is given, and a fact has no probability.
    """
    graph = nx.MultiDiGraph()
    documents: Counter[str] = Counter()
    for result in filter(len, results):
        document = _name(result, taken=documents)
        for fact in result:
            if min_probability is not None and _probability(fact, result=result) < min_probability:
                continue
            ends = [_node(graph, end, document=document, merge_by=merge_by) for end in (fact.subject, fact.object)]
            if not graph.has_edge(*ends, key=fact.relation):
                names = {"relation": fact.relation, "label": fact.relation_name}
                graph.add_edge(*ends, key=fact.relation, **names, weight=0, margin=fact.margin, sources={})
            _add(fact, document=document, edge=graph.edges[(*ends, fact.relation)])
    for *_, edge in graph.edges(data=True):
        edge["sources"] = [
            {"document": document, "evidence": [sentences[number] for number in sorted(sentences)]}
            for document, sentences in edge["sources"].items()
        ]
    return graph


def _name(result: Extraction, *, taken: Counter[str]) -> str:
    """Return the title of a document; if an earlier one has it, with a number. Count it."""
    if result.title and not taken[result.title]:
        taken[result.title] = 1
        return result.title
    numbered = f"{result.title}#document={result.document}"
    taken[numbered] += 1
    return numbered if taken[numbered] == 1 else f"{numbered}.{taken[numbered]}"


def _probability(fact: ExtractedFact, *, result: Extraction) -> float:
    if fact.probability is None:
        raise AtlopError(
            f"document {result.document} ({result.title!r:.60}): its facts have no probability, as the model was not "
            "calibrated; `atlop calibrate` fits it, and facts that are extracted then have it"
        )
    return fact.probability


def _node(graph: nx.MultiDiGraph, entity: Participant, *, document: str, merge_by: MergeBy) -> str:
    """Return the node of an entity; add it, or another name or type to it, if needed."""
    identifier = "" if entity.id is None or entity.id in NO_IDENTIFIER else entity.id
    own = entity.name if merge_by == "name" else identifier
    node = normalize("NFC", own or f"{document}#entity={entity.entity}")
    if node not in graph:
        graph.add_node(node, label=entity.name, names=[], type="", types=[], identifier="")
    values = graph.nodes[node]
    if entity.name not in values["names"]:
        values["names"].append(entity.name)
    if entity.type and entity.type not in values["types"]:
        values["types"].append(entity.type)
    values["type"] = values["type"] or entity.type
    values["identifier"] = values["identifier"] or identifier
    return node


def _add(fact: ExtractedFact, *, document: str, edge: dict[str, Any]) -> None:
    """Add what a document says to the edge of a fact; of a sentence, the largest share counts."""
    edge["margin"] = max(edge["margin"], fact.margin)
    if fact.probability is not None:
        edge["probability"] = max(edge.get("probability", 0.0), fact.probability)
    sentences = edge["sources"].setdefault(document, {})
    edge["weight"] = len(edge["sources"])
    for each in fact.evidence:
        if each.sentence not in sentences or sentences[each.sentence]["share"] < each.share:
            sentences[each.sentence] = {"sentence": each.sentence, "text": each.text, "share": each.share}
