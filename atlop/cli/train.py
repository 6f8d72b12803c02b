"""`atlop train`."""

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from atlop.cli.completion import complete_configuration
from atlop.cli.dry_run import dry_run_training
from atlop.cli.options import Device, Json, Overrides
from atlop.cli.session import is_main_process, print_result, quiet_libraries
from atlop.cli.text import GAP, Row, score_rows, terminal_width, truncation_rows
from atlop.config import RunConfig
from atlop.config_files import find_config, load_config
from atlop.corpora import require_files
from atlop.errors import AtlopError
from atlop.files import refuse_nonempty


def train(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="TOML file, or name of a shipped configuration (`atlop configs`); with --resume the run's own.",
            autocompletion=complete_configuration,
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
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what it would take, measured on one step. Keeps only preprocessed files."),
    ] = False,
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
    if dry_run:
        dry_run_training(settings, name=config, device=device, as_json=as_json)
        return
    output = resume or output or Path("runs") / find_config(config).stem
    if resume is None:
        refuse_nonempty(output)  # before torch is imported, which takes seconds
        require_files(settings.data)
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
    advice = _advice(summary, settings=settings)
    print_result({"output": output, **summary}, as_json=as_json, heading=heading, rows=rows, blocks=advice)


def _advice(summary: dict[str, Any], *, settings: RunConfig) -> list[str]:
    """Say what to try where the best F1 is 0, by what the model predicted."""
    best, optimizer = summary["best"], settings.optimizer
    if best["f1"] != 0:
        return []
    if best["submitted"]:
        text = (
            f"F1 is 0: the model predicts {best['submitted']:,} facts, none of them right. Train and dev may be "
            f"labelled differently: compare `atlop check {settings.data.train}` with `atlop check {settings.data.dev}`."
        )
    else:
        rates = {name: getattr(optimizer, name) for name in ("encoder_learning_rate", "new_layers_learning_rate")}
        higher = " ".join(f"--set optimizer.{name}={3 * rate:g}" for name, rate in rates.items())
        text = (
            f"F1 is 0: the model predicts no fact after {summary['steps']:,} steps. Try more "
            f"(--set trainer.min_steps={3 * summary['steps']}) or higher rates ({higher}); "
            f"`atlop check {settings.data.train}` says how many facts there are."
        )
    return [textwrap.fill(text, terminal_width(), break_long_words=False, break_on_hyphens=False)]


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
