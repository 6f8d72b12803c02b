"""Which documents go into which update, and at which learning rate."""

from math import ceil

import pytest
import torch

from atlop.config import OptimizerConfig
from atlop.errors import AtlopError
from atlop.training.schedule import Update, make_optimizer, updates_of_epoch, updates_per_epoch
from tests.golden_values import untrained_golden_model


def updates(documents: int, *, batch: int, accumulation: int = 1, seed: int = 66, epoch: int = 0) -> list[Update]:
    return list(updates_of_epoch(documents, batch_size=batch, accumulation=accumulation, seed=seed, epoch=epoch))


def flat(epoch: list[Update]) -> list[int]:
    return [document for update in epoch for batch in update for document in batch]


def test_an_epoch_has_as_many_updates_as_batches_over_accumulation_rounded_up() -> None:
    for documents in range(1, 40):
        for batch in range(1, min(documents, 6) + 1):
            for accumulation in range(1, 6):
                expected = ceil((documents // batch) / accumulation)
                assert updates_per_epoch(documents, batch_size=batch, accumulation=accumulation) == expected
                assert len(updates(documents, batch=batch, accumulation=accumulation)) == expected


def test_the_last_update_of_an_epoch_takes_the_batches_that_are_left() -> None:
    epoch = updates(23, batch=2, accumulation=4)
    assert [len(update) for update in epoch] == [4, 4, 3]
    assert all(len(batch) == 2 for update in epoch for batch in update)


def test_only_the_last_incomplete_batch_is_left_out() -> None:
    used = flat(updates(23, batch=4))
    assert len(used) == len(set(used)) == 20
    assert set(used) <= set(range(23))
    assert sorted(flat(updates(24, batch=4, accumulation=5))) == list(range(24))


def test_other_documents_are_left_out_in_other_epochs() -> None:
    left_out = [set(range(7)) - set(flat(updates(7, batch=4, epoch=epoch))) for epoch in range(60)]
    assert set.union(*left_out) == set(range(7))
    assert all(len(documents) == 3 for documents in left_out)


def test_documents_are_shuffled_anew_in_every_epoch_and_alike_for_a_seed() -> None:
    assert updates(40, batch=4) == updates(40, batch=4)
    orders = [flat(updates(40, batch=4, seed=seed, epoch=epoch)) for seed in (66, 67) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert list(range(40)) not in orders


def test_the_order_does_not_hang_on_other_randomness() -> None:
    torch.manual_seed(1)
    first = updates(40, batch=4)
    torch.manual_seed(2)
    assert updates(40, batch=4) == first


def test_too_few_documents_for_a_batch_are_refused() -> None:
    with pytest.raises(AtlopError, match=r"trainer\.batch_size: 4, but there are only 3 train documents"):
        updates_per_epoch(3, batch_size=4, accumulation=1)


def rates(config: OptimizerConfig, *, total: int) -> list[list[float]]:
    """Rates of encoder and new layers in every update, and after the last."""
    optimizer, schedule = make_optimizer(untrained_golden_model("bert"), config=config, updates=total)
    found = []
    for _ in range(total + 1):
        found.append([float(rate) for rate in schedule.get_last_lr()])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(("total", "warmup"), [(33, 1), (34, 2), (50, 3), (66, 3), (16, 0)])
def test_warm_up_is_rounded_down_and_the_rest_decays_to_zero(total: int, warmup: int) -> None:
    config = OptimizerConfig(encoder_learning_rate=5e-5, new_layers_learning_rate=1e-4, warmup_fraction=0.06)
    for update, (encoder, new_layers) in enumerate(rates(config, total=total)):
        share = update / warmup if update < warmup else (total - update) / (total - warmup)
        assert encoder == pytest.approx(5e-5 * share)
        assert new_layers == pytest.approx(1e-4 * share)


def test_the_optimizer_has_the_published_settings_and_every_parameter_once() -> None:
    model = untrained_golden_model("bert")
    optimizer, _ = make_optimizer(model, config=OptimizerConfig(), updates=10)
    assert isinstance(optimizer, torch.optim.AdamW)
    encoder, new_layers = optimizer.param_groups
    for group in (encoder, new_layers):
        assert group["weight_decay"] == 0
        assert group["eps"] == 1e-6
        assert group["betas"] == (0.9, 0.999)
    assert (encoder["initial_lr"], new_layers["initial_lr"]) == (5e-5, 1e-4)
    held = [id(parameter) for group in (encoder, new_layers) for parameter in group["params"]]
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in model.parameters()}
    assert {id(parameter) for parameter in new_layers["params"]} == {id(p) for p in model.classifier.parameters()}
