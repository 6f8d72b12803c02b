"""Prodigy's examples, and UBIAI's, whose relations count tokens from the other end."""

import copy
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import read_corpus
from atlop.errors import AtlopError
from tests.corpora.formats.described import issues_of, read
from tests.corpora.formats.samples import PRODIGY, SENTENCE, UBIAI, json_bytes

ENTITIES = ["Person: Nella Brun", "Firm: Siv Line"]
DESCRIBED = (ENTITIES, ["Nella Brun > owns > Siv Line"])


@pytest.fixture
def example() -> dict[str, Any]:
    return copy.deepcopy(PRODIGY)


def test_relations_name_the_last_tokens_of_spans(tmp_path: Path, example: dict[str, Any]) -> None:
    assert read(tmp_path / "a.jsonl", json_bytes(example)) == [DESCRIBED]
    [document] = read_corpus(tmp_path / "a.jsonl")
    assert (document.title, document.text, document.sentences) == ("line 1", SENTENCE, (tuple(SENTENCE.split()),))


def test_relations_may_name_their_spans(tmp_path: Path, example: dict[str, Any]) -> None:
    example["relations"][0] |= {"head": 99, "head_span": {"start": 0, "end": 10, "label": "Person"}}

    assert read(tmp_path / "a.jsonl", json_bytes(example)) == [DESCRIBED]


def test_a_token_without_a_span_is_a_mention_without_a_type(tmp_path: Path, example: dict[str, Any]) -> None:
    owns = {"start": 11, "end": 15, "token_start": 2, "token_end": 2, "label": None}
    example["relations"] = [
        {"head": 2, "child": 1, "label": "who"},
        {"head": 2, "child": 5, "label": "what", "head_span": owns},
    ]

    assert read(tmp_path / "a.jsonl", json_bytes(example)) == [
        (["Person: Nella Brun", ": owns", "Firm: Siv Line"], ["owns > who > Nella Brun", "owns > what > Siv Line"])
    ]


def test_only_accepted_examples_count(tmp_path: Path, example: dict[str, Any]) -> None:
    unanswered = {key: value for key, value in example.items() if key not in ("answer", "relations")}
    rows = [example, example | {"answer": "reject"}, example | {"answer": "ignore"}, unanswered]
    rows.append(example | {"spans": None, "relations": None})

    assert read(tmp_path / "a.jsonl", b"\n".join(map(json_bytes, rows))) == [DESCRIBED, (ENTITIES, None), ([], [])]
    assert issues_of(tmp_path / "a.jsonl").left_out == {
        'examples with the answer "reject"': 1,
        'examples with the answer "ignore"': 1,
    }


def test_old_exports_have_no_tokens(tmp_path: Path, example: dict[str, Any]) -> None:
    del example["tokens"], example["relations"]

    assert read(tmp_path / "a.jsonl", json_bytes(example)) == [(ENTITIES, None)]


def test_emoji_may_count_as_two(tmp_path: Path) -> None:
    text = "🚢 Nella"
    for start in (2, 3):
        tokens = [
            {"text": "🚢", "start": 0, "end": start - 1, "id": 0},
            {"text": "Nella", "start": start, "end": start + 5, "id": 1},
        ]
        spans = [{"start": start, "end": start + 5, "token_start": 1, "token_end": 1, "label": "Person"}]
        assert read(tmp_path / "a.jsonl", json_bytes({"text": text, "tokens": tokens, "spans": spans})) == [
            (["Person: Nella"], None)
        ]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("spans", 0, "token_start"), 1, 'line 1: span 0: its "token_start" is 1, but no such token starts'),
        (("spans", 0, "token_end"), 2, 'its "token_end" is 2, but no such token ends'),
        (("spans", 0, "end"), 99, "span 0 is at characters 0 to 99"),
        (("tokens", 1, "text"), "Green", 'token 1 is "Green", but'),
        (("relations", 0, "child"), 77, "relation 0 names token 77 as child, but the example has 7 tokens"),
        (
            ("relations", 0, "head_span"),
            {"start": 0, "end": 5, "label": "X"},
            "relation 0 names .X. at characters 0 to 5",
        ),
        (("relations", 0, "label"), None, '"label": expected a string'),
    ],
)
def test_an_invalid_example_says_what(
    tmp_path: Path, example: dict[str, Any], path: tuple[str, int, str], value: object, problem: str
) -> None:
    key, index, name = path
    example[key][index][name] = value

    with pytest.raises(AtlopError, match=problem):
        read(tmp_path / "a.jsonl", json_bytes(example))


def test_relations_of_ubiai_name_the_first_tokens_of_spans(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", json_bytes(UBIAI)) == [DESCRIBED]
    made = copy.deepcopy(UBIAI)
    made[0]["relations"][0]["child"] = 5  # type: ignore[index]
    with pytest.raises(AtlopError, match="relation 0 names token 5 as child, at which no span begins"):
        read(tmp_path / "a.json", json_bytes(made))
