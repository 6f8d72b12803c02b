"""`atlop graph`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from atlop.cli.options import Json
from atlop.cli.outputs import new_output
from atlop.cli.session import print_result, require_extra
from atlop.errors import AtlopError
from atlop.files import one_writer, refuse_existing


def graph(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines file written by `atlop extract`.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output file: .graphml, or .nt for RDF. [default: FILE.graphml, if new]"),
    ] = None,
    merge_by: Annotated[
        Literal["name", "id"], typer.Option(help="Merge entities of different documents that share this.")
    ] = "name",
    namespace: Annotated[str, typer.Option(metavar="URI", help="Prefix of RDF identifiers.")] = "urn:atlop:",
    as_json: Json = False,
) -> None:
    """Make a graph of the facts of many documents.

    Each edge lists its documents and, for each, the evidence of the fact.
    """
    output = output or new_output(file, suffix=".graphml")
    if output.suffix not in (".graphml", ".nt"):
        raise AtlopError(f"{output}: expected a name that ends in .graphml or .nt")
    refuse_existing(output)
    require_extra("graph", *(["rdflib"] if output.suffix == ".nt" else []), "networkx")
    from atlop.inference import graph as graphs

    with one_writer(output):
        fact_graph = graphs.fact_graph(graphs.read_facts(file), merge_by=merge_by)
        if output.suffix == ".nt":
            graphs.write_n_triples(output, fact_graph, namespace=namespace)
        else:
            graphs.write_graphml(output, fact_graph)
    result = {"path": file, "output": output, "entities": len(fact_graph.nodes), "facts": len(fact_graph.edges)}
    rows = [(label, f"{result[label]:,}") for label in ("entities", "facts")]
    print_result(result, as_json=as_json, heading=f"wrote {output}", rows=rows)
