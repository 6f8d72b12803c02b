"""DREEAM's own rule of fusion (arXiv 2302.08675, 'Inference-stage Fusion'), for comparison with the fitted one.

It sees of each pair the k best classes alone, TH among them, in the document and in each pseudo document. A relation
that both list is a fact if both margins are above 0; else their sum is its score. A relation that one lists scores its
margin less 10. What scores above a threshold τ, which has the best F1 on other documents, is a fact too.

Where the published code differs from this form: it measures a margin from the k-th score less 1 if TH is not among
the k best, rather than from TH; τ is the score of the last fact that it takes, which counts where it is chosen and not
later, rather than midway to the next; and a stored τ is cut at a wrong fact if the file has labels. Pseudo documents
are those of `atlop.fusion`, with its limits; the published code has none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from atlop.calibration import Candidates, ThresholdSweep, collect_candidates
from atlop.decoding import Decision
from atlop.objectives import AdaptiveThresholding
from atlop.schema import THRESHOLD_CLASS, Document
from atlop.scores import DecisionRule, DocumentScores

ONE_SIDED = -10.0
"""What is added to the margin of a relation that only one side lists, in nats; published."""
_OUTRIGHT = 1e6  # score of what is accepted whatever the threshold


def listed_margins(scores: Tensor, *, rule: DecisionRule) -> Tensor:
    """Return the margins of the k best classes of each pair, TH among them, and all that equal the k-th.

    Args:
        scores: `[pairs, classes]`.
        rule: Supplies margins and k.

    Returns:
        Float32 `[pairs, classes]`; −∞ for the other classes and for TH.
    """
    margins = rule.objective.margins(scores)
    margins[:, THRESHOLD_CLASS] = 0.0
    smallest = margins.topk(min(rule.max_relations, margins.shape[1]), dim=1).values[:, -1:]
    margins = margins.masked_fill(margins < smallest, -torch.inf)
    margins[:, THRESHOLD_CLASS] = -torch.inf
    return margins


def collect_merged(
    scored: Iterable[DocumentScores], *, documents: Sequence[Document], rule: DecisionRule
) -> Candidates:
    """Collect what either list of a labelled corpus has, by the scores that DREEAM merges them to.

    Args:
        scored: Scores of each document, in any order; of its pseudo documents the largest listed margins.
        documents: The labelled corpus.
        rule: As for `listed_margins`.
    """
    every = replace(rule, objective=AdaptiveThresholding(), max_relations=rule.vocabulary.classes)
    return collect_candidates((_merged(each, rule=rule) for each in scored), documents=documents, rule=every)


def choose_merged(candidates: Candidates) -> Decision:
    """Choose τ by the F1 of what it accepts together with what is accepted outright; the highest of equals."""
    outright = candidates.margin == _OUTRIGHT
    counts = int(candidates.correct[outright].sum()), int(outright.sum())
    sweep = ThresholdSweep.from_margins(candidates.margin[~outright], candidates.correct[~outright])
    return Decision(use="offset", offset=float(sweep.best(gold=int(candidates.gold.sum()), others=counts)))


def _merged(scored: DocumentScores, *, rule: DecisionRule) -> DocumentScores:
    """Return merged scores with TH at 0; −∞ where neither list has a relation."""
    whole, pseudo = listed_margins(scored.scores, rule=rule), scored.pseudo_margins
    assert pseudo is not None, "pseudo documents were scored"
    both = whole.isfinite() & pseudo.isfinite()
    scores = torch.where(both, whole + pseudo, torch.maximum(whole, pseudo) + ONE_SIDED)
    scores[(whole > 0) & (pseudo > 0)] = _OUTRIGHT
    scores[:, THRESHOLD_CLASS] = 0.0
    return replace(scored, scores=scores, pseudo_margins=None)
