"""`atlop suspects`: what teachers that never saw a document say of its labels; resumed, reused, refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from atlop.config import RunConfig
from atlop.config_files import dump_config, load_config
from atlop.corpora import CorpusFile, read_corpus
from atlop.device import accelerator_for
from atlop.distillation import distill, find_suspects, judge
from atlop.distillation.stages import refuse_changed_run
from atlop.ensemble import load_ensemble
from atlop.errors import AtlopError
from atlop.files import file_sha256
from atlop.preprocessing import fold_numbers
from tests.distillation.test_cross_fitting import PowerCuts
from tests.test_cli import run
from tests.test_cli_annotation import CONFIG, annotated
from tests.training.test_resuming import PowerCutError

PEOPLE = ("Ada", "Ben", "Cleo", "Dora", "Egon", "Fay", "Gil", "Hugo", "Iris", "Jan", "Kim", "Lars")
FIRMS = ("Siv", "Red", "Kelso", "Moor", "Nord", "Orb", "Pine", "Quay", "Rook", "Tarn", "Umber", "Vale")
WRONG, MISSING = 4, 7
"""Documents whose label is reversed, and without their label."""
FOLDS = 3


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People who own firms; one label is wrong, and one is missing."""
    lines = []
    for index in range(12):
        text, spans = annotated(PEOPLE[index], FIRMS[index])
        subject, object_ = (1, 0) if index == WRONG else (0, 1)
        relations = [{"subject": subject, "object": object_, "relation": "owns"}]
        entities = [{"mentions": [[start, end]], "type": type_} for start, end, type_ in spans]
        line = {"title": f"letter {index}", "text": text, "entities": entities}
        lines.append(json.dumps(line | {"relations": [] if index == MISSING else relations}))
    path = tmp_path_factory.mktemp("corpus") / "letters.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def config(corpus: Path, tiny_encoder: Path) -> Path:
    """It reads types, which tell who owns whom, and scores dev at the end alone."""
    path, text = corpus.parent / "own.toml", CONFIG.format(train=corpus, encoder=tiny_encoder)
    text = text.replace("block_size = 8", "block_size = 8, type_embeddings = true")
    path.write_text(text.replace("epochs = 12", "epochs = 12, evaluation_interval = 99"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(corpus: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of teachers, with what the command printed beside it."""
    folder = tmp_path_factory.mktemp("whole")
    page = ("--output", folder / "suspects.html")
    options = ("--config", config, "--folds", FOLDS, "--teachers", folder / "teachers")
    output, _ = run("suspects", corpus, *options, *page, "--json")
    (folder / "output.json").write_text(output, encoding="utf-8")
    return folder


def printed(whole: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((whole / "output.json").read_text(encoding="utf-8"))
    return found


def fact(suspect: dict[str, Any]) -> tuple[int, str, str, str]:
    return suspect["document"], suspect["subject"]["name"], suspect["relation"], suspect["object"]["name"]


def test_a_wrong_label_is_denied_first_and_a_missing_one_asserted(whole: Path) -> None:
    found = printed(whole)

    assert fact(found["denied"][0]) == (WRONG, "Nord", "owns", "Egon")
    assert found["denied"][0]["margin"] < 0 < found["asserted"][0]["margin"]
    assert found["denied"][0]["doubt"] > 1
    names = {fact(each) for each in found["asserted"][:2]}
    assert names == {(WRONG, "Egon", "owns", "Nord"), (MISSING, "Hugo", "owns", "Quay")}
    assert (found["labels"], found["folds"]) == (11, FOLDS)
    assert "owns the" in found["asserted"][0]["sentences"][0]["text"]


def test_each_document_is_judged_by_the_teacher_that_never_saw_it(whole: Path, corpus: Path) -> None:
    found, documents = printed(whole), read_corpus(corpus).documents
    folds = fold_numbers(len(documents), folds=FOLDS)
    accelerator = accelerator_for("float32")
    suspects = [*found["denied"], *found["asserted"]]
    for fold in range(1, FOLDS + 1):
        ensemble = load_ensemble(whole / "teachers" / "runs" / f"teacher-{fold}")
        for scored in ensemble.score(documents, accelerator=accelerator):
            margins = ensemble.rule.objective.margins(scored.scores)[:, 1].tolist()
            by_pair = dict(zip(map(tuple, scored.pairs.tolist()), margins, strict=True))
            for each in suspects:
                if each["document"] == scored.index and folds[scored.index] == fold:
                    pair = each["subject"]["entity"], each["object"]["entity"]
                    assert each["margin"] == pytest.approx(by_pair[pair], abs=2e-3)


def test_the_page_shows_the_text_with_both_entities(whole: Path) -> None:
    page = (whole / "suspects.html").read_text(encoding="utf-8")

    assert "letter 7" in page
    assert "Quay<sub>object</sub>" in page


def test_finished_teachers_are_reused_from_their_folder_alone(whole: Path, corpus: Path, tmp_path: Path) -> None:
    moved = shutil.copyfile(corpus, tmp_path / "moved.jsonl")

    output, log = run("suspects", moved, "--teachers", whole / "teachers", "--json")
    table, _ = run("suspects", moved, "--teachers", whole / "teachers", "--count", "1")

    found = json.loads(output)
    assert {key: found[key] for key in ("denied", "asserted", "folds")} == {
        key: printed(whole)[key] for key in ("denied", "asserted", "folds")
    }
    assert "epoch" not in log
    assert table.count("| owns |") == 2
    assert "Nord | owns | Egon" in table


def test_interrupted_teachers_go_on_to_the_same_suspects(
    whole: Path, corpus: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_config(str(config))
    cuts = PowerCuts(monkeypatch)
    for steps in (5, 30):
        cuts.steps = steps
        with pytest.raises(PowerCutError):
            suspects_of(corpus, settings, teachers=tmp_path / "teachers")
    cuts.steps = -1

    found = suspects_of(corpus, settings, teachers=tmp_path / "teachers")

    assert found["denied"] == printed(whole)["denied"]
    assert found["asserted"] == printed(whole)["asserted"]


def suspects_of(corpus: Path, config: RunConfig, *, teachers: Path) -> dict[str, Any]:
    judged = judge(corpus, config=config, teachers=teachers, folds=FOLDS, show_progress=False)
    found: dict[str, Any] = json.loads(json.dumps(find_suspects(judged).as_json(), default=str))
    return found


@pytest.mark.long
def test_a_distillation_goes_on_with_the_teachers(whole: Path, config: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "teachers", tmp_path / "distilled")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "distilled").rglob("*.safetensors")}

    summary = distill(
        load_config(str(config)), output=tmp_path / "distilled", folds=FOLDS, resume=True, show_progress=False
    )

    assert [stage["name"] for stage in summary["stages"]][-2:] == ["margins", "student"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_cannot_be_judged_is_refused_with_one_message(
    whole: Path, corpus: Path, config: Path, tmp_path: Path
) -> None:
    def refused(*options: object, file: Path = corpus) -> str:
        return run("suspects", file, *options, code=2)[1]

    teachers = ("--teachers", whole / "teachers")
    assert "there are no teachers; give --config" in refused()
    assert "give --config, too" in refused(*teachers, "--folds", "4")
    assert "give --config, too" in refused(*teachers, "--set", "trainer.seed=1")
    assert "has no teachers" in refused("--teachers", tmp_path)
    assert "ends in .html" in refused(*teachers, "--output", tmp_path / "page.json")
    assert "give one of the two" in refused(*teachers, "--device", "cpu", "--devices", "cpu")
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(corpus.read_bytes() + b"\n")
    assert "changed.jsonl: is another file than" in refused(*teachers, file=changed)
    own = ("--config", config, "--teachers", tmp_path / "new")
    assert "expected at least 2" in refused(*own, "--folds", "1")
    assert "has only 12 documents; choose fewer" in refused(*own, "--folds", "13")
    assert "data.leave_out" in refused(*own, "--set", "data.leave_out=[1, 2]")
    assert "missing.jsonl" in refused(*own, file=tmp_path / "missing.jsonl")
    assert not (tmp_path / "new").exists()
    assert "trainer.seed was 66, now 1" in refused(*own[:2], *teachers, "--folds", FOLDS, "--set", "trainer.seed=1")


def test_a_run_that_left_no_fold_out_is_no_teacher(whole: Path, corpus: Path, tmp_path: Path) -> None:
    first = tmp_path / "runs" / "teacher-1"
    first.mkdir(parents=True)
    text = (whole / "teachers" / "runs" / "teacher-1" / "config.toml").read_text(encoding="utf-8")
    start = text.index("leave_out")
    (first / "config.toml").write_text(text[:start] + text[text.index("]", start) + 1 :], encoding="utf-8")

    assert "leaves out no fold" in run("suspects", corpus, "--teachers", tmp_path, code=2)[1]


def test_a_file_that_only_chose_the_epoch_is_not_the_train_file(tmp_path: Path) -> None:
    train, dev = tmp_path / "train.json", tmp_path / "dev.json"
    for path, text in ((train, "[]"), (dev, "[ ]")):
        path.write_text(text, encoding="utf-8")
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    config = load_config("redocred_minilm", overrides=[f"data.train={train}"])
    (run_folder / "config.toml").write_text(dump_config(config), encoding="utf-8")
    digests = {str(path): file_sha256(path) for path in (train, dev)}
    (run_folder / "environment.json").write_text(
        json.dumps({"run": "", "python": "", "code_sha256": "", "packages": {}, "data_sha256": digests}),
        encoding="utf-8",
    )

    refuse_changed_run(run_folder, config=config, files={train: CorpusFile(train, format="docred")})
    with pytest.raises(AtlopError, match=r"dev\.json: is another file than .* was trained on"):
        refuse_changed_run(run_folder, config=config, files={train: CorpusFile(dev, format="docred")})
