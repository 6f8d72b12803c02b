"""What is unusual about a corpus means the same to every command."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlop.cli.text import MAX_LISTED
from atlop.corpora.issues import MAX_KEPT
from atlop.model_folder import save_model
from tests.golden_values import golden_model, golden_tokenizer
from tests.test_cli import DOCUMENT, run, values_of, write
from tests.test_cli_report import data_of

RESULT = [
    {"title": "Skai TV", "h_idx": 0, "t_idx": 1, "r": "P159"},
    {"title": "Skai TV", "h_idx": 1, "t_idx": 2, "r": "P17"},
]
SENTENCE = "Anna lives in Oslo."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows `NA` as the label of pairs without a relation."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    loaded = golden_model("bert")
    loaded.config.negative_label = "NA"
    save_model(folder, model=loaded, tokenizer=golden_tokenizer("bert"))
    return folder


def labelled(name: str, **changes: Any) -> dict[str, Any]:
    """Return a document with a label that says that no relation holds."""
    labels: Any = DOCUMENT["labels"]
    return DOCUMENT | {"labels": [*labels, {"h": 2, "t": 0, "r": name, "evidence": []}]} | changes


# labels of pairs without a relation


def test_na_of_docred_is_no_fact_in_any_command_without_a_model(tmp_path: Path) -> None:
    corpus, result = write(tmp_path / "dev.json", [labelled("Na")]), write(tmp_path / "result.json", RESULT)
    rel2id = write(tmp_path / "rel2id.json", {"Na": 0, "P17": 1, "P159": 2})

    for options in ([], ["--relations", rel2id]):
        values = values_of(run("check", corpus, *options)[0])
        assert (values["facts"], values["relations"], values["negative labels"]) == ("2", "2", "1")
    score = json.loads(run("score", result, corpus, "--json")[0])
    assert (score["scores"]["f1"], score["file"]["negative_labels"]) == (1.0, 1)
    differences = json.loads(run("compare", corpus, result, result, "--json")[0])["differences"]
    assert set(differences["relations"]) == {"P17", "P159"}
    run("convert", corpus, tmp_path / "out.jsonl", "--to", "jsonl")
    assert len(json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["relations"]) == 2


def test_another_name_is_no_fact_where_rel2id_gives_it_id_0_and_elsewhere_a_hint(tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [labelled("no_relation")])
    rel2id = write(tmp_path / "rel2id.json", {"no_relation": 0, "P17": 1, "P159": 2})

    told = json.loads(run("check", corpus, "--relations", rel2id, "--json")[0])
    untold, _ = run("check", corpus)

    assert (told["valid"], told["hints"], told["statistics"]["negative_labels"]) == (True, [], 1)
    assert 'hint: 1 facts have the relation "no_relation"' in untold
    assert values_of(untold)["negative labels"] == "0"


def test_a_model_leaves_out_the_label_that_it_was_trained_to_leave_out(model: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [labelled("NA")])

    evaluated = json.loads(run("evaluate", model, corpus, "--json")[0])
    run("report", model, "--dev", corpus, "--output", tmp_path / "report.html")

    assert (evaluated["scores"]["gold"], evaluated["file"]["negative_labels"]) == (2, 1)
    assert data_of(tmp_path / "report.html")["results"][0]["scores"]["gold"] == 2


# no gold facts


def test_without_gold_facts_every_score_is_not_available(model: Path, tmp_path: Path) -> None:
    corpus, result = write(tmp_path / "dev.json", [labelled("Na", labels=[])]), write(tmp_path / "result.json", RESULT)
    page = tmp_path / "report.html"

    for command in (["evaluate", model, corpus], ["score", result, corpus]):
        output, _ = run(*command, "--detailed")
        assert [values_of(output)[key] for key in ("F1", "precision", "recall", "Ign F1")] == ["–"] * 4
        assert "the file has no gold fact" in output
        found = json.loads(run(*command, "--json")[0])
        assert found["scores"]["f1"] is found["detailed"] is None
    assert "nothing to compare: the file has no gold fact" in run("compare", corpus, result, result)[0]
    assert json.loads(run("compare", corpus, result, result, "--json")[0])["differences"] is None
    assert values_of(run("report", model, "--dev", corpus, "--against", result, "--output", page)[0])["F1"] == "–"
    assert data_of(page)["results"][0]["detailed"] is data_of(page)["comparison"] is None
    assert "has no gold fact, so no threshold can be chosen on it" in run("calibrate", model, corpus, code=2)[1]
    assert "hint: has labels, but no gold fact, so there is nothing to score" in run("check", corpus)[0]


# pairs


def test_predict_says_which_types_the_scheme_knows_where_no_pair_is_classified(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.PubTator"
    file.write_text(
        "1|t|Naloxone harms\n1|a|\n1\t0\t8\tNaloxone\tDrug\tD1\n1\t9\t14\tharms\tPhenotype\tD2\n", encoding="utf-8"
    )

    output, problem = run("predict", model, file, "--format", "cdr", "--output", tmp_path / "result.json")

    assert (values_of(output)["classified pairs"], values_of(output)["facts"]) == ("0", "0")
    assert (
        "no pair is classified, so no fact can be found: the scheme classifies pairs of the types Chemical → "
        in problem
    )
    assert "the file has Drug, Phenotype" in problem


# mentions


def test_check_counts_mentions_that_do_not_fit_their_words_and_gives_a_hint(tmp_path: Path) -> None:
    entities: Any = DOCUMENT["vertexSet"]
    shifted = [[mention | {"pos": [at + 1 for at in mention["pos"]]} for mention in entity] for entity in entities]

    output, _ = run("check", write(tmp_path / "dev.json", [DOCUMENT | {"vertexSet": shifted}]))

    assert values_of(output)["misnamed mentions"] == "4"
    assert "hint: 4 of 4 mentions have a name that is not what stands at their words" in output
    assert values_of(run("check", write(tmp_path / "dev.json", [DOCUMENT]))[0])["misnamed mentions"] == "0"


def test_check_counts_mentions_that_cut_a_word_and_gives_a_hint(tmp_path: Path) -> None:
    row = {"text": SENTENCE, "entities": [{"mentions": [[0, 3]]}, {"mentions": [[14, 17]]}]}

    output, _ = run("check", write(tmp_path / "dev.jsonl", row))

    assert values_of(output)["cut mentions"] == "2"
    assert "hint: 2 of 2 mentions begin or end inside a word" in output


def test_ungrouped_mentions_are_valid_to_check_too(tmp_path: Path) -> None:
    row = {"text": SENTENCE, "entities": [{"start": 0, "end": 4, "type": "PER"}, {"start": 14, "end": 18}]}

    values = values_of(run("check", write(tmp_path / "dev.jsonl", row))[0])

    assert (values["entities"], values["mentions"], values["pairs"]) == ("2", "2", "2")


# problems without end


def test_problems_are_counted_and_the_first_hundred_kept(tmp_path: Path) -> None:
    corpus = tmp_path / "dev.json"
    corpus.write_text("[" + ",".join(["1"] * 1000 + [json.dumps(DOCUMENT)]) + "]", encoding="utf-8")

    output, _ = run("check", corpus, code=2)
    found = json.loads(run("check", corpus, "--json", code=2)[0])

    assert f"… and {1000 - MAX_LISTED} more; --json lists the first {MAX_KEPT}" in output
    assert (values_of(output)["problems"], found["problem_count"], len(found["problems"])) == ("1,000", 1000, MAX_KEPT)


def test_a_file_that_breaks_off_has_this_problem_and_those_before(tmp_path: Path) -> None:
    corpus = tmp_path / "dev.json"
    corpus.write_text("[1, 2, " + json.dumps(DOCUMENT) + ', {"title', encoding="utf-8")

    found = json.loads(run("check", corpus, "--json", code=2)[0])

    assert (found["problem_count"], len(found["problems"]), found["statistics"]) == (3, 3, None)
    assert "not valid JSON" in found["problems"][0]
    assert "document 0: expected an object" in found["problems"][1]


def test_a_file_without_a_valid_document_has_a_problem_for_each(tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", list(range(30)))

    output, _ = run("check", corpus, code=2)
    found = json.loads(run("check", corpus, "--json", code=2)[0])

    assert f"… and {30 - MAX_LISTED} more; --json lists all" in output
    assert (found["problem_count"], len(found["problems"]), found["statistics"]) == (30, 30, None)


def test_all_problems_of_a_submission_are_counted_and_the_first_of_each_kind_printed(tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [DOCUMENT])
    result = write(tmp_path / "result.json", [RESULT[0] | {"h_idx": number} for number in range(9, 59)])

    output, _ = run("check", result, "--against", corpus, code=2)
    found = json.loads(run("check", result, "--against", corpus, "--json", code=2)[0])

    assert found["problem_count"] == 50
    assert output.rstrip().endswith("… and 45 more of this kind (entity out of range)")
    assert len(output.splitlines()) == 1 + len(found["problems"])


# Unicode


def test_titles_that_differ_only_in_their_unicode_form_are_unknown_with_a_hint(tmp_path: Path) -> None:
    corpus = write(tmp_path / "dev.json", [DOCUMENT | {"title": "Caf\u00e9"}])
    result = write(tmp_path / "result.json", [RESULT[0] | {"title": "Cafe\u0301"}])

    _, warning = run("score", result, corpus)
    output, _ = run("check", result, "--against", corpus, code=2)

    hint = "; one differs only in its Unicode form: write 'Caf\\xe9', not 'Cafe\\u0301'"
    assert hint in warning
    assert hint in output


def test_names_that_differ_only_in_their_unicode_form_are_not_seen_in_training(tmp_path: Path) -> None:
    entities: Any = DOCUMENT["vertexSet"]
    named = [[[entities[0][0] | {"name": name}], *entities[1:]] for name in ("Caf\u00e9", "Cafe\u0301")]
    train, corpus = (
        write(tmp_path / f"{index}.json", [DOCUMENT | {"vertexSet": each}]) for index, each in enumerate(named)
    )

    output, warning = run("score", write(tmp_path / "result.json", RESULT), corpus, "--train", train)

    assert values_of(output)["correct, seen in training"] == "1"
    assert "1 facts to score are there only in another Unicode form of their names" in warning
    assert f"{corpus}: 1 texts are also in {train}, so scores on them say little" in warning
