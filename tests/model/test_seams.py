"""A head or a pooling of one's own is one class and one line, from a script as well."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoTokenizer

from atlop.config import PoolingConfig
from atlop.errors import AtlopError
from atlop.model import HEADS, POOLINGS, Head, HeadConfig, LossTerm, PairOutputs, PairStates, context
from atlop.model_folder import load_model, save_model
from atlop.ops import limits
from atlop.preprocessing import Batch
from tests.tiny_encoders import save_tiny_encoder, tiny_model

DOCUMENTS = [0, 3, 6]


class AnyRelation(Head):
    """Says whether any relation holds."""

    def __init__(self, name: str, *, width: int, context_width: int, config: HeadConfig):
        super().__init__(name, width=width, context_width=context_width, config=config)
        self.layer = nn.Linear(2 * width + context_width, 1)

    def forward(self, pairs: PairStates) -> Tensor:
        found: Tensor = self.layer(torch.cat([pairs.subject, pairs.object, pairs.context], dim=1))[:, 0]
        return found

    def loss(self, outputs: PairOutputs, batch: Batch) -> LossTerm:
        holds = batch.dense_labels(outputs.scores.shape[1]).any(dim=1).float()
        losses = nn.functional.binary_cross_entropy_with_logits(outputs.heads[self.name], holds, reduction="sum")
        return LossTerm(losses, self.count(batch), weight=self.weight)


class First(nn.Module):
    """Takes the first mention of each entity."""

    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        return states[:, :, 0].masked_fill(~present[:, :, :1], 0.0) * self.scale


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HEADS, "any_relation", AnyRelation)
    monkeypatch.setitem(POOLINGS, "first", First)


@pytest.mark.parametrize("pairs_at_once", [2048, 7])
def test_a_head_says_something_of_every_pair_and_learns(
    pairs_at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = limits.Limits(1, 64, 2**22, pairs_at_once, groups=1, products=2**21, batch_tokens=2**11, captures=False)
    for module in ("atlop", "context"):
        monkeypatch.setattr(f"atlop.model.{module}.limits_for", lambda _: chosen)
    model, batch = tiny_model(save_tiny_encoder(tmp_path), documents=DOCUMENTS, heads={"any_relation": {"weight": 0.5}})
    outputs = model(batch)
    head = model.heads["any_relation"]
    assert isinstance(head, AnyRelation)
    assert outputs.heads["any_relation"].shape == (len(batch.pairs),)
    term = head.loss(outputs, batch)
    assert (term.count, term.weight) == (len(batch.pairs), 0.5)
    (term.weight * term.sum / term.count).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())
    assert all(parameter.grad is not None for parameter in model.pool_mentions.parameters())
    embeddings = next(model.encoder.parameters())
    assert embeddings.grad is not None
    assert embeddings.grad.abs().max() > 0


def test_scores_do_not_depend_on_a_head(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    (plain, batch), (other, _) = (
        tiny_model(folder, documents=DOCUMENTS, heads=heads) for heads in ({}, {"any_relation": {"weight": 1.0}})
    )
    with torch.no_grad():
        assert torch.equal(plain(batch).scores, other(batch).scores)


def test_a_head_and_a_pooling_survive_saving(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path / "encoder")
    model, batch = tiny_model(
        folder, documents=DOCUMENTS, heads={"any_relation": {"weight": 1.0}}, pooling=PoolingConfig(mentions="first")
    )
    save_model(tmp_path / "model", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    loaded, _ = load_model(tmp_path / "model")
    with torch.no_grad():
        found, expected = loaded(batch), model(batch)
    assert torch.equal(found.scores, expected.scores)
    assert torch.equal(found.heads["any_relation"], expected.heads["any_relation"])


def test_a_pooling_is_what_entities_are_made_by(tmp_path: Path) -> None:
    model, batch = tiny_model(
        save_tiny_encoder(tmp_path), documents=[0], pooling=PoolingConfig(mentions="first", context="none")
    )
    pooled = model.pool(batch)
    first = batch.mention_indices[0, :, 0]
    torch.testing.assert_close(pooled.embeddings[0], pooled.states[0, first])


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"heads": {"nothing": {}}}, "heads: 'nothing' is not known; known are evidence, any_relation"),
        ({"heads": {"evidence": {"weight": 1.0}}}, r"heads\.evidence: the section \[evidence\] describes this head"),
        (
            {"heads": {"any_relation": {"weigth": 1.0}}},
            r"any_relation\.weigth: unknown key; did you mean weight",
        ),
        ({"heads": {"any_relation": {"weight": -1.0}}}, r"heads\.any_relation\.weight: .*greater than or equal to 0"),
        ({"pooling": PoolingConfig(mentions="no")}, "pooling.mentions: 'no' is not known; known are logsumexp, mean"),
    ],
)
def test_what_is_not_registered_is_refused(changed: dict[str, object], problem: str, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=problem):
        tiny_model(save_tiny_encoder(tmp_path), documents=[0], **changed)  # type: ignore[arg-type]


def test_the_model_knows_no_device() -> None:
    folder = Path(context.__file__).parent
    for path in folder.glob("*.py"):
        source = path.read_text(encoding="utf-8").lower()
        found = [
            word
            for word in ("cuda", '"cpu"', "amd", "intel", "mkldnn", "onednn", "cache_", "cpuinfo")
            if word in source
        ]
        assert not found, f"{path.name}: {found}"
