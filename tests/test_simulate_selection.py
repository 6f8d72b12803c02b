"""The simulation of an annotator labels nested documents, and goes on after a stop."""

import json
import re
from argparse import Namespace
from pathlib import Path

import pytest

from atlop.corpora import read_corpus
from scripts.simulate_selection import refuse_another_simulation
from tests.test_cli import run_apart
from tests.test_cli_training import CONFIG

ROOT = Path(__file__).parents[1]


@pytest.mark.long
def test_both_ways_begin_alike_and_a_repetition_trains_nothing(
    tiny_corpus: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    config, out = tmp_path / "tiny.toml", tmp_path / "out"
    config.write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    arguments = [ROOT / "scripts/simulate_selection.py", tiny_corpus, tiny_corpus, out, "--config", config]
    arguments += ["--sizes", 2, 3, 4, "--seeds", 1]

    printed, _ = run_apart(*arguments)

    assert re.findall(r"^\| (\d) \| (\S+) \| (\S+) \|", printed, re.MULTILINE)[0][1:].count("") == 0
    assert {path.name for path in (out / "runs").iterdir()} == {
        "first-1",
        *(f"{way}-1-{size}" for way in ("random", "selected") for size in (3, 4)),
    }
    titles = {path.stem: {each.title for each in read_corpus(path)} for path in out.glob("*.jsonl")}
    for way in ("random", "selected"):
        assert titles["first-1"] < titles[f"{way}-1-3"] < titles[f"{way}-1-4"]
        assert len(json.loads((out / f"{way}-1-4.rows.json").read_text(encoding="utf-8"))) == 4

    summaries = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/summary.json")}
    assert run_apart(*arguments)[0] == printed
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/*/summary.json")} == summaries


def test_a_folder_of_other_sizes_or_documents_is_refused(tmp_path: Path) -> None:
    corpora = [tmp_path / f"{name}.json" for name in ("train", "dev")]
    for corpus in corpora:
        corpus.write_text("[]", encoding="utf-8")
    train, dev = corpora
    options = Namespace(train=train, dev=dev, output=tmp_path, config="small", overrides=[], sizes=[20, 40])
    refuse_another_simulation(options)
    refuse_another_simulation(options)  # a repetition

    train.write_text("[ ]", encoding="utf-8")
    options.sizes = [20, 80]

    with pytest.raises(SystemExit, match="was begun with other documents of train, sizes; give the same"):
        refuse_another_simulation(options)
