"""`atlop graph`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from atlop.cli.options import Json
from atlop.cli.session import print_result, require_extra
from atlop.errors import AtlopError
from atlop.files import refuse_existing


def graph(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Facts that `atlop extract` has written as .jsonl.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where the graph goes: .graphml, or .nt for RDF.")],
    merge_by: Annotated[
        Literal["name", "id"], typer.Option(help="What makes entities of several documents one.")
    ] = "name",
    namespace: Annotated[str, typer.Option(metavar="URI", help="What identifiers in RDF begin with.")] = "urn:atlop:",
    as_json: Json = False,
) -> None:
    """Make a graph of the facts of many documents.

    Edges name the documents and sentences that they come from.
    """
    if output.suffix not in (".graphml", ".nt"):
        raise AtlopError(f"{output}: expected a name that ends in .graphml or .nt")
    refuse_existing(output)
    require_extra("graph", *(["rdflib"] if output.suffix == ".nt" else []), "networkx")
    from atlop.inference import graph as graphs

    facts = graphs.fact_graph(graphs.read_facts(file), merge_by=merge_by)
    if output.suffix == ".nt":
        graphs.write_n_triples(output, facts, namespace=namespace)
    else:
        graphs.write_graphml(output, facts)
    result = {"path": file, "output": output, "entities": len(facts.nodes), "facts": len(facts.edges)}
    rows = [("entities", f"{len(facts.nodes):,}"), ("facts", f"{len(facts.edges):,}")]
    print_result(result, as_json=as_json, heading=f"{output} is written", rows=rows)
