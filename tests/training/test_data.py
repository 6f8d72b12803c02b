"""The data of a run is preprocessed once, checked before training, and train documents stay on disk."""

import gc
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from atlop.config import DataConfig, EvidenceConfig, PreprocessingConfig
from atlop.corpora import json_records, read_corpus
from atlop.corpora.formats.docred import reader
from atlop.corpora.json_list import stream_json_list
from atlop.errors import AtlopError
from atlop.files import file_sha256
from atlop.prefetching import prefetch
from atlop.preprocessing import Preprocessor
from atlop.schema import Document, RelationVocabulary
from atlop.training.data import TrainingData
from tests.made_documents import assert_same

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def row(title: str, relation: str | None = "P17") -> dict[str, Any]:
    mentions = [[{"name": name, "sent_id": 0, "pos": [at, at + 1], "type": "PER"}] for at, name in enumerate("ab")]
    labels = {} if relation is None else {"labels": [{"h": 0, "t": 1, "r": relation, "evidence": [0]}]}
    return {"title": title, "sents": [["a", "b", title]], "vertexSet": mentions, **labels}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLOP_CACHE", str(tmp_path / "cache"))


def read(folder: Path, *, train: list[Any], dev: list[Any] | None = None, **config: Any) -> TrainingData:
    """Write rows to train and dev files and read them."""
    for name, rows in (("train", train), ("dev", [row("dev")] if dev is None else dev)):
        (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    return read_files(folder / "train.json", folder / "dev.json", **config)


def read_files(
    train: Path,
    dev: Path,
    *,
    max_length: int = 100,
    evidence: EvidenceConfig | None = None,
    type_embeddings: bool = False,
    **config: Any,
) -> TrainingData:
    return TrainingData(
        DataConfig(train=train, dev=dev, **config),
        tokenizer=AutoTokenizer.from_pretrained(Path(__file__).parents[1] / "golden" / "bert"),
        preprocessing=PreprocessingConfig(max_length=max_length),
        evidence=evidence or EvidenceConfig(),
        type_embeddings=type_embeddings,
        seed=66,
        show_progress=False,
    )


def record_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the name of every corpus file that is read."""
    names: list[str] = []
    original = stream_json_list

    def recording(path: Path, *, expected: str) -> Any:
        names.append(path.name)
        return original(path, expected=expected)

    monkeypatch.setattr(json_records, "stream_json_list", recording)
    return names


def test_documents_are_those_of_the_encoder(golden: Path) -> None:
    found = read_files(SAMPLE / "train.json", SAMPLE / "dev.json", max_length=60)
    tokenizer = AutoTokenizer.from_pretrained(golden / "bert")
    for split in (found.train, found.dev):
        documents = read_corpus(split.path).documents
        preprocessor = Preprocessor(tokenizer, vocabulary=found.vocabulary, max_length=60)
        for one, other in zip(split.documents, preprocessor.preprocess(documents), strict=True):
            assert_same(one, other)
    assert found.dev_documents == read_corpus(SAMPLE / "dev.json").documents


def test_a_second_run_reads_the_train_file_only_for_its_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = record_reads(monkeypatch)
    first = read(tmp_path, train=[row("one"), row("two", "P6")])
    assert names == ["dev.json", "train.json"]
    second = read(tmp_path, train=[row("one"), row("two", "P6")])
    assert names == ["dev.json", "train.json", "dev.json"]
    assert second.vocabulary == first.vocabulary == RelationVocabulary(("P17", "P6"), {})
    for one, other in zip(first.train.documents, second.train.documents, strict=True):
        assert_same(one, other)
    for _ in range(2):
        assert second.train_facts == {("a", "b", "P17")}  # not P6, which dev does not state
    assert names == ["dev.json", "train.json", "dev.json", "train.json"]


def test_given_facts_are_read_at_the_start(tmp_path: Path) -> None:
    facts = tmp_path / "train.fact"
    facts.write_text('[["a", "b", "P17"], ["x", "y", "P17"]]')
    assert read(tmp_path, train=[row("one")], train_facts=facts).train_facts == {("a", "b", "P17")}
    facts.write_text("[1]")
    with pytest.raises(AtlopError, match=r"train\.fact, fact 0: expected"):
        read(tmp_path, train=[row("one")], train_facts=facts)


def test_no_document_of_train_stays_in_memory(tmp_path: Path) -> None:
    found = read(tmp_path, train=[row(f"train {number}") for number in range(50)])
    assert len(found.train.documents) == 50
    alive = [item for item in gc.get_objects() if type(item) is Document]
    assert not [item for item in alive if item.title.startswith("train ")]


def test_every_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    original = file_sha256

    def recording(path: Path) -> str:
        hashed.append(path.name)
        return original(path)

    for module in ("atlop.training.data", "atlop.corpora.corpus"):
        monkeypatch.setattr(f"{module}.file_sha256", recording)
    relations = tmp_path / "rel2id.json"
    relations.write_text('{"P17": 1}')
    found = read(tmp_path, train=[row("one")], relations=relations).file_hashes()
    assert sorted(hashed) == ["dev.json", "rel2id.json", "train.json"]
    assert found == {str(tmp_path / name): original(tmp_path / name) for name in hashed}


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    ("train", "dev", "message"),
    [
        ([row("one"), row("two", None)], None, r"train\.json: has unlabelled documents, or none at all"),
        ([], None, r"train\.json: has unlabelled documents, or none at all"),
        ([row("one")], [row("dev", None)], r"dev\.json: has unlabelled documents, or none at all"),
        ([row("one"), 3], None, r"train\.json, document 1: expected an object with"),
        ([row("one"), row("two", "P9")], None, r'train\.json, document 1 \("two"\), fact from .* relation "P9" is not'),
    ],
)
def test_errors_are_raised_before_training_and_raised_again(
    tmp_path: Path, train: list[Any], dev: list[Any] | None, message: str, again: bool
) -> None:
    relations = tmp_path / "rel2id.json"
    relations.write_text('{"P17": 1}')
    for _ in range(1 + again):
        with pytest.raises(AtlopError, match=message):
            read(tmp_path, train=train, dev=dev, relations=relations)


def test_missing_files_are_named(tmp_path: Path) -> None:
    for missing in ("train", "dev"):
        files = {"train": SAMPLE / "train.json", "dev": SAMPLE / "dev.json", missing: tmp_path / "none.json"}
        with pytest.raises(AtlopError, match=r"none\.json: no such file"):
            read_files(files["train"], files["dev"])


def test_a_changed_scheme_makes_another_cache_entry(tmp_path: Path) -> None:
    lines = "1|t|Ada left\n1|a|\n1\t0\t3\tAda\tGene\t5\n1\t4\t8\tleft\tGene\t6\n1\tBind\t5\t6\n"
    (tmp_path / "train.txt").write_text(lines)
    scheme = tmp_path / "own.toml"
    keys = []
    for text in ("directed = true\n", "directed = false\n", "directed = true\n"):
        scheme.write_text(text)
        found = read_files(tmp_path / "train.txt", tmp_path / "train.txt", format=f"pubtator:{scheme}")
        assert found.file_hashes() == {str(path): file_sha256(path) for path in (tmp_path / "train.txt", scheme)}
        keys.append(sorted(path.name for path in (tmp_path / "cache").glob("*.json")))
    assert [len(names) for names in keys] == [1, 2, 2]


def test_each_file_has_a_format_of_its_own(tmp_path: Path) -> None:
    line = {
        "text": "a b",
        "entities": [{"mentions": [[0, 1]]}, {"mentions": [[2, 3]]}],
        "relations": [
            {"subject": subject, "object": object_, "relation": "P17"} for subject, object_ in ((0, 1), (1, 1), (1, 0))
        ],
        "pairs": [[0, 1]],
    }
    (tmp_path / "train.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "dev.json").write_text(json.dumps([row("dev")]))

    found = read_files(tmp_path / "train.jsonl", tmp_path / "dev.json")

    assert found.train.counts()["self_relations"] == found.train.counts()["unclassified_facts"] == 1
    assert found.train_facts == {("a", "b", "P17")}


def test_types_are_those_of_the_train_documents_and_the_same_in_dev(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def typed(title: str, *types: str) -> dict[str, Any]:
        made = row(title)
        for entity, kind in zip(made["vertexSet"], types, strict=True):
            entity[0]["type"] = kind
        return made

    found = read(
        tmp_path, train=[typed("one", "PER", "LOC"), typed("two", "LOC", "CITY")], dev=[typed("dev", "GPE", "PER")],
        type_embeddings=True,
    )  # fmt: skip
    assert found.types is not None
    assert found.types.names == ("CITY", "LOC", "PER")
    documents = [[*found.train.documents], [*found.dev.documents]]
    assert [[each.entity_types.tolist() for each in split] for split in documents] == [[[2, 1], [1, 0]], [[-1, 2]]]
    assert [record.message for record in caplog.records if "type" in record.message] == [
        "there are entities of type 'GPE', which the model, trained with the types CITY, LOC, PER, reads as of no type"
    ]
    plain = read_files(tmp_path / "train.json", tmp_path / "dev.json")
    assert plain.types is None
    assert [each.entity_types.tolist() for each in plain.train.documents] == [[-1, -1]] * 2
    with pytest.raises(AtlopError, match=r"its entities have no types; set classifier\.type_embeddings=false"):
        read(tmp_path, train=[typed("one", "", "")], type_embeddings=True)


def test_skipped_documents_are_logged_in_every_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    repeated = row("one")
    repeated["labels"] *= 2
    dev = [row("dev"), row("other", "P9")]
    for _ in range(2):
        caplog.clear()
        found = read(tmp_path, train=[repeated, 3], dev=dev, invalid="skip")
        assert [record.getMessage().removeprefix(f"{tmp_path}/") for record in caplog.records] == [
            f"document skipped: {tmp_path}/train.json, document 1: expected an object with {reader.EXPECTED_KEYS}; "
            "found 3",
            "train.json: 1 documents skipped, 1 read",
            "train.json: 1 facts merged with one of the same subject, object and relation (the first is kept)",
            "dev.json: 1 facts have relations that are unknown to the model",
        ]
        assert found.train.counts()["skipped_documents"] == found.train.counts()["merged_facts"] == 1
        assert found.train_facts == {("a", "b", "P17")}


@pytest.mark.parametrize(("part", "location"), [({}, 'document 1 ("b")'), ({"leave_out": (2, 4)}, 'document "b"')])
def test_an_unknown_relation_is_located_in_the_file_or_by_its_title(
    part: dict[str, Any], location: str, tmp_path: Path
) -> None:
    (tmp_path / "rel2id.json").write_text('{"Na": 0, "P17": 1}', encoding="utf-8")
    train = [row("a"), row("b", "P9"), *map(row, "cd")]

    with pytest.raises(AtlopError) as caught:
        read(tmp_path, train=train, relations=tmp_path / "rel2id.json", **part)

    assert f'train.json, {location}, fact from entity 0 to 1: relation "P9"' in str(caught.value)


def test_texts_in_train_and_dev_are_told_in_every_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        caplog.clear()
        found = read(tmp_path, train=[row("one"), row("two")], dev=[row("two"), row("dev")])
        assert caplog.messages == [
            f"{tmp_path}/dev.json: 1 texts are also in {tmp_path}/train.json, so scores on them say little"
        ]
        assert found.shared_texts == 1


def test_the_name_with_id_0_is_no_relation_to_train_and_to_dev(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    relations = tmp_path / "rel2id.json"
    relations.write_text(json.dumps({"no_relation": 0, "P17": 1}), encoding="utf-8")
    documents = {
        "train": [row("one"), row("two", "no_relation")],
        "dev": [row("dev", "no_relation"), row("other")],
    }
    for _ in range(2):
        caplog.clear()
        found = read(tmp_path, **documents, relations=relations)
        assert found.vocabulary == RelationVocabulary(("P17",), {}, negative="no_relation")
        assert [len(document.facts or ()) for document in found.dev_documents] == [0, 1]
        assert [len(features.labels) for features in found.train.documents] == [1, 0]
        assert [message.split(": ")[1] for message in caplog.messages] == [
            "1 labels left out, because they say that no relation holds"
        ] * 2

    caplog.clear()
    assert read(tmp_path, **documents).vocabulary.relations == ("P17", "no_relation")
    assert sum('have the relation "no_relation", which is learned' in message for message in caplog.messages) == 2


# prefetching


def test_results_come_in_order_whatever_takes_longest() -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    assert list(prefetch(range(7), make=slow_at_first)) == [number * number for number in range(7)]


def test_only_the_next_results_are_computed_ahead() -> None:
    requested: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            requested.append(number)
            yield number

    with closing(prefetch(items(), make=str, ahead=2)) as results:
        assert next(results) == "0"
        assert requested == [0, 1, 2]
        assert next(results) == "1"
        assert requested == [0, 1, 2, 3]


def test_closing_ends_the_thread_and_computes_nothing_more() -> None:
    before, made = threading.active_count(), list[int]()
    results = prefetch(range(100), make=made.append)
    next(results)
    results.close()
    assert threading.active_count() == before
    assert len(made) <= 3


def test_an_error_is_raised_in_place_of_its_result() -> None:
    def fail_at_two(number: int) -> int:
        if number == 2:
            raise AtlopError("the third")
        return number

    before = threading.active_count()
    results = prefetch(range(5), make=fail_at_two)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(AtlopError, match="the third"):
        next(results)
    assert threading.active_count() == before


def test_prefetching_draws_no_random_numbers() -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(3).tolist(), np.random.rand(3).tolist()
    torch.manual_seed(1)
    np.random.seed(1)
    list(prefetch(range(5), make=str))
    assert (torch.rand(3).tolist(), np.random.rand(3).tolist()) == expected


def test_evidence_is_annotated_or_made_by_the_rule_for_train_alone(tmp_path: Path) -> None:
    rows = [row("a"), row("b")]
    for label in (rows[1]["labels"][0], (dev := row("dev"))["labels"][0]):
        label["evidence"] = []
    annotated = read(tmp_path, train=rows, dev=[dev], evidence=EvidenceConfig(weight=0.1))
    ruled = read(tmp_path, train=rows, dev=[dev], evidence=EvidenceConfig(weight=0.1, source="rule"))

    assert [len(each.evidence) for each in annotated.train.documents] == [1, 0]
    assert [len(each.evidence) for each in ruled.train.documents] == [1, 1]
    assert [len(each.evidence) for each in ruled.dev.documents] == [0]


def test_training_on_evidence_that_nobody_annotated_is_refused(tmp_path: Path) -> None:
    rows = [row("a")]
    rows[0]["labels"][0]["evidence"] = []
    with pytest.raises(AtlopError, match=r"train\.json: has no annotated evidence.*set evidence\.source=rule"):
        read(tmp_path, train=rows, evidence=EvidenceConfig(weight=0.1))

    assert len(read(tmp_path, train=rows).train.documents) == 1


def test_some_documents_are_drawn_and_the_relations_are_those_of_all(tmp_path: Path) -> None:
    train = [row(str(number), f"P{number}") for number in range(9)]

    few, more = (read(tmp_path, train=train, train_documents=number) for number in (2, 5))

    titles = [[features.title for features in data.train.documents] for data in (few, more)]
    assert [len(each) for each in titles] == [2, 5]
    assert set(titles[0]) < set(titles[1])
    assert titles[1] == sorted(titles[1])
    assert few.vocabulary.relations == more.vocabulary.relations == tuple(f"P{number}" for number in range(9))
    assert few.train.counts()["documents"] == 2
    with pytest.raises(AtlopError, match=r"data\.train_documents: 10, but .*train\.json has only 9"):
        read(tmp_path, train=train, train_documents=10)


def test_train_facts_of_a_file_that_has_changed_are_refused(tmp_path: Path) -> None:
    data = read(tmp_path, train=[row("train")])
    (tmp_path / "train.json").write_text(json.dumps([row("another")]), encoding="utf-8")
    with pytest.raises(AtlopError, match=r"train\.json: has changed since it was preprocessed"):
        _ = data.train_facts
