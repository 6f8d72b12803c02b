"""A user's own objective, registered from their script, trains, is saved, loaded and decides."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.test_cli_training import CONFIG

SCRIPT = '''
import json
import sys

from torch import Tensor
from torch.nn.functional import softplus

import atlop
from atlop.cli import main
from atlop.config import load_config
from atlop.objectives import OBJECTIVES
from atlop.objectives.objective import PairwiseObjective, compared_with_threshold


class Mine(PairwiseObjective):
    """Logistic loss of each relation against TH."""

    sharpness: float = 1.0

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        margins, holds = compared_with_threshold(scores, labels)
        return softplus((1 - 2 * holds.float()) * self.sharpness * margins).sum(dim=1)


OBJECTIVES["mine"] = Mine
config, corpus, folder = sys.argv[1:]
overrides = ["objective.name=mine", "objective.parameters.sharpness=2.0", "trainer.epochs=2"]
summary = atlop.train(load_config(config, overrides=overrides), output=folder, show_progress=False)
assert atlop.evaluate(folder, corpus).scores.f1 == summary["best"]["f1"]
main(["predict", folder, corpus, "--output", f"{folder}/result.json"])
'''


def test_an_objective_of_ones_own_works_from_training_to_prediction(
    tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    config, run = tmp_path / "tiny.toml", tmp_path / "run"
    config.write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, tmp_path / "script.py", config, tiny_corpus, run],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    described = json.loads((run / "best" / "config.json").read_text(encoding="utf-8"))
    assert described["objective"] == "mine"
    assert "sharpness = 2.0" in (run / "config.toml").read_text(encoding="utf-8")
    assert isinstance(json.loads((run / "result.json").read_text(encoding="utf-8")), list)
