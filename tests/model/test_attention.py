"""Dropout's choice of elements is random in the right share."""

import pytest
import torch

from atlop.model.attention import keep_mask


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.9])
def test_the_share_of_dropped_elements_is_the_one_asked_for(dropout: float) -> None:
    torch.manual_seed(0)
    kept = keep_mask(torch.Size([4, 500, 500]), dropout=dropout)
    assert kept.dtype == torch.bool
    assert kept.shape == (4, 500, 500)
    assert 1 - kept.float().mean().item() == pytest.approx(dropout, abs=0.003)
    for place in range(4):  # four elements share a draw
        assert 1 - kept.view(-1, 4)[:, place].float().mean().item() == pytest.approx(dropout, abs=0.005)


def test_elements_that_share_a_draw_are_independent() -> None:
    torch.manual_seed(0)
    kept = keep_mask(torch.Size([400_000]), dropout=0.5).view(-1, 4).float()
    correlation = torch.corrcoef(kept.T)
    torch.testing.assert_close(correlation, torch.eye(4), atol=0.02, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5])
def test_any_number_of_elements_can_be_drawn(count: int) -> None:
    assert keep_mask(torch.Size([count]), dropout=0.5).shape == (count,)


def test_the_choice_follows_the_seed() -> None:
    masks = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        masks.append(keep_mask(torch.Size([100]), dropout=0.5))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
