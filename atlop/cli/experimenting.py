"""The command that runs an experiment: many trainings and one table."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from atlop.cli.options import Device, Json, Overrides
from atlop.cli.session import quiet_libraries, report
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
    from atlop.experiments import load_experiment, plan_runs, run_experiment, write_tables

    read = load_experiment(source)
    folder = output or Path("runs") / "experiments" / find_config(read.config).stem
    name = find_config(source).stem
    plan = plan_runs(read, overrides=overrides or ())
    with quiet_libraries(needs=plan.runs[0].config.encoder.name, what="encoder"):
        if dry_run:
            result = _estimated(plan, folder=folder, device=device)
        else:
            results = run_experiment(read, folder=folder, overrides=overrides or (), device=device)
            table = write_tables(results, path=folder / name)
    if dry_run:
        report(result, as_json=as_json, heading=f"{read.title}: {len(plan.runs)} runs", rows=_rows(result))
    else:
        heading = f"{table}\n\n{folder}: {name}.md, {name}.csv and {name}.tex are written"
        report({"output": folder, **asdict(results)}, as_json=as_json, heading=heading, rows=[])


def _estimated(plan: Any, *, folder: Path, device: str | None) -> dict[str, Any]:
    """Return each run's state and, of those that are not trained, about how long the whole of it takes."""
    from atlop.experiments import ExperimentFolder, estimate_seconds

    place, measured, runs = ExperimentFolder(folder), {}, []
    for run in plan.runs:
        state, seconds = place.state(run), 0.0
        if state in ("missing", "begun"):
            without_seed = run.config.model_copy(
                update={"trainer": run.config.trainer.model_copy(update={"seed": 0})}
            ).model_dump_json()
            if without_seed not in measured:
                measured[without_seed] = estimate_seconds(run.config, device=device)
            seconds = measured[without_seed]
        runs.append({"name": run.name, "state": state, "seconds": seconds})
    return {"output": folder, "runs": runs, "seconds": sum(run["seconds"] for run in runs)}


def _rows(result: dict[str, Any]) -> list[Row]:
    rows: list[Row] = [
        (run["name"], run["state"], f"about {run['seconds'] / 60:.0f} min" if run["seconds"] else "")
        for run in result["runs"]
    ]
    return [*rows, GAP, ("left to do", f"{result['seconds'] / 3600:.1f} h", "measured on a few steps just now")]
