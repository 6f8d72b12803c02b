"""From what annotators export to a trained model and back to suggestions, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from tests.corpora.formats.described import described
from tests.test_cli import run, values_of

PEOPLE, FIRMS = ("Ada Berg", "Ben Vale", "Cleo Stone"), ("Siv Line", "Redwood", "Kelso Works")
CONFIG = """
data = {{ train = "{train}", dev = "{train}" }}
encoder.name = "{encoder}"
classifier = {{ representation_size = 32, block_size = 8 }}
optimizer = {{ encoder_learning_rate = 0.01, new_layers_learning_rate = 0.01 }}
trainer = {{ epochs = 12, batch_size = 3, precision = "float32" }}
"""
ENTITIES = ["Person: Ada Berg", "Firm: Siv Line"]


def annotated(person: str, firm: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Return a text, and its mentions: a person who owns a firm."""
    text = f"🚢 {person} owns the {firm} ."
    spans = [
        (text.index(name), text.index(name) + len(name), type_) for name, type_ in ((person, "Person"), (firm, "Firm"))
    ]
    return text, spans


def trained(folder: Path, train: Path, *, encoder: Path) -> Path:
    """Train on a corpus, and return the run."""
    (folder / "notes.toml").write_text(CONFIG.format(train=train, encoder=encoder), encoding="utf-8")
    run("train", folder / "notes.toml", "--output", folder / "run")
    return folder / "run"


def test_a_folder_of_brat_becomes_a_model_that_annotates_another(tmp_path: Path, tiny_encoder: Path) -> None:
    for name, relation in (("train", "R1\towns Arg1:T1 Arg2:T2\n"), ("fresh", "")):
        for index in range(9):
            text, spans = annotated(PEOPLE[index % 3], FIRMS[index // 3])
            lines = [
                f"T{number}\t{type_} {start} {end}\t{text[start:end]}\n"
                for number, (start, end, type_) in enumerate(spans, 1)
            ]
            path = tmp_path / name / f"letters/{index}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.with_suffix(".ann").write_text("".join(lines) + relation, encoding="utf-8")

    checked, _ = run("check", tmp_path / "train")
    model = trained(tmp_path, tmp_path / "train", encoder=tiny_encoder)
    output, _ = run("extract", model, tmp_path / "fresh", "--format", "brat", "--output", tmp_path / "suggested")

    assert values_of(checked)["owns"] == "9"
    assert values_of(output)["documents"] == "9"
    first = read_corpus(tmp_path / "suggested").documents[0]
    assert (first.title, first.text) == ("letters/0", annotated(PEOPLE[0], FIRMS[0])[0])
    assert described(first) == (ENTITIES, ["Ada Berg > owns > Siv Line"])
    assert "R1\towns Arg1:T1 Arg2:T2" in (tmp_path / "suggested/letters/0.ann").read_text(encoding="utf-8")


def test_an_export_of_label_studio_becomes_a_model_that_predicts_for_it(tmp_path: Path, tiny_encoder: Path) -> None:
    export: list[dict[str, Any]] = []
    for index in range(9):
        text, spans = annotated(PEOPLE[index % 3], FIRMS[index // 3])
        result: list[dict[str, Any]] = [
            {
                "id": f"r{number}",
                "type": "labels",
                "from_name": "label",
                "to_name": "text",
                "value": {"start": start, "end": end, "text": text[start:end], "labels": [type_]},
            }
            for number, (start, end, type_) in enumerate(spans)
        ]
        relation = {"type": "relation", "from_id": "r1", "to_id": "r0", "direction": "left", "labels": ["owns"]}
        export.append(
            {"id": index, "data": {"text": text}, "annotations": [{"id": index, "result": [*result, relation]}]}
        )
    project, tasks = tmp_path / "project.json", tmp_path / "tasks.json"
    project.write_text(json.dumps(export), encoding="utf-8")

    model = trained(tmp_path, project, encoder=tiny_encoder)
    report = json.loads(run("extract", model, project, "--format", "labelstudio", "--output", tasks, "--json")[0])

    assert (report["documents"], report["facts"], report["errors"]) == (9, 9, 0)
    made = json.loads(tasks.read_text(encoding="utf-8"))
    [relation] = [each for each in made[0]["predictions"][0]["result"] if each["type"] == "relation"]
    assert (relation["from_id"], relation["to_id"], relation["labels"]) == ("0-0", "1-0", ["owns"])
    submitted = [task | {"annotations": task["predictions"]} for task in made]  # as annotators accept them
    project.write_text(json.dumps(submitted), encoding="utf-8")
    assert described(read_corpus(project).documents[0]) == (ENTITIES, ["Ada Berg > owns > Siv Line"])


def test_lines_of_ones_own_whose_first_text_has_no_entities_are_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"id": "one", "text": "Nothing.", "entities": []}\n', encoding="utf-8")

    output, _ = run("extract", "sample", path, "--output", tmp_path / "facts.jsonl")

    assert values_of(output)["documents"] == "1"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--format", "yaml"], "out: cannot be written in format 'yaml'; known: "),
        (["--format", "brat", "--explain"], "--ner, --group-by, --explain and --engine are for facts alone"),
        (["--format", "brat", "--ner", "spacy:none"], "are for facts alone; leave them out with --format"),
        (["--format", "brat", "--workers", "2"], "are for --engine ray; add it, or leave them out"),
        ([], "is not JSON lines; expected a .jsonl"),
    ],
)
def test_what_cannot_be_written_or_read_is_refused(tmp_path: Path, arguments: list[str], problem: str) -> None:
    path = tmp_path / "dev.json"
    path.write_text("[]", encoding="utf-8")

    assert problem in run("extract", "sample", path, "--output", tmp_path / "out", *arguments, code=2)[1]
    assert list(tmp_path.iterdir()) == [path]
