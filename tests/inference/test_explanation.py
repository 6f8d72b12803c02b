"""What is shown of the context is what the model averages by."""

from pathlib import Path

import numpy as np
import pytest
import torch

from atlop.inference import Extraction, RelationExtractor
from atlop.inference.explanation import context_weights
from atlop.inference.found import NEAR_MISSES
from tests.golden_values import (
    golden_batch,
    golden_documents,
    golden_model,
    golden_preprocessed,
    golden_tokenizer,
    represent,
)
from tests.inference.texts import ENTITIES, TEXT


@pytest.mark.parametrize("document", [0, 1], ids=["one window", "two windows"])
def test_context_weights_are_those_of_the_localized_context(document: int) -> None:
    model, batch = golden_model("bert"), golden_batch("bert", [0, 3])
    first = document * batch.pair_counts[0]

    with torch.no_grad():
        attention = model.pool(batch).entity_attention(document)
        assert attention is not None
        weights = context_weights(torch.tensor(batch.document_pairs[document][:5]).long(), attention=attention)
        _, contexts = represent(model, batch)
        states = model.pool(batch).states[document, : batch.lengths[document]]

    torch.testing.assert_close(weights @ states, contexts[first : first + 5], atol=1e-5, rtol=0)


@pytest.mark.parametrize("index", [0, 5, 6])
def test_every_token_is_of_its_word(extractor: RelationExtractor, index: int) -> None:
    document, features, tokenizer = (
        golden_documents()[index],
        golden_preprocessed("bert")[index],
        golden_tokenizer("bert"),
    )

    words = extractor._preprocessor.token_words(document)

    assert len(words) == len(features.input_ids)
    assert words[0] == words[-1] == -1
    tokens = tokenizer.convert_ids_to_tokens(features.input_ids.tolist())
    for number, word in enumerate(word for sentence in document.sentences for word in sentence):
        of_word = [token for token, owner in zip(tokens, words, strict=True) if owner == number and token != "*"]
        if number == words.max():
            break  # it may be cut
        assert of_word == tokenizer.tokenize(word)


def test_the_heaviest_words_and_the_evidence_are_those_of_the_slow_way(extractor: RelationExtractor) -> None:
    [found] = extractor.pipe(golden_documents()[:1], explain=True)

    document, words = golden_documents()[0], extractor._preprocessor.token_words(golden_documents()[0])
    with torch.no_grad():
        attention = extractor.model.pool(golden_batch("bert", [0])).entity_attention(0)
    assert attention is not None
    assert isinstance(found, Extraction)
    assert found.facts
    for fact in found:
        rows = attention.rows(slice(0, len(document.entities)))[:, :, [fact.subject.entity, fact.object.entity]]
        weights = (rows[..., 0] * rows[..., 1]).mean(dim=1).numpy()
        weights = weights / (weights.sum() + 1e-5)
        of_words = np.array([weights[words == number].sum() for number in range(document.words)])
        flat = [(s, word) for s, sentence in enumerate(document.sentences) for word in sentence]
        best = np.argsort(-of_words)[:10]
        context = fact.context
        assert context is not None
        assert context.share_of_words == pytest.approx(of_words.sum(), abs=1e-5)
        assert [word.weight for word in context.words] == pytest.approx(of_words[best] / of_words.sum(), abs=2e-6)
        assert {(word.sentence, word.word) for word in context.words[:3]} <= {flat[number] for number in best}
        sentence_of = np.array([s for s, _ in flat])
        shares = {s: of_words[sentence_of == s].sum() for s in range(len(document.sentences))}
        assert {each.sentence: each.share for each in fact.evidence} == pytest.approx(
            {s: share for s, share in shares.items() if share > 0.2}, abs=2e-6
        )


def test_without_being_asked_for_there_is_no_context(extractor: RelationExtractor) -> None:
    [found] = extractor.pipe(golden_documents()[:1])

    assert isinstance(found, Extraction)
    assert all(fact.context is None and "context" not in fact.as_json() for fact in found)


def test_near_misses_are_the_largest_margins_where_nothing_is_a_fact(
    extractor: RelationExtractor, model_folder: Path, nothing_holds: Path
) -> None:
    strict = RelationExtractor.from_pretrained(model_folder, decision=nothing_holds)
    found = strict(TEXT, ENTITIES, explain=True)

    assert not found.facts
    facts = sorted(extractor(TEXT, ENTITIES, explain=True), key=lambda fact: -fact.margin)
    assert 0 < len(facts) < len(found.near_misses) == NEAR_MISSES
    assert found.near_misses[: len(facts)] == tuple(facts)
    assert found.as_json()["near_misses"] == [fact.as_json() for fact in found.near_misses]
    assert strict(TEXT, ENTITIES).near_misses == ()
    assert strict(TEXT, ENTITIES[:1], explain=True).near_misses == ()
    assert extractor(TEXT, ENTITIES, explain=True).near_misses == ()
