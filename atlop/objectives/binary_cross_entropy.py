"""Binary cross-entropy, the loss that adaptive thresholding replaces (Zhou et al. 2021, ablation and thresholds)."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from atlop.objectives.objective import PairwiseObjective, at_least_float32
from atlop.schema import THRESHOLD_CLASS


class BinaryCrossEntropy(PairwiseObjective):
    """Each relation on its own, without TH; a relation holds when its score exceeds a threshold.

    The threshold is 0, or what calibration on dev chose: one for all relations, or one for each.

    Keeps 1.0 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    has_threshold_class = False

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_r BCE(σ(s_r), y_r)` over relations."""
        scores = at_least_float32(scores[:, THRESHOLD_CLASS + 1 :])
        return _summed_cross_entropy(scores, labels[:, THRESHOLD_CLASS + 1 :])


class BinaryCrossEntropyWithTh(PairwiseObjective):
    """The paper's ablation "− adaptive-thresholding loss": TH is a class like the others.

    A relation holds when it scores above TH.

    Keeps 1.0 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_c BCE(σ(s_c), y_c)` over all classes; TH holds where no relation does."""
        held = labels.clone()
        held[:, THRESHOLD_CLASS] = ~labels[:, THRESHOLD_CLASS + 1 :].any(dim=1)
        return _summed_cross_entropy(at_least_float32(scores), held)


def _summed_cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(scores, labels.to(scores.dtype), reduction="none").sum(dim=1)
