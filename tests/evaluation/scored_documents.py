"""Random labelled documents and predictions, and a slow reference for scoring groups of facts."""

from collections.abc import Callable, Collection, Sequence
from itertools import product

import numpy as np

from atlop.schema import Document, Fact, Mention, NameTriple
from tests.made_documents import WordSpan, document

Key = tuple[int, int, str]
FactFilter = Callable[[Document, Key], bool]


def documents_at_random(number: int, *, seed: int) -> list[Document]:
    """Return documents with four sentences of eight words, five entities with 1 to 4 mentions, and up to 9 facts."""
    generator = np.random.default_rng(seed)
    choices = [(subject, object_) for subject, object_ in product(range(5), repeat=2) if subject != object_]
    made = []
    for index in range(number):
        entities: list[list[WordSpan]] = []
        for _ in range(5):
            starts = [(int(s), int(w)) for s, w in zip(*generator.integers(0, [[4], [6]], (2, 4)), strict=True)]
            entities.append([(s, w, w + int(generator.integers(1, 3))) for s, w in starts[: generator.integers(1, 5)]])
        facts = {
            (*choices[int(generator.integers(len(choices)))], f"P{min(generator.geometric(0.4), 6)}")
            for _ in range(generator.integers(10))
        }
        sentences = [" ".join(f"w{index}.{s}.{w}" for w in range(8)) for s in range(4)]
        made.append(document(*sentences, entities=entities, facts=sorted(facts), title=f"made {index}"))
    return made


def predictions_at_random(documents: Sequence[Document], *, seed: int, share: float) -> list[list[Fact]]:
    """Return this share of the gold facts and some wrong ones."""
    generator = np.random.default_rng(seed)
    predictions = []
    for item in documents:
        found = [fact for fact in item.facts or () if generator.random() < share]
        wrong = [Fact(0, 4, "P1"), Fact(2, 1, "P2"), Fact(3, 0, "P9")]
        predictions.append(found + [fact for fact in wrong if generator.random() < 0.4])
    return predictions


def count_scores(
    documents: Sequence[Document],
    predictions: Sequence[Collection[Fact]],
    *,
    is_selected: FactFilter,
    train_facts: frozenset[NameTriple] = frozenset(),
) -> dict[str, float]:
    """Score the selected facts one by one."""
    correct = submitted = gold = seen = 0
    for item, predicted in zip(documents, predictions, strict=True):
        expected = {fact.key for fact in item.facts or () if is_selected(item, fact.key)}
        found = {fact.key for fact in predicted if is_selected(item, fact.key)}
        gold, submitted, correct = gold + len(expected), submitted + len(found), correct + len(expected & found)
        for subject, object_, relation in expected & found:
            names = product(mentions_of(item, subject), mentions_of(item, object_))
            seen += any((one.name, other.name, relation) in train_facts for one, other in names)
    precision = correct / submitted if submitted else 0.0
    recall = correct / gold if gold else 0.0
    ign_precision = (correct - seen) / (submitted - seen + 1e-5)
    return {
        "f1": harmonic(precision, recall),
        "precision": precision,
        "recall": recall,
        "ign_f1": harmonic(ign_precision, recall),
        "correct": correct,
        "submitted": submitted,
        "gold": gold,
    }


def harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def mentions_of(item: Document, entity: int) -> Sequence[Mention]:
    return item.entities[entity].mentions


def share_a_sentence(item: Document, key: Key) -> bool:
    return any(
        one.sentence == other.sentence for one in mentions_of(item, key[0]) for other in mentions_of(item, key[1])
    )


def words_between(item: Document, key: Key) -> int:
    """Count the document's words between the two closest mentions."""

    def words(mention: Mention) -> set[int]:
        before = sum(map(len, item.sentences[: mention.sentence]))
        return set(range(before + mention.start, before + mention.end))

    def between(one: set[int], other: set[int]) -> int:
        return len(set(range(min(one | other), max(one | other) + 1)) - one - other) if not one & other else 0

    return min(
        between(words(one), words(other)) for one in mentions_of(item, key[0]) for other in mentions_of(item, key[1])
    )
