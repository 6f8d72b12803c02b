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
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Facts written by `atlop extract`: JSON lines, CSV or Parquet.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Output file: .graphml or .gexf; .ttl, .jsonld or .nt for RDF; .html for a page that draws it. "
            "[default: FILE.graphml, if new]",
        ),
    ] = None,
    merge_by: Annotated[
        Literal["name", "id"], typer.Option(help="Merge entities of different documents that share this.")
    ] = "name",
    min_probability: Annotated[
        float | None, typer.Option(metavar="P", min=0, max=1, help="Leave out facts that are less probable.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(metavar="URI", help="Prefix of RDF identifiers. [default: urn:atlop:]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a graph of the facts of many documents.

    Each edge lists its documents and, for each, the sentences that carry the fact.
    """
    require_extra("graph", "networkx", "rdflib", "jinja2")
    from atlop.inference import graph as graphs

    output = output or new_output(file, suffix=".graphml")
    if output.suffix not in graphs.WRITERS:
        raise AtlopError(f"{output}: expected a name that ends in {', '.join(graphs.WRITERS)}")
    refuse_existing(output)
    options = {}
    if namespace is not None:
        if output.suffix not in graphs.FORMATS:
            raise AtlopError(f"--namespace: is for RDF, {', '.join(graphs.FORMATS)}; {output} has no identifiers")
        graphs.check_namespace(namespace)
        options["namespace"] = namespace
    with one_writer(output):
        fact_graph = graphs.fact_graph(graphs.read_facts(file), merge_by=merge_by, min_probability=min_probability)
        graphs.WRITERS[output.suffix](output, fact_graph, **options)
    result = {"path": file, "output": output, "entities": len(fact_graph.nodes), "facts": len(fact_graph.edges)}
    rows = [(label, f"{result[label]:,}") for label in ("entities", "facts")]
    print_result(result, as_json=as_json, heading=f"wrote {output}", rows=rows)
