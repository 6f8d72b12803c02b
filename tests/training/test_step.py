"""A step compared with golden steps and equations, and the state that the next step depends on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim.optimizer import register_optimizer_step_pre_hook

from atlop.config import OptimizerConfig, Precision
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.model import AtlopModel, Head, HeadConfig, LossTerm, PairOutputs, PairStates
from atlop.objectives import OBJECTIVES, AdaptiveThresholding, Objective, objective_by_name
from atlop.ops import CapturedEncoder, attention
from atlop.preprocessing import Batch, Features, Preprocessor
from atlop.trained_weights import TrainedWeights
from atlop.training.checkpoint import Checkpoint, Values
from atlop.training.state import TrainState
from atlop.training.step import StepMetrics, TrainStep
from tests.devices import each_device
from tests.golden_values import (
    assert_gradients_equal,
    each_encoder,
    golden_batch,
    golden_model,
    golden_preprocessed,
    golden_tokenizer,
    golden_vocabulary,
    gradients,
    read_golden,
)
from tests.made_documents import document
from tests.ops.recorded_graphs import RecordedGraphs, attention_from_boundaries
from tests.training.test_state import OF_A_RUN

STILL = OptimizerConfig(encoder_learning_rate=0, new_layers_learning_rate=0)
"""Weights do not change, so that losses and gradients of several steps can be compared."""
STEADY = OptimizerConfig(encoder_learning_rate=1e-4, new_layers_learning_rate=1e-3, warmup_fraction=0)


class Stepper:
    """A model in training."""

    def __init__(
        self,
        model: AtlopModel,
        *,
        config: OptimizerConfig = STEADY,
        steps: int = 10,
        precision: Precision = "float32",
        documents: list[Features] | None = None,
        objective: Objective | None = None,
        device: str | None = None,
        ema_decay: float | None = None,
    ):
        self.model = model
        self.documents = documents or golden_preprocessed("bert")
        accelerator = accelerator_for(precision, device=device)
        trained = TrainedWeights(model, accelerator=accelerator, ema_decay=ema_decay)
        self.state = TrainState(trained, accelerator=accelerator, config=config, steps=steps)
        self.step = TrainStep(
            self.state,
            losses={"relation": objective or AdaptiveThresholding()},
            max_gradient_norm=config.max_gradient_norm,
        )

    def __call__(self, batches: list[list[int]]) -> StepMetrics:
        """Train on batches of document indices."""
        return self.step([self.model.collate([self.documents[index] for index in batch]) for batch in batches])


def weights(model: AtlopModel) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in model.named_parameters()}


def capture(model: AtlopModel, *, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Capture the encoder of a model on its device, on a CPU with the stand-in for CUDA graphs."""
    if device == "cpu":
        monkeypatch.setattr(attention, "packed_attention", attention_from_boundaries)
    model.run_encoder = CapturedEncoder(model.encoder, backend=RecordedGraphs() if device == "cpu" else None)


each_encoder_run = pytest.mark.parametrize("captured", [False, True], ids=["eager", "captured"])


@contextmanager
def stepped_gradients(model: AtlopModel) -> Iterator[dict[str, Tensor]]:
    """Collect the gradients that the optimizer steps with."""
    found: dict[str, Tensor] = {}

    def keep(*_: Any) -> None:
        found.update(gradients(model))

    hook = register_optimizer_step_pre_hook(keep)
    try:
        yield found
    finally:
        hook.remove()


@each_encoder
@each_device
@each_encoder_run
@pytest.mark.parametrize("accumulated", [False, True], ids=["one batch", "a batch a document"])
def test_golden_steps(
    name: str, device: str, captured: bool, accumulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = read_golden(f"{name}/expected.json")["training"]
    config = OptimizerConfig(
        encoder_learning_rate=5e-4,
        new_layers_learning_rate=1e-3,
        warmup_fraction=training["warmup_updates"] / training["total_updates"],
        epsilon=training["adam_eps"],
        weight_decay=training["weight_decay"],
        max_gradient_norm=training["clip"],
    )
    total = training["total_updates"]
    model = golden_model(name)
    golden = Stepper(model, config=config, steps=total, documents=golden_preprocessed(name), device=device)
    if captured:
        capture(model, device=device, monkeypatch=monkeypatch)
    assert len(training["updates"]) == total == 12
    for number, expected in enumerate(training["updates"]):
        documents = expected["documents"]
        metrics = golden([[document] for document in documents] if accumulated else [documents])
        found = {
            "loss": metrics.loss.item(),
            "gradient_norm": metrics.gradient_norm.item(),
            "encoder_lr": metrics.learning_rates["encoder"],
            "head_lr": metrics.learning_rates["new_layers"],
        }
        for key, value in found.items():
            assert value == pytest.approx(expected[key], rel=1e-4), f"step {number}: {key}"
        assert not metrics.skipped


@each_device
@each_encoder_run
def test_batches_of_a_step_count_by_their_pairs_as_one_batch_does(
    device: str, captured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = golden_model("bert"), golden_model("bert")
    together, accumulated = Stepper(whole, device=device), Stepper(parts, device=device)
    if captured:
        capture(parts, device=device, monkeypatch=monkeypatch)
    for one, two in (([0, 2], [6, 3]), ([1, 7], [4, 0])):  # of 474 and 392, of 92 and 144 pairs
        with stepped_gradients(whole) as expected_gradients:
            expected = together([one + two])
        with stepped_gradients(parts) as found_gradients:
            found = accumulated([one, two])
        assert found.loss.item() == pytest.approx(expected.loss.item(), rel=1e-6 if device == "cpu" else 1e-5)
        assert found.gradient_norm.item() == pytest.approx(expected.gradient_norm.item(), rel=1e-5)
        assert_gradients_equal(found_gradients, expected_gradients)
    # A step moves a weight by its learning rate, 1e-3 at most, whatever the size of its gradient.
    found_weights, atol = weights(parts), 1e-6 if device == "cpu" else 1e-5
    for name, value in weights(whole).items():
        torch.testing.assert_close(found_weights[name], value, atol=atol, rtol=0)


def test_what_is_estimated_from_a_batch_counts_by_its_share_of_the_pairs() -> None:
    model, batches = golden_model("bert"), [[0, 2], [6]]
    shares = torch.tensor([0.0, *[0.05] * 6])
    objective = objective_by_name("positive_unlabelled").with_class_shares(shares)
    total, pairs = 0.0, 0
    for documents in batches:
        batch = golden_batch("bert", documents)
        with torch.no_grad():
            total += objective.total(model(batch).scores, batch.dense_labels(7)).item()
        pairs += len(batch.pairs)
    found = Stepper(model, config=STILL, objective=objective)(batches)
    assert found.loss.item() == pytest.approx(total / pairs, rel=1e-4)
    together = Stepper(model, config=STILL, objective=objective)([[0, 2, 6]])
    assert together.loss.item() != pytest.approx(found.loss.item(), rel=1e-4)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_learned(name: str) -> None:
    model = golden_model("bert")
    objective = objective_by_name(name).with_class_shares(torch.tensor([0.0, *[0.05] * 6]))
    training = Stepper(model, steps=10, objective=objective)
    losses = [training([[0]]).loss.item() for _ in range(5)]
    assert losses[-1] < losses[0]


def test_a_step_does_not_keep_the_gradients_of_the_one_before() -> None:
    still = Stepper(golden_model("bert"), config=STILL)
    norms = [still([[0, 1]]).gradient_norm.item() for _ in range(3)]
    assert norms[1:] == pytest.approx(norms[:1] * 2, rel=1e-5)


def test_both_parts_of_the_model_move_and_every_parameter_learns() -> None:
    model = golden_model("bert")
    before = weights(model)
    Stepper(model)([[0, 2]])
    same = [name for name, value in weights(model).items() if torch.equal(value, before[name])]
    # A key's bias moves all scores of a softmax alike, so that its gradient is noise or zero.
    assert all("key.bias" in name for name in same), same


def test_gradients_are_clipped_before_the_step() -> None:
    free, clipped = golden_model("bert"), golden_model("bert")
    config = STEADY.model_copy(update={"epsilon": 1.0})  # so that the size of a step follows that of the gradient
    one = Stepper(free, config=config.model_copy(update={"max_gradient_norm": 1e9}))([[0]])
    other = Stepper(clipped, config=config.model_copy(update={"max_gradient_norm": 1e-3}))([[0]])
    assert one.gradient_norm.item() == pytest.approx(other.gradient_norm.item(), rel=1e-6)  # before clipping
    start = weights(golden_model("bert"))
    moved = [sum(float((weights(m)[n] - v).abs().sum()) for n, v in start.items()) for m in (free, clipped)]
    assert moved[1] < 0.01 * moved[0]


def test_mixed_precision_trains_float32_weights_on_nearly_the_same_loss() -> None:
    exact, coarse = golden_model("bert"), golden_model("bert")
    expected = Stepper(exact)([[0, 3]])
    found = Stepper(coarse, precision="bf16")([[0, 3]])
    assert found.loss.dtype == torch.float32
    assert found.loss.item() != expected.loss.item()
    assert found.loss.item() == pytest.approx(expected.loss.item(), rel=0.02)
    assert found.gradient_norm.item() == pytest.approx(expected.gradient_norm.item(), rel=0.1)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in weights(coarse).values())


@each_encoder
def test_gradient_checkpointing_gives_the_same_gradients(name: str) -> None:
    plain, checkpointed = golden_model(name).train(), golden_model(name).train()
    checkpointed.encoder.activation_checkpointing_enable({"use_reentrant": False})
    assert [model.encoder.is_gradient_checkpointing for model in (plain, checkpointed)] == [False, True]
    found = []
    for model in (plain, checkpointed):
        with stepped_gradients(model) as of_model:
            metrics = Stepper(model, documents=golden_preprocessed(name))([[0, 3]])
        found.append((metrics.loss.item(), metrics.gradient_norm.item(), of_model))
    assert found[1][:2] == pytest.approx(found[0][:2], rel=1e-5)
    assert_gradients_equal(found[1][2], found[0][2])


@each_device
@each_encoder_run
def test_a_step_of_documents_without_pairs_changes_nothing(
    device: str, captured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [document("the archive", entities=[[(0, 1, 2)]]), document("the spring", entities=[])]
    documents = list(Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary()).preprocess(made))
    model = golden_model("bert")
    before = weights(model)
    stepper = Stepper(model, documents=documents, device=device)
    if captured:
        capture(model, device=device, monkeypatch=monkeypatch)
    metrics = stepper([[0, 1]])
    assert metrics.loss.item() == 0
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())


def test_weight_decay_is_off_unless_asked_for() -> None:
    decayed = STEADY.model_copy(update={"weight_decay": 0.1})
    plain, other = golden_model("bert"), golden_model("bert")
    Stepper(plain)([[0]])
    Stepper(other, config=decayed)([[0]])
    key = "classifier.bilinear.weight"
    start = weights(golden_model("bert"))[key]
    expected = weights(plain)[key] - 1e-3 * 0.1 * start
    torch.testing.assert_close(weights(other)[key], expected, atol=1e-7, rtol=1e-4)


def test_gradients_that_are_not_finite_leave_weights_and_optimizer_as_they_are() -> None:
    model = golden_model("bert")
    steady = Stepper(model)
    steady([[0, 1]])
    before, state = weights(model), steady.state.checkpoint(**OF_A_RUN).optimizer
    state = {name: value.clone() for name, value in state.items()}
    hook = model.classifier.bilinear.weight.register_hook(lambda gradient: gradient * float("nan"))
    metrics = steady([[2, 3]])
    hook.remove()
    assert not metrics.gradient_norm.isfinite()
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())
    assert all(torch.equal(value, state[name]) for name, value in steady.state.checkpoint(**OF_A_RUN).optimizer.items())
    assert steady([[4, 5]]).gradient_norm.isfinite()
    assert not all(torch.equal(value, before[name]) for name, value in weights(model).items())


def test_training_goes_on_from_a_checkpoint_with_the_same_bits() -> None:
    whole = golden_model("bert")
    one = Stepper(whole, config=OptimizerConfig(warmup_fraction=0.3))
    one([[0, 1]])
    one([[2], [3]])
    kept = one.state.checkpoint(**OF_A_RUN)
    read = Checkpoint(
        weights={name: value.clone() for name, value in kept.weights.items()},
        average={},
        optimizer={name: value.clone() for name, value in kept.optimizer.items()},
        values=TypeAdapter(Values).validate_json(TypeAdapter(Values).dump_json(kept.values)),
    )
    half = golden_model("bert")
    other = Stepper(half, config=OptimizerConfig(warmup_fraction=0.3))
    other.state.restore(read)
    for each in ([[4, 5]], [[6], [7]]):
        expected, found = one(each), other(each)
        assert torch.equal(found.loss, expected.loss)
        assert found.learning_rates == expected.learning_rates
    assert all(torch.equal(value, weights(half)[name]) for name, value in weights(whole).items())


def test_gradients_that_overflow_in_float16_leave_weights_schedule_and_average_and_halve_the_scale() -> None:
    model = golden_model("bert")
    stepper = Stepper(model, config=OptimizerConfig(warmup_fraction=0.3), ema_decay=0.25)
    scaler = GradScaler("cpu", init_scale=8)
    stepper.state.accelerator.scaler = scaler
    stepper.state.optimizer = AcceleratedOptimizer(stepper.state.adamw, scaler=scaler)
    assert not stepper([[0, 1]]).skipped
    before, average = weights(model), weights(stepper.state.model)
    hook = model.classifier.bilinear.weight.register_hook(lambda gradient: gradient * float("inf"))
    metrics = stepper([[2, 3]])
    hook.remove()
    assert metrics.skipped
    assert metrics.loss.isfinite()
    assert (scaler.get_scale(), stepper.state.scheduler.last_epoch) == (4, 1)
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())
    assert all(torch.equal(value, average[name]) for name, value in weights(stepper.state.model).items())
    assert not stepper([[2, 3]]).skipped
    assert stepper.state.scheduler.last_epoch == 2
    assert not all(torch.equal(value, before[name]) for name, value in weights(model).items())


def test_gradients_that_overflow_at_every_scale_stop_the_training() -> None:
    model = golden_model("bert")
    stepper = Stepper(model)
    scaler = GradScaler("cpu", init_scale=2)
    stepper.state.accelerator.scaler = scaler
    stepper.state.optimizer = AcceleratedOptimizer(stepper.state.adamw, scaler=scaler)
    model.classifier.bilinear.weight.register_hook(lambda gradient: gradient * float("inf"))
    assert stepper([[0, 1]]).skipped
    with pytest.raises(AtlopError, match=r"overflow in float16.*trainer\.precision=float32"):
        stepper([[0, 1]])


def test_the_average_follows_the_steps_and_the_weights_are_trained_as_without() -> None:
    plain, averaged = Stepper(golden_model("bert")), Stepper(golden_model("bert"), ema_decay=0.25)
    expected = weights(plain.model)
    for batch, decay in (([0, 1], 2 / 11), ([2], 3 / 12), ([3, 4], 0.25)):
        assert torch.equal(averaged([batch]).loss, plain([batch]).loss)
        expected = {name: decay * expected[name] + (1 - decay) * each for name, each in weights(plain.model).items()}
        for name, value in weights(averaged.state.model).items():
            torch.testing.assert_close(value, expected[name], atol=1e-7, rtol=1e-5)
    trained = averaged.state.checkpoint(**OF_A_RUN).weights
    assert all(torch.equal(trained[name], value) for name, value in plain.model.state_dict().items())
    assert averaged.state.checkpoint(**OF_A_RUN).average.keys() == trained.keys()
    assert not plain.state.checkpoint(**OF_A_RUN).average


class Bias(Head):
    """A head with a parameter of its own: the squared distance of a bias from the mean score of every other pair."""

    def __init__(self) -> None:
        super().__init__("bias", width=0, context_width=0, config=HeadConfig(weight=0.1))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, pairs: PairStates) -> Tensor:
        return pairs.context.mean(dim=1)

    def count(self, batch: Batch) -> int:
        return len(batch.pairs) // 2

    def loss(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        errors = (outputs.scores[: self.count(batch)].mean(dim=1) - self.bias).square()
        return LossTerm(errors.sum(), count=len(errors), weight=self.weight)


def test_the_loss_of_a_head_counts_by_what_it_is_averaged_over_in_the_whole_step() -> None:
    batches = [[0, 2], [6]]
    plain = Stepper(golden_model("bert"), config=STILL)(batches).loss.item()
    model = golden_model("bert")
    model.heads["bias"] = head = Bias()
    total, count = 0.0, 0
    for documents in batches:
        batch = golden_batch("bert", documents)
        with torch.no_grad():
            term = head.loss(model(batch), batch)
        total, count = total + term.sum.item(), count + term.count
    found = Stepper(model, config=STILL)(batches).loss.item()
    assert found == pytest.approx(plain + 0.1 * total / count, rel=1e-4)


def test_a_head_learns_at_the_rate_of_the_new_layers() -> None:
    model = golden_model("bert")
    model.heads["bias"] = head = Bias()
    stepper = Stepper(model, config=STEADY.model_copy(update={"encoder_learning_rate": 0.0}))
    stepper([[0, 2]])
    assert abs(head.bias.item()) == pytest.approx(STEADY.new_layers_learning_rate, rel=1e-2)  # Adam's first step


def test_a_head_that_counts_nothing_adds_nothing() -> None:
    made = [document("the archive the spring", entities=[[(0, 1, 2)], [(0, 3, 4)]])]
    documents = list(Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary()).preprocess(made))
    model = golden_model("bert")
    plain = Stepper(golden_model("bert"), config=STILL, documents=documents)([[0]])
    model.heads["bias"] = head = Bias()
    head.count = lambda batch: 0  # type: ignore[method-assign]
    found = Stepper(model, config=STILL, documents=documents)([[0]])
    assert torch.equal(found.loss, plain.loss)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        RuntimeError("not enough memory: you tried to allocate 1 bytes"),
        MemoryError(),
    ],
)
def test_too_little_memory_names_the_documents_and_what_to_change(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = golden_model("bert")
    small = Stepper(model)

    def fail(batch: object) -> Tensor:
        raise error

    monkeypatch.setattr(model, "forward", fail)
    with pytest.raises(
        AtlopError, match=r'not enough memory to train on ".*" \([\d,]+ tokens, [\d,]+ pairs\), ".*lower'
    ):
        small([[0, 1]])
