"""The rule for evidence where none is annotated."""

from pathlib import Path

import pytest

from atlop.corpora import read_corpus
from atlop.preprocessing.evidence import with_rule_evidence
from atlop.schema import Document
from tests.made_documents import document

SENTENCES = ("a b", "b c", "c d", "e", "b c x", "a e")


def made(names: str, *, title: str = "a title", facts: tuple[tuple[int, int, str], ...] = ((0, 1, "P17"),)) -> Document:
    """A document whose entities are the letters in `names`, wherever they stand in `SENTENCES`."""
    words = [sentence.split() for sentence in SENTENCES]
    entities = [
        [(s, w, w + 1) for s, sentence in enumerate(words) for w, word in enumerate(sentence) if word == name]
        for name in names
    ]
    return document(*SENTENCES, entities=entities, facts=facts, title=title)


@pytest.mark.parametrize(
    ("names", "title", "evidence"),
    [
        ("ab", "", (0,)),  # both are named there
        ("bc", "", (1, 4)),
        ("acb", "", (0, 1, 4)),  # b shares sentences with both
        ("adbc", "", (0, 2)),  # c shares none with a, b none with d: the first sentence of each
        ("acxb", "", (0, 1, 4)),
        ("bxca", "", (4,)),
        ("aceb", "b", (0, 1, 4)),
        ("ed", "", (2, 3)),
    ],
)
def test_sentences_name_both_or_one_with_a_bridge_or_are_the_first_ones(
    names: str, title: str, evidence: tuple[int, ...]
) -> None:
    [fact] = with_rule_evidence(made(names, title=title)).facts or ()
    assert fact.evidence == evidence


def test_the_entity_of_the_title_is_the_bridge_before_the_most_frequent_one() -> None:
    sentences = ("a x", "x d", "a y", "y d", "y", "y")
    entities = [
        [
            (s, w, w + 1)
            for s, sentence in enumerate(sentences)
            for w, word in enumerate(sentence.split())
            if word == name
        ]
        for name in "adxy"
    ]
    facts = [(0, 1, "P17")]
    [frequent] = with_rule_evidence(document(*sentences, entities=entities, facts=facts, title="?")).facts or ()
    [titled] = with_rule_evidence(document(*sentences, entities=entities, facts=facts, title="X")).facts or ()
    assert (frequent.evidence, titled.evidence) == ((2, 3), (0, 1))


def test_without_facts_a_document_stays_as_it_is() -> None:
    unlabelled = made("ab", facts=())
    assert with_rule_evidence(unlabelled) is unlabelled


def test_on_real_documents_it_finds_most_of_the_annotated_evidence(real_data: Path) -> None:
    documents = read_corpus(real_data / "docred" / "train_first200.json").documents[:100]
    right = found = annotated = 0
    for original in documents:
        for gold, ruled in zip(original.facts or (), with_rule_evidence(original).facts or (), strict=True):
            if gold.evidence:
                right += len(set(gold.evidence) & set(ruled.evidence))
                found += len(ruled.evidence)
                annotated += len(set(gold.evidence))
    assert right / annotated > 0.7
    assert right / found > 0.5
