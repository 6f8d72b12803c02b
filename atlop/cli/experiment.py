"""`atlop experiment`."""

import textwrap
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlop.cli.completion import complete_experiment
from atlop.cli.dry_run import print_runs
from atlop.cli.options import Device, Devices, Json, Overrides, device_list
from atlop.cli.session import print_result, quiet_libraries
from atlop.cli.text import grid, terminal_width
from atlop.config_files import find_config
from atlop.corpora import require_files

if TYPE_CHECKING:
    from atlop.experiments import ExperimentResults
    from atlop.report import CurvePoint


def experiment(
    source: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT",
            help="TOML file, or a shipped one such as paper_docred.",
            autocompletion=complete_experiment,
        ),
    ],
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Output folder of runs and tables. [default: runs/experiments/<config>]"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs, their steps and estimated time; train nothing.")
    ] = False,
    devices: Devices = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Train each variant of an experiment with each of its seeds, and write a table of their scores after each run.

    With several numbers of train documents, the table and a picture are learning curves.

    Finished runs are kept and an interrupted run resumes, so repeating the command does only what is left. By default,
    experiments with the same base configuration share a folder and reuse each other's runs.
    """
    chosen_devices = device_list(devices, device=device)
    from atlop import experiments

    loaded = experiments.load_experiment(source)
    folder = output or Path("runs") / "experiments" / find_config(loaded.config).stem
    name = experiments.find_experiment(source).stem
    plan = experiments.plan_runs(loaded, overrides=overrides or ())
    require_files(plan.base.data)
    loaded = experiments.with_sizes_of(loaded, data=plan.base.data)
    with quiet_libraries(model=plan.runs[0].config.encoder.name, kind="encoder"):
        if dry_run:
            runs = experiments.estimate_runs(loaded, folder=folder, overrides=overrides or (), device=device)
        else:
            write = partial(_write, path=folder / name)
            results = experiments.run_experiment(
                loaded,
                folder=folder,
                overrides=overrides or (),
                device=device,
                devices=chosen_devices,
                on_results=write,
            )
            write(results)
    if dry_run:
        print_runs(loaded.title, runs, folder=folder, as_json=as_json)
    else:
        print_result(
            {"output": folder, **asdict(results)},
            as_json=as_json,
            heading=results.title,
            blocks=[
                grid(
                    experiments.HEADER,
                    experiments.table_rows(results),
                    drop=[
                        "published Ign F1",
                        "95 % interval",
                        "published F1",
                        "difference interval",
                        "next 100 interval",
                        "Ign F1",
                        "evidence F1",
                        "PosEvi F1",
                    ],
                ),
                textwrap.fill(experiments.caption(results), terminal_width()),
                f"wrote {', '.join(sorted(path.name for path in folder.glob(f'{name}.*')))} to {folder}",
            ],
        )


def _write(results: "ExperimentResults", *, path: Path) -> None:
    """Write the tables and, if matplotlib is installed, a picture of learning curves."""
    from atlop import experiments

    experiments.write_tables(results, path=path)
    curves: dict[str, list[CurvePoint]] = {}
    for row in results.rows:
        if row.size is not None and row.f1 is not None:
            curves.setdefault(row.table, []).append((row.size, row.f1, row.gain))
    if curves and find_spec("matplotlib"):
        from atlop.report import curve_picture, save

        save(curve_picture(curves), path.parent, name=path.name)
