"""Tables of detailed scores: one line per group of facts."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from atlop.cli.text import NOTHING, grid, percent
from atlop.evaluation import Comparison, DetailedScores, Difference, Estimate, GroupScores, MacroScores

if TYPE_CHECKING:
    from atlop.calibration import DecisionScores
    from atlop.decoding import DecisionName
    from atlop.end_to_end import EndToEndEvaluation

TITLES = {
    "sentences": "mentions in a sentence",
    "mentions": "mentions of the pair",
    "distance": "words between mentions",
    "evidence": "evidence sentences",
    "macro": "mean over relations",
    "relations": "relation",
}
"""Heading of each kind of group."""


def detailed_table(scores: DetailedScores, *, names: Mapping[str, str] | None = None) -> str:
    """Return the table of detailed scores; `names` are readable names of relations."""
    header = ["", "F1", "95 % interval", "precision", "recall", "correct", "predicted", "gold", "train"]
    header += ["Ign F1", "Ign F1 interval"]

    def row(label: str, group: GroupScores) -> list[str]:
        counts = [f"{count:,}" for count in (group.correct, group.submitted, group.gold)]
        train = "" if group.train is None else f"{group.train:,}"
        ign = [percent(group.ign_f1.value), _interval(group.ign_f1)] if group.ign_f1 else []
        f1, interval, precision, recall = _shares(group)
        if not group.gold:  # a fact that is predicted here is wrong, but none could be found
            f1, interval, recall, ign = NOTHING, "", NOTHING, []
        precision = precision if group.submitted else NOTHING
        return [label, f1, interval, precision, recall, *counts, train, *ign]

    rows: list[Sequence[str]] = [row("all", scores.all)]
    for kind in ("sentences", "mentions", "distance", "evidence"):
        groups: dict[str, GroupScores] = getattr(scores, kind)
        rows += [[], [TITLES[kind]], *(row(f"  {label}", group) for label, group in groups.items())]
    rows += [[], [TITLES["macro"]]]
    rows += [[f"  {_macro_label(label)}: {mean.relations}", *_shares(mean)] for label, mean in scores.macro.items()]
    rows += [[], [TITLES["relations"]]]
    for relation, group in scores.relations.items():
        name = (names or {}).get(relation)
        rows.append(row(f"  {relation} {name}" if name else f"  {relation}", group))
    return grid(header, rows, drop=["Ign F1 interval", "predicted", "correct", "95 % interval", "train", "Ign F1"])


def comparison_table(comparison: Comparison) -> str:
    """Return the table of differences between two results."""
    total = comparison["all"]["all"]
    rows: list[Sequence[str]] = [_difference("F1", total.f1, gold=total.gold)]
    measures = {"Ign F1": total.ign_f1, "precision": total.precision, "recall": total.recall}
    rows += [_difference(label, measure) for label, measure in measures.items() if measure is not None]
    for kind, title in TITLES.items():
        rows += [[], [f"F1: {title}"]]
        for label, group in comparison.get(kind, {}).items():
            label = _macro_label(label) if kind == "macro" else label
            rows.append(_difference(f"  {label}", group.f1, gold=group.gold))
    header = ["", "first", "second", "difference", "95 % interval", "p", "gold"]
    return grid(header, rows, drop=["gold", "first", "second"])


def decision_table(scores: "Mapping[DecisionName, DecisionScores]") -> str:
    """Return the table of what decisions are worth: on the documents they were chosen on, then by cross-validation."""
    rows = [
        [
            f"{name}, over the offset" if name == "fusion" else name,
            percent(row.f1),
            percent(row.cross_validated_f1),
            "" if row.gain is None else f"{100 * row.gain.value:+.2f}",
            "" if row.gain is None else f"{100 * row.gain.low:+.2f} … {100 * row.gain.high:+.2f}",
            percent(row.precision),
            percent(row.recall),
        ]
        for name, row in scores.items()
    ]
    header = ["", "F1 there", "F1 unseen", "gain", "95 % interval", "precision", "recall"]
    return grid(header, rows, drop=["recall", "precision"])


def end_to_end_table(evaluation: "EndToEndEvaluation") -> str:
    """Return the table of what is right of mentions, entities and facts, by where entities come from."""
    rows: list[Sequence[str]] = []
    for title, scores in (("gold mentions, grouped", evaluation.gold_mentions), ("text alone", evaluation.text)):
        kinds = {
            "mentions": scores.mentions,
            "entities, strict": scores.entities_strict,
            "entities, overlapping": scores.entities_overlapping,
            "facts, strict": scores.facts_strict,
            "facts, overlapping": scores.facts_overlapping,
        }
        rows += [[title]]
        rows += [[f"  {kind}", *map(percent, (each.f1, each.precision, each.recall))] for kind, each in kinds.items()]
        rows += [[]]
    gold = evaluation.gold_entities.facts_strict
    rows += [["gold entities"], ["  facts", *map(percent, (gold.f1, gold.precision, gold.recall))]]
    return grid(["", "F1", "precision", "recall"], rows, drop=["recall", "precision"])


def loss_table(evaluation: "EndToEndEvaluation") -> str:
    """Return the table of the F1 of facts that each stage loses."""
    stages = (evaluation.gold_entities, evaluation.gold_mentions, evaluation.text)
    kept = [(1.0, 1.0), *((each.facts_strict.f1, each.facts_overlapping.f1) for each in stages)]
    rows = [
        [f"  {name}", *(f"{100 * (after - before):+.2f}" for before, after in zip(earlier, later, strict=True))]
        for name, (earlier, later) in zip(("relations", "grouping", "recognition"), pairwise(kept), strict=True)
    ]
    rows.append(["  what is left", *map(percent, kept[-1])])
    return grid(["F1 of facts lost to", "strict", "overlapping"], rows, drop=[])


def _difference(label: str, measure: Difference, *, gold: int | None = None) -> list[str]:
    if gold == 0:
        return [label, *[NOTHING] * 3, "", "", "0"]
    shares = percent(measure.first), percent(measure.second), f"{100 * measure.difference:+.2f}"
    interval = f"{100 * measure.low:+.2f} … {100 * measure.high:+.2f}"
    return [label, *shares, interval, f"{measure.p:.4f}", "" if gold is None else f"{gold:,}"]


def _shares(scores: GroupScores | MacroScores) -> list[str]:
    """Return F1, its interval, precision and recall."""
    return [
        percent(scores.f1.value),
        _interval(scores.f1),
        percent(scores.precision.value),
        percent(scores.recall.value),
    ]


def _interval(estimate: Estimate) -> str:
    return f"{percent(estimate.low)} – {percent(estimate.high)}"


def _macro_label(label: str) -> str:
    return "all" if label == "all" else label.replace("below", "train facts <")
