"""Entities as spaCy and transformers give them are those of the same text in plain lists."""

from typing import Any

import numpy as np
import pytest

from atlop.errors import AtlopError
from atlop.inference import RelationExtractor

TEXT = "Lucia Vestergaard founded the archive of Port Lockroy. Vestergaard left Port Lockroy in 2006."
MENTIONS = [(0, 17, "PER"), (41, 53, "LOC"), (55, 66, "PER"), (72, 84, "LOC")]
PLAIN = [{"start": start, "end": end, "type": type_} for start, end, type_ in MENTIONS]


@pytest.fixture
def doc() -> Any:
    spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'atlop[spacy]'")
    doc = spacy.blank("en")(TEXT)
    doc.ents = [doc.char_span(start, end, label=type_) for start, end, type_ in MENTIONS]
    return doc


def test_entities_of_spacy_are_ungrouped_mentions(doc: Any, extractor: RelationExtractor) -> None:
    expected = extractor(TEXT, PLAIN)

    assert expected
    assert extractor(doc.text, doc.ents) == expected
    assert list(extractor.pipe([{"text": doc.text, "entities": doc.ents, "title": "the text"}])) == [expected]


def test_spans_of_spacy_may_be_grouped(doc: Any, extractor: RelationExtractor) -> None:
    lucia, port, surname, again = doc.ents

    found = extractor(TEXT, [[lucia, surname], (port, again)])

    assert found
    assert [fact.margin for fact in found] == [
        fact.margin for fact in extractor(TEXT, [[(0, 17), (55, 66)], [(41, 53), (72, 84)]])
    ]


def test_the_knowledge_base_id_of_a_span_is_its_id(doc: Any, extractor: RelationExtractor) -> None:
    doc.ents = [
        doc.char_span(start, end, label=type_, kb_id="Q1" if type_ == "PER" else "") for start, end, type_ in MENTIONS
    ]

    found = extractor(TEXT, doc.ents, group_by="id")

    lucia = next(entity for fact in found for entity in (fact.subject, fact.object) if entity.id == "Q1")
    assert lucia.mentions == ((0, 17), (55, 66))


def test_what_the_ner_pipeline_of_transformers_returns_is_taken(extractor: RelationExtractor) -> None:
    aggregated = [
        {"entity_group": type_, "score": np.float32(0.9), "word": TEXT[start:end].lower(), "start": start, "end": end}
        for start, end, type_ in MENTIONS
    ]
    tokens = [
        {
            "entity": f"{prefix}-{type_}",
            "score": np.float32(0.9),
            "index": 1,
            "word": "",
            "start": np.int64(s),
            "end": e,
        }
        for start, end, type_ in MENTIONS
        for prefix, s, e in (("B", start, start + 3), ("I", start + 3, end))
    ]

    assert extractor(TEXT, aggregated) == extractor(TEXT, PLAIN)
    assert extractor(TEXT, tokens) == extractor(TEXT, PLAIN)


def test_a_span_of_another_text_is_one_message(doc: Any, extractor: RelationExtractor) -> None:
    with pytest.raises(AtlopError, match="mention 1, span 0: ends at character 53, but the text has 20"):
        extractor(TEXT[:20], doc.ents)
