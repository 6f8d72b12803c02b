"""The documents and learning rate of each step, and when dev is evaluated."""

from itertools import accumulate
from math import ceil

import pytest
import torch
from torch import nn

from atlop.config import OptimizerConfig, TrainerConfig
from atlop.errors import AtlopError
from atlop.training.schedule import Schedule, make_optimizer, parameter_groups
from tests.golden_values import untrained_golden_model

Batches = list[list[int]]


def schedule(documents: int, *, batch: int, accumulation: int = 1, seed: int = 66, epochs: int = 1) -> Schedule:
    config = TrainerConfig(batch_size=batch, gradient_accumulation=accumulation, seed=seed, epochs=epochs)
    return Schedule(config, documents=documents)


def steps(documents: int, *, batch: int, accumulation: int = 1, seed: int = 66, epoch: int = 0) -> list[Batches]:
    """The batches of each step of an epoch."""
    whole = schedule(documents, batch=batch, accumulation=accumulation, seed=seed, epochs=epoch + 1)
    return [step.batches for step in whole.steps() if step.epoch == epoch]


def flat(epoch: list[Batches]) -> list[int]:
    return [document for step in epoch for batch in step for document in batch]


def test_an_epoch_has_as_many_steps_as_batches_over_accumulation_rounded_up() -> None:
    for documents in range(1, 40):
        for batch in range(1, min(documents, 6) + 1):
            for accumulation in range(1, 6):
                expected = ceil((documents // batch) / accumulation)
                assert schedule(documents, batch=batch, accumulation=accumulation).steps_per_epoch == expected
                assert len(steps(documents, batch=batch, accumulation=accumulation)) == expected


def test_the_last_step_of_an_epoch_takes_the_batches_that_are_left() -> None:
    epoch = steps(23, batch=2, accumulation=4)
    assert [len(step) for step in epoch] == [4, 4, 3]
    assert all(len(batch) == 2 for step in epoch for batch in step)


def test_documents_are_counted_over_steps_and_epochs() -> None:
    counted = schedule(23, batch=2, accumulation=4, epochs=2)
    sizes = [sum(map(len, step.batches)) for step in counted.steps()]
    assert [counted.documents_after(number) for number in range(counted.total + 1)] == [0, *accumulate(sizes)]


@pytest.mark.parametrize(("min_steps", "epochs"), [(1, 2), (10, 2), (11, 3), (23, 5)])
def test_epochs_follow_until_there_are_enough_steps(min_steps: int, epochs: int) -> None:
    whole = Schedule(TrainerConfig(batch_size=2, epochs=2, min_steps=min_steps), documents=10)

    assert (whole.steps_per_epoch, whole.epochs, whole.total) == (5, epochs, 5 * epochs)
    assert [step.number for step in whole.steps(done=3)] == list(range(4, 5 * epochs + 1))


def test_only_the_last_incomplete_batch_is_left_out() -> None:
    used = flat(steps(23, batch=4))
    assert len(used) == len(set(used)) == 20
    assert set(used) <= set(range(23))
    assert sorted(flat(steps(24, batch=4, accumulation=5))) == list(range(24))


def test_other_documents_are_left_out_in_other_epochs() -> None:
    left_out = [set(range(7)) - set(flat(steps(7, batch=4, epoch=epoch))) for epoch in range(60)]
    assert set.union(*left_out) == set(range(7))
    assert all(len(documents) == 3 for documents in left_out)


def test_documents_are_shuffled_anew_in_every_epoch_and_alike_for_a_seed() -> None:
    assert steps(40, batch=4) == steps(40, batch=4)
    orders = [flat(steps(40, batch=4, seed=seed, epoch=epoch)) for seed in (66, 67) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert list(range(40)) not in orders


def test_the_order_does_not_hang_on_other_randomness() -> None:
    torch.manual_seed(1)
    first = steps(40, batch=4)
    torch.manual_seed(2)
    assert steps(40, batch=4) == first


def test_too_few_documents_for_a_batch_are_refused() -> None:
    with pytest.raises(
        AtlopError, match=r"trainer\.batch_size: 4, but there are only 3 train documents; --set trainer\.batch_size=2"
    ):
        schedule(3, batch=4)


def rates(config: OptimizerConfig, *, total: int) -> list[list[float]]:
    """Learning rates of encoder and new layers in every step and after the last."""
    optimizer, schedule = make_optimizer(untrained_golden_model("bert"), config=config, steps=total)
    found = []
    for _ in range(total + 1):
        found.append([float(rate) for rate in schedule.get_last_lr()])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(("total", "warmup"), [(33, 1), (34, 2), (50, 3), (66, 3), (16, 0)])
def test_warm_up_is_rounded_down_and_the_rest_decays_to_zero(total: int, warmup: int) -> None:
    config = OptimizerConfig(encoder_learning_rate=5e-5, new_layers_learning_rate=1e-4, warmup_fraction=0.06)
    for step, (encoder, new_layers) in enumerate(rates(config, total=total)):
        share = step / warmup if step < warmup else (total - step) / (total - warmup)
        assert encoder == pytest.approx(5e-5 * share)
        assert new_layers == pytest.approx(1e-4 * share)


def test_the_optimizer_has_the_published_settings_and_every_parameter_once() -> None:
    model = untrained_golden_model("bert")
    optimizer, _ = make_optimizer(model, config=OptimizerConfig(), steps=10)
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
    assert [group["name"] for group in optimizer.param_groups] == ["encoder", "new_layers"]


def test_steps_go_on_in_the_middle_of_an_epoch() -> None:
    whole = schedule(7, batch=2, accumulation=2, epochs=3)
    every = list(whole.steps())
    assert [step.number for step in every] == [1, 2, 3, 4, 5, 6]
    assert [step.epoch for step in every] == [0, 0, 1, 1, 2, 2]
    for done in range(7):
        assert list(whole.steps(done=done)) == every[done:]


def test_what_is_in_no_other_group_is_in_the_new_layers() -> None:
    model = untrained_golden_model("bert")
    model.heads["own"] = nn.Linear(2, 1)
    groups = parameter_groups(model)
    assert {id(parameter) for parameter in model.heads.parameters()} <= {id(each) for each in groups["new_layers"]}
    assert {id(parameter) for parameter in model.encoder.parameters()} == {id(each) for each in groups["encoder"]}
