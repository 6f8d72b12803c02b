"""The commands that train or apply a model: what each takes, does and prints. torch comes in where one needs it."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from atlop.cli import plotting
from atlop.cli.options import (
    BatchSize,
    CalibrationFile,
    Detailed,
    Device,
    Format,
    Invalid,
    Json,
    Labelled,
    Models,
    Overrides,
    Precision,
    Train,
)
from atlop.cli.predicting import described, heading, loaded_models, predict_corpus, quiet_models
from atlop.cli.score_tables import detailed_table
from atlop.cli.scoring import score_in_depth
from atlop.cli.session import is_main_process, quiet_libraries, report
from atlop.cli.text import GAP, Row, score_rows, truncation_rows
from atlop.corpora import corpus_statistics, read_corpus, read_labelled, read_train, read_vocabulary
from atlop.errors import AtlopError
from atlop.files import refuse_nonempty
from atlop.submission import write_submission


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

    Everything about the run goes into one folder; the best model is best/ in it. After Ctrl-C (exit code 130) or
    SIGTERM (143) a checkpoint is there to go on from.
    """
    from atlop.config_files import find_config, load_config

    if resume is not None and output is not None:
        raise AtlopError(f"--output {output}: a run that is resumed stays in its folder; leave --output out")
    if config is None:
        config = _config_of(resume)
    settings = load_config(config, overrides=overrides or ())
    output = resume or output or Path("runs") / find_config(config).stem
    if resume is None:
        refuse_nonempty(output)  # before torch is imported, which takes seconds
    with quiet_libraries(needs=settings.encoder.name, what="encoder"):
        from atlop.training import train

        summary = train(settings, output=output, resume=resume is not None, device=device)
        if not is_main_process():
            return
    best = summary["best"]
    rows: list[Row] = [
        ("steps", f"{summary['steps']:,}"),
        *_early(summary["stopped_early"]),
        ("best after step", f"{best['step']:,}"),
        ("minutes", f"{summary['seconds'] / 60:.1f}"),
        GAP,
        *score_rows(best),
        *truncation_rows(summary["dev"]["truncation"]),
    ]
    heading = f"{output}: trained; the best model is {output / 'best'}, its scores on {settings.data.dev}:"
    report({"output": output, **summary}, as_json=as_json, heading=heading, rows=rows)


def _early(stopped: dict[str, int] | None) -> list[Row]:
    """Say that patience has ended a training."""
    if stopped is None:
        return []
    note = (
        f"of {stopped['of']:,}: {stopped['evaluations_since_best']} evaluations without a new best (trainer.patience)"
    )
    return [("stopped early, after step", f"{stopped['step']:,}", note)]


def _config_of(run: Path | None) -> str:
    """Return the configuration that a run was begun with."""
    from atlop.run_folder import refuse_earlier_version

    if run is None:
        raise AtlopError("train: give a configuration, as in `atlop train sample`, or a run with --resume")
    if not (run / "config.toml").is_file():
        raise AtlopError(
            f"{run}: holds no run that could go on (no config.toml); `atlop train CONFIG --resume {run}` begins it"
        )
    refuse_earlier_version(run)
    return str(run / "config.toml")


def evaluate(
    models: Models,
    file: Labelled,
    train: Train = None,
    detailed: Detailed = False,
    calibration: CalibrationFile = None,
    batch_size: BatchSize = 8,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Score a model on labelled documents.

    Counts as the leaderboard does. Several models decide together, by the mean of their margins.
    """
    with quiet_models(models):
        from atlop.scoring import evaluate

        found = evaluate(
            models,
            file,
            train=train,
            calibration=calibration,
            batch_size=batch_size,
            precision=precision,
            device=device,
            format=format,
            invalid=invalid,
            show_progress=sys.stderr.isatty(),
        )
    if is_main_process():
        scores, lost = asdict(found.scores), found.predictions
        in_depth = score_in_depth(found.table, corpus=found.corpus, train=found.train) if detailed or as_json else None
        report(
            {
                "models": models,
                "file": described(found.corpus),
                "train": train,
                "scores": scores,
                "detailed": in_depth and asdict(in_depth),
                "truncation": asdict(lost.truncation),
                "unknown_relation_facts": lost.unknown_facts,
            },
            as_json=as_json,
            heading=heading(found.corpus),
            rows=[
                *score_rows(scores),
                *truncation_rows(asdict(lost.truncation)),
                ("facts of unknown relations", f"{lost.unknown_facts:,}"),
            ],
            tables=[detailed_table(in_depth, names=found.vocabulary.names)] if in_depth else [],
        )


def predict(
    models: Models,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Documents; labels are not looked at.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where the JSON goes, the zip beside it.")],
    calibration: CalibrationFile = None,
    batch_size: BatchSize = 8,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write the leaderboard's result.json and .zip.

    Several models decide together, by the mean of their margins.
    """
    if output.suffix != ".json":
        raise AtlopError(f"{output}: expected a name that ends in .json; the zip is written beside it")
    corpus = read_corpus(file, format=format, invalid=invalid)
    if repeated := corpus_statistics(corpus.documents).repeated_titles:  # said before an hour is spent on predicting
        titles = ", ".join(f'"{title}"' for title in repeated)
        raise AtlopError(
            f"{file}: titles repeat, so a submission could not tell the documents apart: {titles}; give each its own"
        )
    found, vocabulary = predict_corpus(
        models, corpus, precision=precision, device=device, batch_size=batch_size, calibration=calibration
    )
    if is_main_process():
        packed = write_submission(
            output, documents=corpus.documents, predictions=found.facts, relations=vocabulary.relations
        )
        facts = sum(map(len, found.facts))
        report(
            {
                "models": models,
                "file": described(corpus),
                "facts": facts,
                "truncation": asdict(found.truncation),
                "output": output,
                "zip": packed,
            },
            as_json=as_json,
            heading=f"{heading(corpus)}; {output} and {packed} are written",
            rows=[("facts", f"{facts:,}"), *truncation_rows(asdict(found.truncation))[:3]],
        )


def plot(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run folder; with --dev also a model, by folder or name.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the pictures go.")],
    dev: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Labelled documents: draw what the model decides on them.")
    ] = None,
    train: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Train file: draw F1 of relations by their train facts.")
    ] = None,
    batch_size: BatchSize = 8,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Draw a run as PNG and SVG.

    learning: loss and dev scores over steps. With --dev also precision_recall, margins and, with --train, relations.
    """
    plotting.require_matplotlib(command="atlop plot")
    metrics = Path(run) / "metrics.jsonl"
    if dev is None and not metrics.is_file():
        raise AtlopError(
            f"{run}: has no metrics.jsonl to draw; give the folder of a run, or labelled documents (--dev)"
        )
    if dev is None and train is not None:
        raise AtlopError("--train: says how frequent relations are, and needs documents to score them on (--dev)")
    pictures = [plotting.learning_picture_of(metrics)] if metrics.is_file() else []
    result: dict[str, Any] = {"run": run, "output": output, "dev": None}
    if dev is not None:
        corpus = read_labelled(dev, format=format, invalid=invalid)
        known = read_train(train, corpus=corpus, format=format)
        with loaded_models([run], precision=precision, device=device) as (ensemble, settings):
            scored = ensemble.score(corpus.documents, batch_size=batch_size, **settings)
            decisions = plotting.decisions_of(scored, corpus=corpus, rule=ensemble.rule, train=known)
            if not is_main_process():
                return
        pictures += plotting.decision_pictures(decisions)
        result["dev"] = {"file": described(corpus), "scores": asdict(decisions.scores)}
    result["pictures"] = plotting.save_pictures(pictures, folder=output)
    heading = "\n".join([f"{output}: drawn", *(str(path) for path in result["pictures"])])
    report(result, as_json=as_json, heading=heading, rows=[])


def import_checkpoint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="State dict of the authors' released code.")],
    encoder: Annotated[str, typer.Option(metavar="NAME", help="Hugging Face name or folder of its encoder.")],
    relations: Annotated[Path, typer.Option(metavar="FILE", help="rel2id.json that it was trained with.")],
    output: Annotated[Path, typer.Option(metavar="MODEL", help="Model folder to make, new or empty.")],
    relation_names: Annotated[Path | None, typer.Option(metavar="FILE", help="rel_info.json: readable names.")] = None,
    max_length: Annotated[int, typer.Option(metavar="N", min=8, help="Longest input in tokens.")] = 1024,
    max_relations: Annotated[int, typer.Option(metavar="N", min=1, help="Most relations of one pair.")] = 4,
    as_json: Json = False,
) -> None:
    """Make a model folder of a released checkpoint."""
    from atlop.config import ModelConfig, ObjectiveConfig, PreprocessingConfig

    if not file.is_file():
        raise AtlopError(f"{file}: no such file; give the state dict that the released code saved")
    refuse_nonempty(output)
    vocabulary = read_vocabulary(relations, names=relation_names)
    with quiet_libraries(needs=encoder, what="encoder"):
        from atlop.model_folder import classifier_sizes, load_released, new_model, save_model, write_card

        model, tokenizer = new_model(
            encoder,
            vocabulary=vocabulary,
            model_config=ModelConfig(
                preprocessing=PreprocessingConfig(max_length=max_length),
                classifier=classifier_sizes(file),
                objective=ObjectiveConfig(max_relations=max_relations),
            ),
            pretrained=False,
        )
        load_released(model, file)
        save_model(output, model=model, tokenizer=tokenizer)
        write_card(output)
    result: dict[str, Any] = {
        "output": output,
        "relations": len(vocabulary.relations),
        **model.config.model.classifier.model_dump(include={"representation_size", "block_size"}),
        "parameters": model.num_parameters(),
    }
    rows: list[Row] = [(key.replace("_", " "), f"{result[key]:,}") for key in list(result)[1:]]
    report(result, as_json=as_json, heading=f"{output}: model folder written", rows=rows)
