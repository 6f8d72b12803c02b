"""Sentence evidence: the sentences of a pair's localized context (DREEAM, arXiv 2302.08675)."""

import torch
from torch import Tensor

from atlop.model.head import Head, PairStates
from atlop.model.outputs import LossTerm, PairOutputs
from atlop.preprocessing import Batch

_SMALLEST_SHARE = 1e-30
"""Replaces a share of 0 in the logarithm; published."""


class Evidence(Head):
    """The share of each sentence in a pair's localized context, trained towards evidence.

    It has no parameters: its gradient reaches the encoder through the attention. Shares sum to at most 1, since special
    tokens have some.
    """

    reads_sentences = True

    def forward(self, pairs: PairStates) -> Tensor:
        """Return the shares, float32 `[pairs, sentences]`."""
        assert pairs.sentence_shares is not None
        return pairs.sentence_shares

    def loss(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        """Return the divergence of the shares from their target, over the pairs that have one.

        A pair's target is the frequency of each sentence in the evidence of its facts, without truncated sentences; or
        the share that teachers give each sentence, if a batch has these, and what they leave to no sentence. The
        divergence of the shares `s` from the target `v` is `Σ v (log v − log s)`, in nats.
        """
        shares = outputs.heads[self.name]
        is_taught = len(batch.share_bits) > 0
        if is_taught:
            target, shares = (_with_rest(each) for each in (batch.share_bits.view(torch.float32), shares))
        else:
            target = evidence_frequencies(batch, dtype=shares.dtype)
        divergence = torch.xlogy(target, target) - target * shares.clamp(min=_SMALLEST_SHARE).log()
        weights = batch.pair_values(
            [each.weight * (each.shares is not None or not is_taught) for each in batch.supervision]
        )
        return LossTerm((divergence.sum(dim=1) * weights).sum(), self.count(batch), weight=self.weight)

    def count(self, batch: Batch) -> int:
        """Return the number of pairs that have a target."""
        return batch.evidence_pairs


def _with_rest(shares: Tensor) -> Tensor:
    """Append what is on no sentence but on special tokens, `[pairs, sentences + 1]`."""
    return torch.cat([shares, (1 - shares.sum(dim=1, keepdim=True)).clamp(min=0)], dim=1)


def evidence_frequencies(batch: Batch, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the frequency of each sentence in the evidence of each pair's facts, `[pairs, sentences]`.

    A row sums to 1, or is 0 for a pair without evidence.
    """
    label_rows, sentences = batch.evidence.long().unbind(dim=1)
    index = batch.labels[:, 0].long().index_select(0, label_rows) * batch.sentences + sentences
    counts = torch.zeros(len(batch.pairs) * batch.sentences, dtype=dtype, device=index.device)
    counts = counts.index_add(0, index, torch.ones_like(index, dtype=dtype)).view(-1, batch.sentences)
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
