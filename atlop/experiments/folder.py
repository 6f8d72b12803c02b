"""The folder of an experiment: its base configuration, and the state of its runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from atlop.config import Precision
from atlop.config_files import default_settings, flat_settings
from atlop.errors import AtlopError
from atlop.experiments.plan import Plan, PlannedRun, Reading
from atlop.files import file_sha256, model_digest, model_folder, read_json, write_json
from atlop.json_values import typed
from atlop.run_folder import refuse_earlier_version


@dataclass(frozen=True)
class ExperimentFolder:
    """Folder of all experiments with the same base: `base.json`, the dev split, `runs/`, `logs/` and `candidates/`."""

    path: Path

    def run(self, run: PlannedRun) -> Path:
        """Return the folder of a run."""
        return self.path / "runs" / run.name

    def log(self, run: PlannedRun) -> Path:
        """Return the log file of a run that is trained beside others."""
        return self.path / "logs" / f"{run.name}.log"

    def candidates(self, run: PlannedRun, *, split: str, reading: Reading) -> Path:
        """Return the file of a run's candidates on the documents that choose (`chooses`) or are scored (`scored`)."""
        suffix = "" if reading == "whole" else f".{reading}"
        return self.path / "candidates" / f"{run.name}.{split}{suffix}.safetensors"

    def state(self, run: PlannedRun) -> str:
        """Return the state of a run: `not started`, `interrupted`, `trained` or `scored`."""
        scored = [self.candidates(run, split="scored", reading=reading).exists() for reading in run.readings]
        if scored and all(scored):  # a run that no table decides on is only trained
            return "scored"
        if (self.run(run) / "summary.json").exists():
            return "trained"
        return "interrupted" if self.run(run).exists() else "not started"

    @property
    def _base(self) -> Path:
        return self.path / "base.json"

    def precision(self) -> Precision | None:
        """Return the precision of the folder's runs, `None` if there are none."""
        precision: Precision | None = self._recorded()["trainer.precision"] if self._base.exists() else None
        return precision

    def record_base(self, plan: Plan) -> None:
        """Record the base configuration and what runs are trained on and scored with, if all is as recorded before.

        Raises:
            AtlopError: See `check_base`.
        """
        write_json(self._base, self.check_base(plan))

    def check_base(self, plan: Plan) -> dict[str, Any]:
        """Return what `record_base` writes.

        Raises:
            AtlopError: The folder's runs have another base, or are of version 0.1, or a file has changed since.
        """
        for run in sorted(self.path.glob("runs/*")):
            refuse_earlier_version(run)
        scored = plan.experiment.scored
        base = {
            **flat_settings(plan.base),
            "sha256 of data.dev": file_sha256(plan.base.data.dev),
            "sha256 of scored": None if scored is None else file_sha256(scored),
            "split_seed": plan.experiment.split_seed,
        }
        inputs = _inputs(plan)
        if self._base.exists():
            recorded = self._recorded()
            began = recorded.pop(_INPUTS, {})
            before = default_settings() | recorded
            if changed := [key for key in sorted({*base, *recorded}) if before.get(key) != base.get(key)]:
                raise AtlopError(
                    f"{self.path}: has runs with different {', '.join(changed)}; use another folder with --output, or "
                    "undo the change"
                )
            if changed := [name for name, digest in inputs.items() if began.get(name, digest) != digest]:
                raise AtlopError(
                    f"{changed[0]}: has changed since runs in {self.path} were trained with it; restore it, or use "
                    "another folder with --output"
                )
            base, inputs = recorded, began | inputs
        return base | {_INPUTS: inputs}

    def _recorded(self) -> dict[str, Any]:
        recorded: dict[str, Any] = read_json(self._base)
        typed(recorded, _Base, where=str(self._base), advice="use another folder with --output")
        return recorded


_INPUTS = "sha256"
"""Key of the digests of files and models that runs are trained on, by path."""


def _inputs(plan: Plan) -> dict[str, str]:
    """Return the digest of each file that runs are trained on, and of each model that they start or learn from."""
    files: set[Path] = set()
    models: set[str] = set()
    for config in (run.config for run in plan.runs):
        section, start = config.distillation, config.trainer.start_from
        words = config.data.relation_names if config.classifier.kind == "labels" else None
        files.update(path for path in (config.data.train, section.unlabelled, words) if path is not None)
        files.update(section.margins.glob("*.json") if section.margins is not None else ())  # with digests of the rest
        models.update([*section.teachers, *([str(start)] if start is not None else [])])
    return {
        **{str(path): file_sha256(path) for path in sorted(files)},
        **{model: model_digest(model) for model in sorted(models) if Path(model_folder(model)).is_dir()},
    }


class _Base(BaseModel):
    """What is required of a recorded base."""

    precision: Precision = Field(alias="trainer.precision")
    sha256: dict[str, str] = {}
