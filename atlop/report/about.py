"""What a page says about a model: where it comes from, and how it decides."""

from datetime import datetime
from pathlib import Path

from atlop.config_files import load_config
from atlop.decoding import Decision
from atlop.model import AtlopConfig
from atlop.model_folder import encoder_name
from atlop.run_folder import RunFolder, refuse_earlier_version


def about_model(source: str, *, config: AtlopConfig, decision: Decision) -> dict[str, str]:
    """Return what is known about a model, by label.

    Args:
        source: Run folder, model folder or Hugging Face name.
        config: The configuration of its model.
        decision: What turns its scores into facts.

    Raises:
        AtlopError: A file of the run is damaged, or of version 0.1.
    """
    is_run = all((Path(source) / name).is_file() for name in ("config.toml", "environment.json"))
    return {
        "Encoder": encoder_name(config),
        **(_about_run(Path(source)) if is_run else {}),
        "Objective": config.model.objective.name,
        "Decision": _described(decision),
        "Evidence": f"sentences with more than {decision.evidence_threshold:.0%} of the localized context",
    }


def day(date: datetime) -> str:
    """Return a date as people write it, for example `27 November 2026`."""
    return f"{date.day} {date:%B %Y}"


def _about_run(folder: Path) -> dict[str, str]:
    refuse_earlier_version(folder)
    settings, run = load_config(str(folder / "config.toml")), RunFolder(folder)
    summary, began = run.summary(), run.environment()["began"]
    dates = [] if began is None else [f"begun on {day(datetime.fromisoformat(began))}"]
    about = {"Train data": str(settings.data.train), "Epochs": f"{settings.trainer.epochs}"}
    if summary is None:
        dates.append("not finished")
    else:
        about["Train data"] += f", {summary['train']['documents']:,} documents"
        about["Epochs"] += f"; the best model is that of step {summary['best']['step']:,} of {summary['steps']:,}"
        dates.append(f"{summary['seconds'] / 60:,.1f} minutes")
    return {**about, "Seed": str(settings.trainer.seed), "Training": ", ".join(dates)}


def _described(decision: Decision) -> str:
    match decision.use:
        case "offset":
            return f"offset: a margin above {decision.offset:.2f}"
        case "per_class":
            return "per_class: a margin above the threshold of its relation"
        case "fusion":
            assert decision.fusion is not None
            return f"fusion: a fused margin above {decision.fusion.threshold:.2f}"
        case _:
            return "plain: as the objective decides"
