"""`atlop experiment`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.options import Device, Json, Overrides
from atlop.cli.session import print_result, quiet_libraries
from atlop.cli.text import GAP, Row
from atlop.config_files import find_config


def experiment(
    source: Annotated[
        str, typer.Argument(metavar="EXPERIMENT", help="TOML file, or shipped one such as experiments/thresholds.")
    ],
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where runs and tables go. [default: runs/experiments/<config>]"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing: list the runs, and about how long they would take.")
    ] = False,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Train every variant with every seed, and write one table.

    Finished runs are kept and a run that was stopped goes on, so the same command again does only what is missing.
    Experiments that start from the same configuration share the folder, and the runs that they have in common.
    """
    from atlop.experiments import estimate_runs, load_experiment, plan_runs, run_experiment, write_tables

    loaded = load_experiment(source)
    folder = output or Path("runs") / "experiments" / find_config(loaded.config).stem
    name = find_config(source).stem
    plan = plan_runs(loaded, overrides=overrides or ())
    with quiet_libraries(needs=plan.runs[0].config.encoder.name, what="encoder"):
        if not dry_run:
            results = run_experiment(loaded, folder=folder, overrides=overrides or (), device=device)
            table = write_tables(results, path=folder / name)
            heading = f"{table}\n\n{folder}: {name}.md, {name}.csv and {name}.tex are written"
            print_result({"output": folder, **asdict(results)}, as_json=as_json, heading=heading, rows=[])
            return
        runs = estimate_runs(plan, folder=folder, device=device)
    seconds = sum(run["seconds"] for run in runs)
    rows: list[Row] = [
        (run["name"], run["state"], f"about {run['seconds'] / 60:.0f} min" if run["seconds"] else "") for run in runs
    ]
    print_result(
        {"output": folder, "runs": runs, "seconds": seconds},
        as_json=as_json,
        heading=f"{loaded.title}: {len(runs)} runs",
        rows=[*rows, GAP, ("left to do", f"{seconds / 3600:.1f} h", "measured on a few steps just now")],
    )
