"""A user's own objective and head, registered from their script, train, are saved, loaded and used."""

import json
import os
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from safetensors.torch import load_file

from atlop.corpora import FORMATS, CorpusFile
from atlop.corpora.formats.format import Format
from atlop.files import file_sha256
from tests.test_cli_training import CONFIG

SCRIPT = '''
import json
import sys

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

import atlop
from atlop.cli import main
from atlop.config_files import load_config
from atlop.model import HEADS, Head, LossTerm
from atlop.objectives import OBJECTIVES
from atlop.objectives.objective import PairwiseObjective, relation_margins


class Mine(PairwiseObjective):
    """Logistic loss of each relation against TH."""

    sharpness: float = 1.0

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        margins, holds = relation_margins(scores, labels)
        return softplus((1 - 2 * holds.float()) * self.sharpness * margins).sum(dim=1)


class AnyRelation(Head):
    """Says whether any relation holds."""

    def __init__(self, name, *, width, context_width, config):
        super().__init__(name, width=width, context_width=context_width, config=config)
        self.layer = nn.Linear(context_width, 1)

    def forward(self, pairs):
        return self.layer(pairs.context)[:, 0]

    def loss(self, outputs, batch):
        holds = batch.dense_labels(outputs.scores.shape[1]).any(dim=1).float()
        losses = binary_cross_entropy_with_logits(outputs.heads[self.name], holds, reduction="sum")
        return LossTerm(losses, self.count(batch), weight=self.weight)


OBJECTIVES["mine"] = Mine
HEADS["any_relation"] = AnyRelation
config, corpus, folder = sys.argv[1:]
overrides = ["objective.name=mine", "objective.parameters.sharpness=2.0", "heads.any_relation.weight=0.5"]
overrides.append("trainer.epochs=2")
summary = atlop.train(load_config(config, overrides=overrides), output=folder, show_progress=False)
assert atlop.evaluate(folder, corpus).scores.f1 == summary["best"]["f1"]
main(["predict", folder, corpus, "--output", f"{folder}/result.json"])
'''


def test_an_objective_and_a_head_of_ones_own_work_from_training_to_prediction(
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
    assert described["sections"]["objective"]["name"] == "mine"
    assert "heads.any_relation.layer.weight" in load_file(run / "best" / "model.safetensors")
    assert "sharpness = 2.0" in (run / "config.toml").read_text(encoding="utf-8")
    assert isinstance(json.loads((run / "result.json").read_text(encoding="utf-8")), list)
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    assert environment["data_sha256"][str(tmp_path / "script.py")] == file_sha256(tmp_path / "script.py")


def test_what_a_corrected_reader_reads_is_another_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_reader.py").write_text("def read(path, *, issues):\n    yield from ()\n", encoding="utf-8")
    corpus = tmp_path / "corpus.own"
    corpus.write_text("", encoding="utf-8")
    monkeypatch.setitem(FORMATS, "own", Format("own", read=partial(import_module("own_reader").read)))
    before = CorpusFile(corpus, format="own").identity()

    assert CorpusFile(corpus, format="own").identity() == before
    with (tmp_path / "own_reader.py").open("a", encoding="utf-8") as source:
        source.write("# corrected\n")
    assert CorpusFile(corpus, format="own").identity() != before
    assert [*CorpusFile(corpus, format="docred").sha256] == [str(corpus)]
