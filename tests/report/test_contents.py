"""The page holds every fact once, with what became of it, and can be read back."""

import json
from base64 import b64decode
from collections import Counter
from typing import Any

import numpy as np

from atlop.pages import embedded_json
from tests.report.made_pages import DOCUMENTS, HOSTILE_TITLE, HOSTILE_WORDS, NAMES, made_contents, made_page


def made() -> Any:
    return json.loads(embedded_json(made_contents()))


def test_the_outcomes_of_all_facts_add_up_to_the_scores() -> None:
    page = made()

    for key, result in zip(("outcome", "other"), page["results"], strict=True):
        counted = Counter(fact[key] for document in page["documents"] for fact in document["facts"])
        scores = result["scores"]
        assert counted["right"] == scores["correct"]
        assert counted["right"] + counted["missed"] == scores["gold"]
        found = counted["right"] + counted["reversed"] + counted["confused"] + counted["unrelated"]
        assert found == scores["submitted"]


def test_entities_mentions_and_evidence_are_those_of_the_documents() -> None:
    page = made()

    assert [each["title"] for each in page["documents"]] == [each.title for each in DOCUMENTS]
    hostile = page["documents"][-1] | page["texts"][-1]
    assert [each["mentions"] for each in hostile["entities"]] == [[[0, 0, 3]], [[0, 3, 5]], [[0, 5, 6]]]
    relations = [each["id"] for each in page["relations"]]
    [fact] = [each for each in hostile["facts"] if each["subject"] == 0 and relations[each["relation"]] == "P1"]
    assert (fact["outcome"], fact["found"], fact["within"], fact["margin"]) == ("right", [0], True, -1.0)
    [missed] = [each for each in hostile["facts"] if each["subject"] == 2]
    evidence = [(each["outcome"], each["gold"], each["found"]) for each in (fact, missed)]
    assert evidence == [("right", [], [0]), ("missed", [0], [])]  # never one for the other
    assert {each["id"]: each["name"] for each in page["relations"]}["P1"] == NAMES["P1"]


def test_weights_come_back_within_a_byte_and_stand_once_for_both_directions() -> None:
    for item, document in zip(DOCUMENTS, made()["texts"], strict=True):
        weighed = [{pair["subject"], pair["object"]} for pair in document["pairs"] if pair["weights"]]
        assert len({tuple(sorted(pair)) for pair in weighed}) == len(weighed)
        assert all({pair["subject"], pair["object"]} in weighed for pair in document["pairs"])
        for pair in document["pairs"]:
            if pair["weights"]:
                weights = np.frombuffer(b64decode(pair["weights"]), np.uint8) / 255 * pair["heaviest"]
                expected = np.arange(item.words) / sum(range(item.words))
                np.testing.assert_allclose(weights, expected, atol=pair["heaviest"] / 255)


def test_without_a_second_result_nothing_is_compared() -> None:
    page: Any = made_contents(is_compared=False)

    assert page["comparison"] is None
    assert len(page["results"]) == 1
    assert {fact["other"] for document in page["documents"] for fact in document["facts"]} == {None}


def test_the_page_is_one_file_that_loads_and_runs_nothing_else() -> None:
    page = made_page()

    head, _, rest = page.partition('<script type="application/json" id="data">')
    data, _, program = rest.partition("</script>")
    assert "<" not in data
    assert json.loads(data)["documents"][-1]["title"] == HOSTILE_TITLE
    text = rest.rpartition('id="text-11">')[2].partition("</script>")[0]
    assert "<" not in text
    assert json.loads(text)["sentences"] == [list(HOSTILE_WORDS)]
    assert "default-src 'none'" in head
    assert "window.broken = 1</script>" not in page
    assert "innerHTML" not in program
    assert "https://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page.encode()  # no half of a surrogate pair is left
