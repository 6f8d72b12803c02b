"""Binary cross-entropy, with and without TH (Zhou et al. 2021, ablations and threshold comparison)."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from atlop.objectives.objective import PairwiseObjective, at_least_float32
from atlop.schema import THRESHOLD_CLASS


class BinaryCrossEntropy(PairwiseObjective):
    """Scores each relation independently, without TH; a relation holds if its score exceeds a threshold.

    The threshold is 0 unless calibration chooses one for all relations or for each relation.

    Keeps 1.0 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    has_threshold_class = False

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_r BCE(σ(s_r), y_r)` over relations."""
        scores = at_least_float32(scores[:, THRESHOLD_CLASS + 1 :])
        return _summed_cross_entropy(scores, labels[:, THRESHOLD_CLASS + 1 :])


class BinaryCrossEntropyWithTh(PairwiseObjective):
    """The paper's ablation "− adaptive-thresholding loss": TH is trained as one more class.

    A relation holds if it scores above TH.

    Keeps 1.0 times the scores' memory for the backward pass (adaptive thresholding: 2.5).
    """

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return `Σ_c BCE(σ(s_c), y_c)` over all classes; TH holds if no relation does."""
        targets = labels.clone()
        targets[:, THRESHOLD_CLASS] = ~labels[:, THRESHOLD_CLASS + 1 :].any(dim=1)
        return _summed_cross_entropy(at_least_float32(scores), targets)


def _summed_cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(scores, labels.to(scores.dtype), reduction="none").sum(dim=1)
