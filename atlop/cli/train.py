"""`atlop train`."""

from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.options import Device, Json, Overrides
from atlop.cli.session import is_main_process, print_result, quiet_libraries
from atlop.cli.text import GAP, Row, score_rows, truncation_rows
from atlop.config_files import find_config, load_config
from atlop.errors import AtlopError
from atlop.files import refuse_nonempty


def train(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]", help="TOML file, or name of a shipped configuration; with --resume the run's own."
        ),
    ] = None,
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Folder of the run, new or empty. [default: runs/<config>]"),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with this run from its last checkpoint; with CONFIG, or begin it."),
    ] = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Train a model.

    Everything about the run goes into one folder; the best model is best/ in it. After Ctrl-C (exit code 130),
    SIGTERM (143), SIGHUP (129) or SIGUSR1 (138) a checkpoint is there to go on from.
    """
    if resume is not None and output is not None:
        raise AtlopError(f"--output {output}: a run that is resumed stays in its folder; leave --output out")
    if config is None:
        config = _saved_config(resume)
    settings = load_config(config, overrides=overrides or ())
    output = resume or output or Path("runs") / find_config(config).stem
    if resume is None:
        refuse_nonempty(output)  # before torch is imported, which takes seconds
    with quiet_libraries(model=settings.encoder.name, kind="encoder"):
        from atlop import training

        summary = training.train(settings, output=output, resume=resume is not None, device=device)
        if not is_main_process():
            return
    best = summary["best"]
    early: list[Row] = []
    if stopped := summary["stopped_early"]:
        note = f"of {stopped['of']:,}; no new best in {stopped['evaluations_since_best']} evaluations"
        early = [("stopped early, after step", f"{stopped['step']:,}", note)]
    rows: list[Row] = [
        ("steps", f"{summary['steps']:,}"),
        *early,
        ("best after step", f"{best['step']:,}"),
        ("minutes", f"{summary['seconds'] / 60:.1f}"),
        GAP,
        *score_rows(best),
        *truncation_rows(summary["dev"]["truncation"]),
    ]
    heading = f"{output}: trained; the best model is {output / 'best'}, its scores on {settings.data.dev}:"
    print_result({"output": output, **summary}, as_json=as_json, heading=heading, rows=rows)


def _saved_config(run: Path | None) -> str:
    if run is None:
        raise AtlopError("train: give a configuration, as in `atlop train sample`, or a run with --resume")
    if not (run / "config.toml").is_file():
        raise AtlopError(
            f"{run}: holds no run that could go on (no config.toml); `atlop train CONFIG --resume {run}` begins it"
        )
    from atlop.run_folder import refuse_earlier_version

    refuse_earlier_version(run)
    return str(run / "config.toml")
