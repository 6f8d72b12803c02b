"""DREEAM's own rule of fusion equals a plain implementation on made scores."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from atlop.calibration import Candidates
from atlop.experiments.dreeam import choose_merged, collect_merged, listed_margins
from atlop.fusion import pseudo_documents, with_pseudo_margins
from atlop.objectives import AdaptiveThresholding
from atlop.schema import Document, Fact, RelationVocabulary
from atlop.scores import DecisionRule, DocumentScores
from tests.made_documents import document
from tests.reference import Triple, dreeam_scores, dreeam_threshold

Scores = dict[tuple[int, int], list[float]]
"""Scores of all classes, by subject and object."""
SENTENCES = 5


@dataclass(frozen=True)
class Case:
    """A corpus with made scores."""

    documents: list[Document]
    rule: DecisionRule
    wholes: list[Scores]
    parts: list[list[Scores]]
    """Of each pseudo document of each document, by entities of the whole one."""
    found: Candidates
    gold: list[set[Triple]]

    def expected(self) -> list[dict[Triple, float]]:
        return [dreeam_scores(*each, self.rule.max_relations) for each in zip(self.wholes, self.parts, strict=True)]


def made_case(seed: int) -> Case:
    """Make up to three documents, evidence and scores that are often equal."""
    draw = np.random.default_rng(seed)
    classes = int(draw.integers(2, 7))
    vocabulary = RelationVocabulary(tuple(f"P{number}" for number in range(1, classes)), {})
    rule = DecisionRule(AdaptiveThresholding(), vocabulary=vocabulary, max_relations=int(draw.integers(1, 5)))

    def score(documents: Sequence[Document]) -> Iterator[DocumentScores]:
        """Score whole documents or parts, the last first."""
        for index in reversed(range(len(documents))):
            entities = range(len(documents[index].entities))
            pairs = np.array([(s, o) for s in entities for o in entities if s != o], np.int32).reshape(-1, 2)
            scores = torch.from_numpy(draw.integers(-6, 7, (len(pairs), classes)) / np.float32(4))
            evidence = torch.from_numpy(draw.choice([0.0, 0.3], (len(pairs), SENTENCES), p=[0.8, 0.2]))
            yield DocumentScores(index, pairs, scores.float(), evidence=evidence.float())

    documents, gold = [], []
    for _ in range(int(draw.integers(1, 4))):
        mentions = [
            [(int(s), 0, 1) for s in draw.choice(SENTENCES, 2, replace=False)] for _ in range(draw.integers(1, 5))
        ]
        triples = {
            (s, o, int(draw.integers(1, classes)))
            for s in range(len(mentions))
            for o in range(len(mentions))
            if s != o and draw.random() < 0.4
        }
        facts = tuple(Fact(s, o, vocabulary.relation_of(r)) for s, o, r in sorted(triples))
        documents.append(replace(document(*["It sat ."] * SENTENCES, entities=mentions), facts=facts))
        gold.append(triples)
    wholes = list(score(documents))
    pseudo = [
        (whole.index, each) for whole in wholes for each in pseudo_documents(documents[whole.index], whole, rule=rule)
    ]
    parts: list[list[Scores]] = [[] for _ in documents]

    def score_parts(made: Sequence[Document]) -> Iterator[DocumentScores]:
        for found in score(made):
            index, part = pseudo[found.index]
            entities = np.array(part.entities)
            parts[index].append(by_pair(replace(found, pairs=entities[found.pairs].astype(np.int32))))
            yield found

    margins = partial(listed_margins, rule=rule)
    completed = list(with_pseudo_margins(documents, wholes, score=score_parts, rule=rule, margins=margins))
    wholes = sorted(wholes, key=lambda each: each.index)
    return Case(
        documents, rule, [*map(by_pair, wholes)], parts, collect_merged(completed, documents=documents, rule=rule), gold
    )


def by_pair(scored: DocumentScores) -> Scores:
    return {(s, o): row for (s, o), row in zip(scored.pairs.tolist(), scored.scores.tolist(), strict=True)}


def test_the_rule_equals_a_plain_implementation() -> None:
    seen: Counter[str] = Counter()
    for seed in range(150):
        case = made_case(seed)
        scores = case.expected()

        accepted = case.found.accepted(choose_merged(case.found))

        found = {
            (int(d), int(s), int(o), int(r)): float(margin)
            for d, s, o, r, margin in zip(
                case.found.document,
                case.found.subject,
                case.found.object,
                case.found.class_id,
                case.found.margin,
                strict=True,
            )
        }
        expected = {(index, *triple): score for index, each in enumerate(scores) for triple, score in each.items()}
        assert found == {triple: min(score, 1e6) for triple, score in expected.items()}
        ranked = [
            (score, triple in gold)
            for each, gold in zip(scores, case.gold, strict=True)
            for triple, score in each.items()
        ]
        lowest = dreeam_threshold(ranked, sum(map(len, case.gold)))
        assert dict(zip(found, accepted.tolist(), strict=True)) == {
            triple: expected[triple] >= lowest for triple in found
        }
        seen.update(cases_in(case, lowest=lowest))
    assert min(seen[name] for name in CASES) > 0, seen


CASES = ("sure", "both, not sure", "pseudo alone", "TH not kept", "ties", "no part", "cut below 0", "sure alone")


def cases_in(case: Case, *, lowest: float) -> Iterator[str]:
    """Name what occurs in a case."""
    k = case.rule.max_relations
    for whole, parts, scores in zip(case.wholes, case.parts, case.expected(), strict=True):
        in_parts = {pair for part in parts for pair in part}
        yield from ("sure" for score in scores.values() if score == np.inf)
        for pair, row in whole.items():
            ordered = sorted(row, reverse=True)
            kth = ordered[min(k, len(row)) - 1]
            names = {
                "TH not kept": row[0] < kth,
                "ties": k < len(row) and ordered[k] == kth,
                "no part": pair not in in_parts,
                "pseudo alone": any(row[r] < kth and (*pair, r) in scores for r in range(1, len(row))),
                "both, not sure": any(
                    row[r] >= kth and scores[*pair, r] not in (np.inf, row[r] - row[0] - 10) for r in range(1, len(row))
                ),
            }
            yield from (name for name, holds in names.items() if holds)
    yield from (["cut below 0"] if lowest < 0 else ["sure alone"] if lowest == np.inf else [])
