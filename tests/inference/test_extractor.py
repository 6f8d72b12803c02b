"""Text and entities become the facts that prediction finds, one document or a stream of them."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from atlop.corpora import CorpusFile
from atlop.decoding import Decision, Fusion, Probability
from atlop.ensemble import Ensemble, Member
from atlop.errors import AtlopError
from atlop.inference import Extraction, ExtractionError, RelationExtractor
from atlop.inference import extractor as module
from atlop.model import AtlopModel
from atlop.model.atlop import Pooled
from atlop.preprocessing import Batch
from atlop.schema import Document, Fact
from tests.golden_values import golden_batch, golden_documents, golden_model
from tests.inference.texts import ENTITIES, TEXT, plain_row


def decoded_facts(found: Extraction | ExtractionError) -> list[Fact]:
    assert isinstance(found, Extraction)
    return [Fact(fact.subject.entity, fact.object.entity, fact.relation) for fact in found]


def predicted(extractor: RelationExtractor, documents: list[Document]) -> list[list[Fact]]:
    ensemble = Ensemble.from_members([Member(extractor.model, extractor.tokenizer)])
    found = ensemble.predict(documents, accelerator=extractor.accelerator)
    return [[Fact(*fact.key) for fact in facts] for facts in found.facts]


def test_plain_text_gives_the_facts_that_prediction_finds_in_words(extractor: RelationExtractor) -> None:
    documents = list(golden_documents())

    found = list(extractor.pipe([plain_row(document) for document in documents]))

    assert [result.document for result in found] == list(range(8))
    assert list(map(decoded_facts, found)) == predicted(extractor, documents)


def test_real_text_gives_the_facts_that_prediction_finds_in_words(
    extractor: RelationExtractor, real_data: Path
) -> None:
    documents = list(islice(CorpusFile(real_data / "docred" / "test.json"), 40))

    found = extractor.pipe([plain_row(document) for document in documents])

    assert list(map(decoded_facts, found)) == predicted(extractor, documents)


def test_the_margin_is_the_score_above_that_of_th(extractor: RelationExtractor) -> None:
    [found] = extractor.pipe(golden_documents()[:1])

    batch = golden_batch("bert", [0])
    with torch.no_grad():
        scores = extractor.model(batch).scores
    rows = {pair: row for row, pair in enumerate(map(tuple, batch.pairs.tolist()))}
    assert isinstance(found, Extraction)
    for fact in found:
        of_pair = scores[rows[fact.subject.entity, fact.object.entity]]
        class_id = extractor.model.config.vocabulary.class_of(fact.relation)
        assert fact.margin == pytest.approx(float(of_pair[class_id] - of_pair[0]), abs=1e-5)
        assert fact.margin > 0
        assert fact.probability is None


def test_a_decision_moves_the_threshold_and_gives_probabilities(extractor: RelationExtractor) -> None:
    before = list(extractor.pipe(golden_documents()[:2]))
    model = golden_model("bert")
    decision = Decision(use="offset", offset=1.0, probability=Probability(slope=2.0, intercept=-1.0))
    model.config.decision = decision.model_dump()
    calibrated = RelationExtractor(model, extractor.tokenizer)

    found = list(calibrated.pipe(golden_documents()[:2]))

    assert list(map(decoded_facts, found)) == predicted(calibrated, list(golden_documents()[:2]))
    assert calibrated.fingerprint != extractor.fingerprint
    for all_of_them, chosen in zip(before, found, strict=True):
        assert isinstance(all_of_them, Extraction)
        assert isinstance(chosen, Extraction)
        assert [fact.margin for fact in chosen] == pytest.approx(
            [fact.margin for fact in all_of_them if fact.margin > 1], abs=1e-5
        )
        for fact in chosen:
            assert fact.probability == pytest.approx(1 / (1 + math.exp(1 - 2 * fact.margin)), abs=1e-5)


def test_an_extractor_decides_by_fusion_as_prediction_does(extractor: RelationExtractor, tmp_path: Path) -> None:
    probability = Probability(slope=2.0, intercept=-1.0)
    fusion = Fusion(weight=0.5, missing=0.25, threshold=0.5, probability=probability)
    decision = Decision(use="fusion", fusion=fusion, evidence_threshold=0.1)
    file = tmp_path / "decision.json"
    file.write_text(decision.model_dump_json(), encoding="utf-8")
    fused = RelationExtractor(extractor.model, extractor.tokenizer, decision=file)

    found = list(fused.pipe(golden_documents()))

    ensemble = Ensemble((Member(extractor.model, extractor.tokenizer),), rule=fused._rule)
    expected = ensemble.predict(golden_documents(), accelerator=fused.accelerator).facts
    assert [
        {(fact.subject.entity, fact.object.entity, fact.relation) for fact in result}
        for result in found
        if isinstance(result, Extraction)
    ] == [{fact.key for fact in facts} for facts in expected]
    assert any(expected)
    for result in found:
        assert isinstance(result, Extraction)
        for fact in result:
            assert fact.margin > 0.5
            assert fact.probability == pytest.approx(1 / (1 + math.exp(1 - 2 * fact.margin)), abs=1e-5)
    assert fused.fingerprint != extractor.fingerprint


def test_a_text_gives_facts_that_are_ready_as_json(extractor: RelationExtractor) -> None:
    first, *_ = extractor(TEXT, ENTITIES)

    row = json.loads(json.dumps(first.as_json()))
    assert row["subject"] == {
        "entity": 0, "name": "Lucia Vestergaard", "type": "", "id": None, "mentions": [[0, 17]]
    }  # fmt: skip
    assert row["object"]["mentions"] == [[52, 66], [68, 76]]
    assert [each["sentence"] for each in row["evidence"]] == [0, 1]
    for each in row["evidence"]:
        assert set(each) == {"sentence", "start", "end", "text", "share"}
        assert each["text"] == TEXT[each["start"] : each["end"]]
        assert 0.2 < each["share"] <= 1
    assert set(row) == {
        *("subject", "relation", "relation_name", "object"),
        *("margin", "probability", "evidence"),
    }


def test_ungrouped_mentions_are_grouped_as_the_same_entities(extractor: RelationExtractor) -> None:
    mentions = [{"start": 0, "end": 17}, {"start": 52, "end": 66, "id": "Q1"}, {"start": 68, "end": 76, "id": "Q1"}]

    grouped = extractor(TEXT, mentions, group_by="id")

    assert [fact.margin for fact in grouped] == [fact.margin for fact in extractor(TEXT, ENTITIES)]
    assert {fact.subject.id for fact in grouped} == {None, "Q1"}


ORDER = [2, 0, 1, 6, 7, 0] * 4


def test_a_stream_is_read_in_chunks_and_kept_in_order(
    extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOCUMENTS_PER_CHUNK", 3)
    taken: list[int] = []

    def documents() -> Iterator[Document]:
        for index in ORDER:
            taken.append(index)
            yield golden_documents()[index]

    found = extractor.pipe(documents())
    first = next(found)

    assert len(taken) < len(ORDER)
    rest = [first, *found]
    assert [item.title for item in rest if isinstance(item, Extraction)] == [
        golden_documents()[index].title for index in ORDER
    ]


def too_large_for_memory(*_: object) -> Tensor:
    raise MemoryError


@pytest.mark.parametrize("is_valid", [False, True])
def test_errors_are_yielded_before_the_stream_ends(
    is_valid: bool, extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOCUMENTS_PER_CHUNK", 3)
    monkeypatch.setattr(type(extractor.model), "score", too_large_for_memory)
    taken: list[int] = []

    def documents() -> Iterator[Document | bytes]:
        for index in ORDER:
            taken.append(index)
            yield golden_documents()[index] if is_valid else b"{"

    found = extractor.pipe(documents())
    first = next(found)

    assert len(taken) < len(ORDER)
    rest = [first, *found]
    assert [item.document for item in rest if isinstance(item, ExtractionError)] == list(range(len(ORDER)))


def test_chunks_of_invalid_documents_change_nothing_of_others(
    extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = golden_documents()[0], b"{"
    expected, *_ = extractor.pipe([good])
    monkeypatch.setattr(module, "DOCUMENTS_PER_CHUNK", 1)
    documents: list[Document | bytes] = [bad, good, good, bad, bad, good, bad]

    found = list(extractor.pipe(documents))

    assert [item.document for item in found] == list(range(len(documents)))
    for item, document in zip(found, documents, strict=True):
        assert isinstance(item, ExtractionError) == (document is bad)
        assert document is bad or decoded_facts(item) == decoded_facts(expected)


def test_two_extractors_keep_their_own_precision(extractor: RelationExtractor, model_folder: Path) -> None:
    before = extractor(TEXT, ENTITIES)

    other = RelationExtractor.from_pretrained(model_folder, precision="bf16")

    assert [fact.margin for fact in other(TEXT, ENTITIES)] != [fact.margin for fact in before]
    assert extractor(TEXT, ENTITIES) == before


def test_an_invalid_document_is_an_error_in_its_place(extractor: RelationExtractor) -> None:
    good = (TEXT, ENTITIES)
    bad = [
        b"{",
        b'{"text": "A"}',
        {"entities": []},
        {"text": 3, "entities": []},
        (TEXT, [[(0, 1000)]]),
        (TEXT, [[(-1, 3)]]),
        (TEXT, [[(3, 3)]]),
        (TEXT, [[]]),
        (TEXT, [[(17, 18)]]),  # a space
        (TEXT, "Lucia"),
        (TEXT, [[(0, 17)], (52, 66)]),
        (TEXT, [{"start": "0", "end": 17}]),
        (TEXT,),
    ]

    found = list(extractor.pipe([good, *bad, good]))  # type: ignore[list-item]

    assert [isinstance(result, ExtractionError) for result in found] == [False, *[True] * len(bad), False]
    messages = [result.message for result in found if isinstance(result, ExtractionError)]
    assert [message.partition(",")[0].partition(":")[0] for message in messages] == [
        f"document {index}" for index in range(1, 1 + len(bad))
    ]
    assert messages[4].endswith("ends at character 1000, but the text has 102 characters")
    assert messages[8].endswith("has only space; expected characters of a word")
    assert messages[10].endswith("is a group of mentions, but entity 1 is an ungrouped mention ([52, 66]); group all mentions, or none")  # fmt: skip  # noqa: E501


def test_a_lone_surrogate_is_an_error_in_its_place(extractor: RelationExtractor) -> None:
    good, [first, *_] = (TEXT, ENTITIES), golden_documents()
    bad: list[Any] = [
        (f"{TEXT} \ud800", ENTITIES),
        {"text": f"{TEXT} \ud800", "entities": ENTITIES},
        {"title": "\ud800", "text": TEXT, "entities": ENTITIES},
        replace(first, title="\ud800"),
        replace(first, sentences=(("\ud800", *first.sentences[0][1:]), *first.sentences[1:])),
    ]

    found = list(extractor.pipe([good, *bad, good]))

    assert [isinstance(result, ExtractionError) for result in found] == [False, *[True] * len(bad), False]
    for index, result in enumerate(found[1:-1], start=1):
        assert isinstance(result, ExtractionError)
        assert result.message.startswith(f"document {index}: has a lone surrogate, '\\ud800'")


def test_a_document_that_the_model_cannot_score_is_an_error_in_its_place(
    extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = type(extractor.model).score

    def too_large(self: AtlopModel, batch: Batch, pooled: Pooled) -> Tensor:
        if "middle" in batch.titles:
            raise MemoryError
        scores: Tensor = score(self, batch, pooled)
        return scores

    expected = list(extractor.pipe(golden_documents()[:3]))
    monkeypatch.setattr(type(extractor.model), "score", too_large)

    first, second, third = extractor.pipe(golden_documents()[:3])

    assert isinstance(second, ExtractionError)
    assert second.message.startswith('document 1 ("middle"): not enough memory')
    assert list(map(decoded_facts, (first, third))) == [decoded_facts(expected[0]), decoded_facts(expected[2])]


def test_a_document_of_which_a_pseudo_document_cannot_be_scored_is_an_error_in_its_place(
    extractor: RelationExtractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = Decision(
        use="fusion", fusion=Fusion(weight=0.5, missing=0.25, threshold=0.5), evidence_threshold=0.1
    )  # fmt: skip
    (tmp_path / "decision.json").write_text(decision.model_dump_json(), encoding="utf-8")
    fused = RelationExtractor(extractor.model, extractor.tokenizer, decision=tmp_path / "decision.json")
    expected = list(fused.pipe(golden_documents()[:3]))
    score, scored = type(extractor.model).score, set[str]()

    def too_large(self: AtlopModel, batch: Batch, pooled: Pooled) -> Tensor:
        if "middle" in scored.intersection(batch.titles):  # the whole document was scored before
            raise MemoryError
        scored.update(batch.titles)
        scores: Tensor = score(self, batch, pooled)
        return scores

    monkeypatch.setattr(type(extractor.model), "score", too_large)

    first, second, third = fused.pipe(golden_documents()[:3])

    assert isinstance(second, ExtractionError)
    assert second.message.startswith('document 1 ("middle"): in a pseudo document, not enough memory')
    assert list(map(decoded_facts, (first, third))) == [decoded_facts(expected[0]), decoded_facts(expected[2])]


def test_one_bad_text_raises_what_is_wrong(extractor: RelationExtractor) -> None:
    with pytest.raises(AtlopError, match=r"^the text, entity 0, mention 0: ends at character 1000"):
        extractor(TEXT, [[(0, 1000)]])


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("", []),
        (TEXT, []),
        (TEXT, [[(0, 17)]]),
        ("שלום לרותי מירושלים", [[(5, 10)], [(11, 19)]]),
        ("👩‍👩‍👧 Lucia 😀 loves Emeka 🇩🇰.", [[(6, 11)], [(20, 25)], [(26, 28)]]),
        (TEXT, [[(0, 17)], [(0, 5)], [(6, 17)], [(0, 17)]]),  # overlapping
    ],
    ids=["no text", "no entity", "one entity", "right to left", "emoji", "overlapping"],
)
def test_unusual_text_is_read(extractor: RelationExtractor, text: str, entities: list[object]) -> None:
    facts = extractor(text, entities, explain=True)

    assert all(0 <= fact.subject.entity < len(entities) for fact in facts)
    for fact in facts:
        assert fact.subject.name == text[slice(*fact.subject.mentions[0])]
        assert fact.context is not None
        for word in fact.context.words:
            assert word.word == text[word.start : word.end]


def test_300_entities_are_read(extractor: RelationExtractor) -> None:
    text = " ".join(f"Lucia{index}" for index in range(300))
    starts = [text.index(f"Lucia{index}") for index in range(300)]

    [found] = extractor.pipe([(text, [[(start, start + 5)] for start in starts])])

    assert isinstance(found, Extraction)
    assert {fact.subject.entity for fact in found} | {fact.object.entity for fact in found} <= set(range(300))


def test_50_000_words_are_read_up_to_the_cut_and_what_is_lost_is_told(extractor: RelationExtractor) -> None:
    text = "Lucia met Emeka. " * 12_500
    assert len(text.split()) == 37_500
    text += "Tomas " * 12_500

    [found] = extractor.pipe([(text, [[(0, 5)], [(10, 15)], [(len(text) - 6, len(text) - 1)]])])

    assert isinstance(found, Extraction)
    assert found.unread_mentions == 1


def test_atlop_gives_the_extractor_when_it_is_asked_for() -> None:
    import atlop

    assert atlop.RelationExtractor is RelationExtractor
    with pytest.raises(AttributeError, match="has no attribute 'Extractor'"):
        atlop.Extractor  # noqa: B018


def test_offsets_and_texts_may_be_those_of_numpy(extractor: RelationExtractor) -> None:
    mentions = [[tuple(map(np.int64, mention)) for mention in entity] for entity in ENTITIES]
    record = {"text": np.str_(TEXT), "entities": mentions, "pairs": ((np.uint8(0), np.int32(1)),)}
    plain = {"text": TEXT, "entities": ENTITIES, "pairs": [[0, 1]]}

    assert extractor(np.str_(TEXT), mentions) == extractor(TEXT, ENTITIES)
    assert list(extractor.pipe([record])) == list(extractor.pipe([plain]))


@pytest.mark.parametrize("value", [True, np.True_, 1.0, np.float64(1), np.array([0, 1]), "1"])
def test_what_is_no_integer_is_refused_as_an_offset(value: object, extractor: RelationExtractor) -> None:
    with pytest.raises(AtlopError, match=r"mention 0, item 0: expected a whole number"):
        extractor(TEXT, [[(value, 7)]])
