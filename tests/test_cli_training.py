"""The commands that make or use a model, and the scripts that do the same."""

import json
import os
import pickle
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch

from atlop.cli import main
from atlop.files import file_sha256
from atlop.model_folder.checks import read_model_config
from tests.test_cli import DOCUMENT, run, run_apart, values_of, write

SCRIPTS = Path(__file__).parents[1] / "scripts"
CONFIG = """
[data]
train = "{corpus}"
dev = "{corpus}"

[encoder]
name = "{encoder}"

[classifier]
representation_size = 32
block_size = 8

[trainer]
epochs = 2
batch_size = 2
precision = "float32"
"""


@pytest.fixture(scope="module")
def config(tiny_corpus: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(CONFIG.format(corpus=tiny_corpus, encoder=tiny_encoder), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run_folder(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    run("train", config, "--output", folder)
    return folder


@pytest.fixture
def checkpoint(golden: Path) -> Path:
    return golden / "bert" / "released_style_checkpoint.pt"


def import_arguments(golden: Path, checkpoint: Path, output: Path) -> list[object]:
    encoder, relations = golden / "bert", golden / "rel2id.json"
    return ["import-checkpoint", checkpoint, "--encoder", encoder, "--relations", relations, "--output", output]


# train


def test_train_leaves_everything_about_the_run_in_one_folder(run_folder: Path) -> None:
    names = {path.name for path in run_folder.iterdir()}

    assert names == {"config.toml", "environment.json", "metrics.jsonl", "summary.json", "best", "last"}


def test_both_models_of_a_run_say_what_it_scored_and_on_which_data(run_folder: Path, tiny_corpus: Path) -> None:
    summary = json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))
    low, high = summary["best_intervals"]["f1"]

    for name, interval in (("best", f" ({100 * low:.2f} to {100 * high:.2f})"), ("last", "")):
        card = (run_folder / name / "README.md").read_text(encoding="utf-8")
        assert f"| {name} epoch | {100 * summary[name]['f1']:.2f}{interval} |" in card
        assert file_sha256(tiny_corpus) in card
        assert str(tiny_corpus.parent) not in card


def test_train_goes_to_runs_under_the_name_of_the_configuration(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    output, _ = run("train", config, "--set", "trainer.epochs=1")

    assert output.startswith("runs/tiny: trained; the best model is runs/tiny/best")
    assert values_of(output)["steps"] == "2"
    assert (tmp_path / "runs" / "tiny" / "summary.json").is_file()


def test_with_json_nothing_else_goes_to_standard_output(config: Path, tmp_path: Path) -> None:
    output, problem = run_apart(
        "-m", "atlop", "train", config, "--output", tmp_path / "run", "--json", "--set", "trainer.epochs=1"
    )

    report = json.loads(output)
    assert report["output"] == str(tmp_path / "run")
    assert report["best"] == json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))["best"]
    assert re.search(r"^epoch 1/1  loss \d\.\d{3}  dev F1 +\d+\.\d\d  Ign F1 +\d+\.\d\d ★  00:00 left$", problem, re.M)
    assert "training:" not in problem, "a bar in a log file"


def test_train_refuses_a_folder_that_holds_something(config: Path, run_folder: Path) -> None:
    output, problem = run("train", config, "--output", run_folder, code=2)

    assert output == ""
    assert problem == (
        f"atlop: error: {run_folder}: already exists; continue its run with `atlop train --resume {run_folder}`, "
        "pass another folder with --output, or remove this one\n"
    )


def test_train_names_an_unknown_key(config: Path, tmp_path: Path) -> None:
    _, problem = run("train", config, "--output", tmp_path / "run", "--set", "trainer.epoch=1", code=2)

    assert problem.startswith(f"atlop: error: {config}: the configuration is not valid:\n")
    assert "trainer.epoch: unknown key; did you mean epochs?" in problem
    assert not (tmp_path / "run").exists()


def test_train_refuses_nan(config: Path, tmp_path: Path) -> None:
    _, problem = run("train", config, "--output", tmp_path / "run", "--set", "optimizer.epsilon=nan", code=2)

    assert "optimizer.epsilon: Input should be a finite number; found nan" in problem


def test_train_refuses_data_that_is_cut_short(config: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.json"
    cut.write_text(json.dumps([DOCUMENT])[:-20], encoding="utf-8")

    _, problem = run("train", config, "--output", tmp_path / "run", "--set", f"data.train={cut}", code=2)

    assert problem.splitlines()[-1].startswith(f"atlop: error: {cut}, line 1, column ")
    assert "the file may be cut short" in problem


@pytest.mark.parametrize("name", ["./encoder", "/no/such/encoder", "models/large/encoder"])
def test_an_encoder_folder_that_is_not_there_is_told_from_a_hugging_face_name(
    config: Path, tmp_path: Path, name: str
) -> None:
    _, problem = run("train", config, "--output", tmp_path / "run", "--set", f"encoder.name={name}", code=2)

    assert problem == (
        f"atlop: error: encoder '{name}': no such folder; pass the folder of one, or a Hugging Face name\n"
    )


def test_an_encoder_that_the_hub_cannot_give_is_one_message_at_once(config: Path, tmp_path: Path) -> None:
    arguments = ["train", config, "--output", tmp_path / "run", "--set", "encoder.name=no-such-encoder"]
    program = "\n".join(
        [
            "import os",
            "os.environ.pop('HF_HUB_OFFLINE', None)",
            "from atlop.cli import main",
            f"main({[*map(str, arguments)]})",
        ]
    )

    output, problem = run_apart("-c", program, code=2, HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path))

    assert output == ""
    assert "atlop: error: encoder 'no-such-encoder' cannot be loaded: no such folder, and not" in problem
    assert "Retrying" not in problem  # as huggingface_hub does for half a minute where it is let


def test_a_signal_leaves_a_run_that_goes_on(config: Path, tmp_path: Path) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    command = [sys.executable, "-m", "atlop", "train", str(config), "--output", str(folder)]
    with log.open("w") as file:
        process = subprocess.Popen([*command, "--set", "trainer.epochs=300"], stdout=file, stderr=file)
        while not (folder / "checkpoints").exists():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    assert "atlop: stopped by SIGTERM after step" in log.read_text()
    assert f"`atlop train --resume {folder}` resumes from it" in log.read_text()
    lines = (folder / "metrics.jsonl").read_text().count("loss")
    newest = max((folder / "checkpoints").iterdir())
    assert int(newest.name) == lines


def test_a_run_that_has_ended_is_reported_again_when_it_is_resumed(run_folder: Path) -> None:
    output, _ = run("train", "--resume", run_folder)

    assert output.startswith(f"{run_folder}: trained; the best model is {run_folder / 'best'}")


def test_train_needs_a_configuration_or_a_run(config: Path, tmp_path: Path) -> None:
    assert "give a configuration, as in `atlop train sample`, or a run with --resume" in run("train", code=2)[1]
    assert "holds no run that could go on" in run("train", "--resume", tmp_path / "none", code=2)[1]
    both = run("train", config, "--resume", tmp_path / "none", "--output", tmp_path / "other", code=2)[1]
    assert "a run that is resumed stays in its folder" in both


def test_resume_with_a_configuration_begins_a_run_and_refuses_another_one(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    output, _ = run("train", config, "--resume", folder, "--set", "trainer.epochs=1")
    assert values_of(output)["steps"] == "2"
    _, problem = run("train", config, "--resume", folder, code=2)
    assert f"{folder}: cannot be resumed with another configuration: trainer.epochs was 1, now 2" in problem


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "predict", "calibrate", "plot", "report", "extract", "serve", "experiment"]
)
def test_every_command_that_uses_a_model_takes_a_device(command: str) -> None:
    assert "--device DEVICE" in run(command, "--help")[0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="the machine has a GPU")
def test_a_device_that_is_not_there_is_one_message(
    config: Path, run_folder: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    for arguments in (["train", config, "--output", tmp_path / "run"], ["evaluate", run_folder, tiny_corpus]):
        assert "--device cuda:1: PyTorch" in run(*arguments, "--device", "cuda:1", code=2)[1]
    assert not (tmp_path / "run").exists()


def test_train_says_that_patience_ended_it(config: Path, tmp_path: Path) -> None:
    still = [f"optimizer.{layers}_learning_rate=0" for layers in ("encoder", "new_layers")]
    overrides = [part for each in (*still, "trainer.epochs=6", "trainer.patience=1") for part in ("--set", each)]
    output, _ = run("train", config, "--output", tmp_path / "run", "--device", "cpu", *overrides)
    assert values_of(output)["stopped early, after step"] == "4"
    assert "of 12; no new best in 1 evaluations" in output


# evaluate


def test_evaluate_takes_the_best_model_of_a_run(run_folder: Path, tiny_corpus: Path) -> None:
    best = json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))["best"]

    for folder in (run_folder, run_folder / "best"):
        scores = json.loads(run("evaluate", folder, tiny_corpus, "--train", tiny_corpus, "--json")[0])["scores"]
        assert scores == pytest.approx({key: value for key, value in best.items() if key != "step"})


def test_evaluate_prints_scores_and_what_was_lost(run_folder: Path, golden: Path) -> None:
    output, _ = run("evaluate", run_folder, golden / "documents.json")

    values = values_of(output)
    assert values["Ign F1"] == "–"
    assert values["gold facts"] == "178"
    assert values["mentions beyond the cut"] == "180"
    assert values["facts of unknown relations"] == "0"


def test_evaluate_shows_scores_in_depth(run_folder: Path, tiny_corpus: Path) -> None:
    output, _ = run("evaluate", run_folder, tiny_corpus, "--detailed", "--train", tiny_corpus)
    report = json.loads(run("evaluate", run_folder, tiny_corpus, "--json")[0])

    assert "words between mentions" in output
    assert report["detailed"]["all"]["f1"]["value"] == report["scores"]["f1"]


def test_evaluate_counts_facts_of_relations_that_the_model_does_not_know(run_folder: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [DOCUMENT])

    report = json.loads(run("evaluate", run_folder, corpus, "--json")[0])

    assert report["unknown_relation_facts"] == 1  # P159; P17 is known
    assert report["scores"]["gold"] == 2


def test_evaluate_goes_by_index_where_titles_repeat(run_folder: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [DOCUMENT, DOCUMENT])

    assert values_of(run("evaluate", run_folder, corpus)[0])["gold facts"] == "4"


def test_evaluate_leaves_invalid_documents_out_where_told_to(run_folder: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [DOCUMENT, 7])

    assert "document 1: expected an object with" in run("evaluate", run_folder, corpus, code=2)[1]
    output, problem = run("evaluate", run_folder, corpus, "--invalid", "skip")
    assert output.startswith(f"{corpus}: 1 documents, 1 skipped\n")
    assert "atlop: warning: document skipped: " in problem


def test_evaluate_keeps_standard_output_for_json(
    run_folder: Path, tiny_corpus: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(run_folder), str(tiny_corpus), "--json"])

    assert not ended.value.code
    assert json.loads(capfd.readouterr().out)["models"] == [str(run_folder)]


# plot


def test_plot_draws_what_a_run_learned(run_folder: Path, tmp_path: Path) -> None:
    output, _ = run("plot", run_folder, "--output", tmp_path / "plots")

    assert output.startswith(f"{tmp_path / 'plots'}: drawn\n")
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"learning.png", "learning.svg"}


def test_plot_draws_what_the_model_decides_on_labelled_documents(
    run_folder: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    arguments = ["plot", run_folder, "--output", tmp_path, "--dev", tiny_corpus, "--train", tiny_corpus]

    report = json.loads(run(*arguments, "--json")[0])

    names = ("learning", "precision_recall", "margins", "relations")
    assert report["pictures"] == [str(tmp_path / f"{name}.{kind}") for name in names for kind in ("png", "svg")]
    assert all(Path(path).stat().st_size for path in report["pictures"])
    best = json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))["best"]
    assert report["dev"]["scores"]["f1"] == pytest.approx(best["f1"])


def test_plot_draws_a_model_without_a_run_and_no_frequency_without_train_facts(
    run_folder: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    run("plot", run_folder / "best", "--output", tmp_path, "--dev", tiny_corpus)

    assert {path.stem for path in tmp_path.iterdir()} == {"precision_recall", "margins"}


def test_plot_draws_runs_that_differ_in_their_seed_as_one(run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(run_folder, other)
    config = (other / "config.toml").read_text(encoding="utf-8")
    (other / "config.toml").write_text(config.replace("seed = ", "seed = 1"), encoding="utf-8")

    report = json.loads(run("plot", run_folder, other, "--output", tmp_path / "plots", "--json")[0])

    assert report["runs"] == [str(run_folder), str(other)]
    assert "of 2 runs" in (tmp_path / "plots" / "learning.svg").read_text(encoding="utf-8")
    (other / "config.toml").write_text(config.replace("batch_size = ", "batch_size = 1"), encoding="utf-8")
    _, problem = run("plot", run_folder, other, "--output", tmp_path / "none", code=2)
    assert "trainer.batch_size differ from those of" in problem
    assert not (tmp_path / "none").exists()


def test_plot_says_what_it_lacks(run_folder: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    _, model = run("plot", run_folder / "best", "--output", tmp_path / "plots", code=2)
    _, train = run("plot", run_folder, "--output", tmp_path / "plots", "--train", tiny_corpus, code=2)

    assert "has no metrics.jsonl to draw; give the folder of a run, or labelled documents (--dev)" in model
    assert "needs documents to score them on (--dev)" in train
    several = run("plot", run_folder, run_folder, "--output", tmp_path / "plots", "--dev", tiny_corpus, code=2)[1]
    assert "draws the decisions of one model" in several
    assert not (tmp_path / "plots").exists()


def test_plot_without_matplotlib_says_what_to_install(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    _, problem = run("plot", run_folder, "--output", tmp_path, code=2)

    assert "needs matplotlib, not installed here: pip install 'atlop[report]'" in problem


def test_a_folder_without_a_model_is_refused(tmp_path: Path, tiny_encoder: Path, tiny_corpus: Path) -> None:
    _, empty = run("evaluate", tmp_path, tiny_corpus, code=2)
    _, encoder = run("evaluate", tiny_encoder, tiny_corpus, code=2)

    assert empty.startswith(f"atlop: error: {tmp_path}: holds no model: ")
    assert encoder.startswith(f"atlop: error: {tiny_encoder}: config.json does not describe an atlop model")


def test_a_model_that_is_not_there_is_refused(tmp_path: Path, tiny_corpus: Path) -> None:
    folder = tmp_path / "run"

    assert run("evaluate", folder, tiny_corpus, code=2)[1] == (
        f"atlop: error: model '{folder}': no such folder; pass the folder of one, or a Hugging Face name\n"
    )


def test_weights_that_are_cut_short_are_one_message(run_folder: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(run_folder / "best", folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])

    _, problem = run("evaluate", folder, tiny_corpus, code=2)

    assert problem.startswith("atlop: error: ")


# predict


def test_predict_writes_a_submission_that_scores_as_the_model_does(
    run_folder: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    result = tmp_path / "out" / "result.json"

    output, _ = run("predict", run_folder, tiny_corpus, "--output", result)

    assert f"wrote {result} and {result.with_suffix('.zip')}" in output
    assert values_of(output)["facts"].replace(",", "") == str(len(json.loads(result.read_text(encoding="utf-8"))))
    with zipfile.ZipFile(result.with_suffix(".zip")) as archive:
        assert archive.namelist() == ["result.json"]
    scored = json.loads(run("score", result, tiny_corpus, "--json")[0])["scores"]
    evaluated = json.loads(run("evaluate", run_folder, tiny_corpus, "--json")[0])["scores"]
    assert scored == evaluated
    assert run("check", result, "--against", tiny_corpus)[0].startswith(f"{result}: submission, valid")


def test_predict_reads_documents_without_labels(run_folder: Path, tmp_path: Path) -> None:
    bare = {key: value for key, value in DOCUMENT.items() if key != "labels"}
    athens = [{"name": "Athens", "sent_id": 0, "pos": [0, 1], "type": "LOC"}]
    lonely = {"title": "One entity", "sents": [["Athens"], []], "vertexSet": [athens]}
    nothing = {"title": "Nothing", "sents": [], "vertexSet": []}
    corpus = write(tmp_path / "test.json", [bare, lonely, nothing])

    report = json.loads(run("predict", run_folder, corpus, "--output", tmp_path / "result.json", "--json")[0])

    assert report["file"]["documents"] == 3
    assert report["facts"] == len(json.loads((tmp_path / "result.json").read_text(encoding="utf-8")))


def test_predict_refuses_titles_that_repeat_before_it_loads_a_model(tmp_path: Path) -> None:
    corpus = write(tmp_path / "test.json", [DOCUMENT, DOCUMENT])

    _, problem = run("predict", tmp_path / "no model", corpus, "--output", tmp_path / "result.json", code=2)

    assert f"atlop: error: {corpus}: titles repeat" in problem
    assert '"Skai TV"' in problem
    assert not (tmp_path / "result.json").exists()


def test_predict_refuses_an_output_that_is_not_json(run_folder: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    _, problem = run("predict", run_folder, tiny_corpus, "--output", tmp_path / "result.zip", code=2)

    assert "expected a name that ends in .json" in problem


def test_predict_into_a_file_in_place_of_a_folder_is_one_message(
    run_folder: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")

    _, problem = run("predict", run_folder, tiny_corpus, "--output", tmp_path / "taken" / "result.json", code=2)

    assert problem.startswith(f"atlop: error: {tmp_path / 'taken'}")


# import-checkpoint


def test_import_makes_a_model_folder_with_the_sizes_of_the_checkpoint(
    golden: Path, checkpoint: Path, tmp_path: Path
) -> None:
    arguments = import_arguments(golden, checkpoint, tmp_path / "model")
    output, _ = run(*arguments, "--max-length", 1000, "--markers", "mention")

    assert values_of(output)["representation size"] == "64"
    assert values_of(output)["block size"] == "16"
    assert read_model_config(tmp_path / "model").model.preprocessing.markers == "mention"
    assert "trained elsewhere" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    evaluated, _ = run("evaluate", tmp_path / "model", golden / "documents.json")
    assert values_of(evaluated)["gold facts"] == "178"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_import_into_an_empty_folder_is_fine_and_into_a_full_one_refused(
    golden: Path, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()

    run(*import_arguments(golden, checkpoint, tmp_path / "model"))
    _, problem = run(*import_arguments(golden, checkpoint, tmp_path / "model"), code=2)

    assert problem.startswith(f"atlop: error: {tmp_path / 'model'}: already exists")


def test_import_names_unknown_and_missing_keys(golden: Path, checkpoint: Path, tmp_path: Path) -> None:
    weights = torch.load(checkpoint, weights_only=True)
    weights["tail_extracter.bias"] = weights.pop("tail_extractor.bias")
    torch.save(weights, tmp_path / "odd.pt")

    _, problem = run(*import_arguments(golden, tmp_path / "odd.pt", tmp_path / "model"), code=2)

    assert "unknown: tail_extracter.bias" in problem
    assert "missing: tail_extractor.bias" in problem
    assert not (tmp_path / "model").exists()


def test_import_refuses_relations_of_another_number(golden: Path, checkpoint: Path, tmp_path: Path) -> None:
    fewer = write(tmp_path / "rel2id.json", {"Na": 0, "P17": 1})
    arguments = import_arguments(golden, checkpoint, tmp_path / "model")
    arguments[arguments.index("--relations") + 1] = fewer

    _, problem = run(*arguments, code=2)

    assert "bilinear.weight: shape [7, 1024], but the model has [2, 1024]" in problem


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_import_executes_nothing_that_a_checkpoint_holds(golden: Path, tmp_path: Path, save: object) -> None:
    victim, malicious = tmp_path / "victim", tmp_path / "malicious.pt"
    save({"bilinear.weight": Malicious(victim)}, malicious)  # type: ignore[operator]

    _, problem = run(*import_arguments(golden, malicious, tmp_path / "model"), code=2)

    assert f"{malicious}: not a checkpoint of tensors only" in problem
    assert not victim.exists()
    assert not (tmp_path / "model").exists()


def test_import_names_a_file_that_is_not_there(golden: Path, tmp_path: Path) -> None:
    _, problem = run(*import_arguments(golden, tmp_path / "none.pt", tmp_path / "model"), code=2)

    assert problem.startswith(f"atlop: error: {tmp_path / 'none.pt'}: no such file")


# scripts


def test_scripts_do_what_the_commands_do(
    config: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, result = tmp_path / "run", tmp_path / "result.json"

    def run_script(name: str, *arguments: object) -> str:
        """Run a script as the main program, but in this process, which has imported torch."""
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPTS / name), run_name="__main__")
        output = capfd.readouterr()
        assert not ended.value.code, output.err
        return output.out

    run_script("train.py", "--config", config, "--output", folder, "--set", "trainer.epochs=1")
    evaluated = run_script("evaluate.py", "--model", folder, "--data", tiny_corpus, "--json")
    run_script("predict.py", "--model", folder, "--data", tiny_corpus, "--output", result)

    assert json.loads(evaluated) == json.loads(run("evaluate", folder, tiny_corpus, "--json")[0])
    assert json.loads(evaluated)["scores"] == json.loads(run("score", result, tiny_corpus, "--json")[0])["scores"]


@pytest.mark.parametrize("name", ["train", "evaluate", "predict"])
def test_the_help_of_each_script_shows_an_example(name: str) -> None:
    assert f"python scripts/{name}.py --" in " ".join(run_apart(SCRIPTS / f"{name}.py", "--help")[0].split())


def test_a_script_fails_as_its_command_does(tmp_path: Path) -> None:
    output, problem = run_apart(SCRIPTS / "train.py", "--config", "nowhere", code=2)

    assert output == ""
    assert problem == run("train", "nowhere", code=2)[1]


def test_a_model_folder_works_wherever_it_is_copied(run_folder: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder / "best", tmp_path / "copy")

    assert run("evaluate", tmp_path / "copy", tiny_corpus)[0] == run("evaluate", run_folder, tiny_corpus)[0]
