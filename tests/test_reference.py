"""The reference computes the numbers that the authors' implementation computes."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoTokenizer

from tests.reference import (
    Features,
    PlainAtlop,
    adaptive_thresholding_loss,
    adaptive_thresholding_loss_by_pair,
    all_pairs,
    decide,
    dense_labels,
    encode,
    features,
    official_scores,
    pair_representations,
    window_spans,
)

GOLDEN = Path(__file__).parent / "golden"
MAX_LENGTH = 1000
CLASSES = 7
BATCHES = ["short_batch", "two_windows", "mixed", "singles", "truncated", "no_relations"]
CASES = ["plain", "duplicates", "evidence", "perfect", "few", "unknown titles"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
each_encoder = pytest.mark.parametrize("name", ["bert", "roberta"])


def read(path: str) -> Any:
    return json.loads((GOLDEN / path).read_text(encoding="utf-8"))


@cache
def golden_features(name: str) -> list[Features]:
    tokenizer = AutoTokenizer.from_pretrained(GOLDEN / name)
    relation_to_class = read("rel2id.json")
    return [features(document, tokenizer, MAX_LENGTH, relation_to_class) for document in read("documents.json")]


def golden_model(name: str) -> PlainAtlop:
    config = AutoConfig.from_pretrained(GOLDEN / name)
    model = PlainAtlop(
        AutoModel.from_config(config, attn_implementation="eager"),
        classes=CLASSES,
        start_tokens=[config.cls_token_id],
        end_tokens=[config.sep_token_id] * (2 if name == "roberta" else 1),
        representation=64,
        block=16,
    )
    model.load_released(load_file(GOLDEN / name / "model.safetensors"))
    return model.eval()


def labels_of(documents: list[Features]) -> torch.Tensor:
    return torch.cat([dense_labels(document, CLASSES) for document in documents])


@each_encoder
def test_features_are_those_of_the_golden_file(name: str) -> None:
    found = json.loads(json.dumps(golden_features(name)))
    assert found == read(f"{name}/features.json")


@each_encoder
@pytest.mark.parametrize("batch", BATCHES)
def test_scores_context_loss_and_decisions_are_golden(name: str, batch: str) -> None:
    expected = read(f"{name}/expected.json")[batch]
    tensors = load_file(GOLDEN / name / "forward.safetensors")
    documents = [golden_features(name)[number] for number in expected["documents"]]
    with torch.no_grad():
        logits, context = golden_model(name)(documents)
    torch.testing.assert_close(logits, tensors[f"{batch}.logits"], atol=1e-5, rtol=0)
    torch.testing.assert_close(context, tensors[f"{batch}.context"], atol=1e-5, rtol=0)
    decided = decide(logits, k=4)
    assert torch.equal(decided, tensors[f"{batch}.decoded"].bool())
    assert int(decided[:, 1:].sum()) == expected["num_positive_decoded"]
    loss = adaptive_thresholding_loss(logits, labels_of(documents))
    assert loss.item() == pytest.approx(expected["loss"], rel=1e-5)


@each_encoder
def test_the_released_style_checkpoint_holds_the_same_weights(name: str) -> None:
    model = golden_model(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_released(torch.load(GOLDEN / name / "released_style_checkpoint.pt", weights_only=True))
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@each_encoder
def test_twelve_training_steps_are_golden(name: str) -> None:
    training = read(f"{name}/expected.json")["training"]
    warmup, total = training["warmup_updates"], training["total_updates"]
    model = golden_model(name).train()
    layers = [model.head_extractor, model.tail_extractor, model.bilinear]
    groups = [
        {"params": list(model.model.parameters()), "lr": 5e-4},
        {"params": [parameter for layer in layers for parameter in layer.parameters()], "lr": 1e-3},
    ]
    optimizer = torch.optim.AdamW(groups, eps=training["adam_eps"], weight_decay=training["weight_decay"])
    base_rates = [5e-4, 1e-3]
    for done, step in enumerate(training["updates"]):
        factor = done / warmup if done < warmup else (total - done) / (total - warmup)
        for group, base in zip(optimizer.param_groups, base_rates, strict=True):
            group["lr"] = base * factor
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([step["encoder_lr"], step["head_lr"]])
        documents = [golden_features(name)[number] for number in step["documents"]]
        optimizer.zero_grad()
        loss = adaptive_thresholding_loss(model(documents)[0], labels_of(documents))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), training["clip"])
        assert loss.item() == pytest.approx(step["loss"], rel=1e-4), f"step {done}"
        assert norm.item() == pytest.approx(step["gradient_norm"], rel=1e-4), f"step {done}"
        optimizer.step()


@pytest.mark.parametrize("case", CASES)
def test_official_scores_are_golden(case: str) -> None:
    expected = read("scores/cases.json")["cases"][case]
    found = official_scores(expected["predictions"], read("documents.json"), read("scores/train_annotated.json"))
    for score in ("f1", "ign_f1", "evidence_f1"):
        assert found[score] == pytest.approx(expected[score], abs=1e-12), score


def test_every_golden_batch_and_case_is_tested() -> None:
    assert {*BATCHES, "training"} == set(read("bert/expected.json")) == set(read("roberta/expected.json"))
    assert set(CASES) == set(read("scores/cases.json")["cases"])


def test_a_fact_is_seen_by_the_name_of_any_mention() -> None:
    def document(title: str, *names: str) -> dict[str, Any]:
        entities = [[{"name": name} for name in names], [{"name": "Rome"}]]
        return {"title": title, "vertexSet": entities, "labels": [{"h": 0, "t": 1, "r": "P27", "evidence": []}]}

    predictions = [{"title": "dev", "h_idx": 0, "t_idx": 1, "r": "P27"}]
    train = [document("train", "Cicero", "Tully")]
    assert official_scores(predictions, [document("dev", "he", "Tully")], train)["ign_f1"] == 0
    assert official_scores(predictions, [document("dev", "he", "Cato")], train)["ign_f1"] == pytest.approx(1, abs=1e-5)


def test_no_prediction_scores_zero() -> None:
    assert set(official_scores([], read("documents.json"), []).values()) == {0.0}


def test_the_dense_loss_is_the_loss_of_the_equations() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(50, CLASSES, generator=generator)
    labels = (torch.rand(50, CLASSES, generator=generator) < 0.3).float()
    labels[0] = 0
    labels[1] = 1
    torch.testing.assert_close(
        adaptive_thresholding_loss(scores, labels).double(),
        adaptive_thresholding_loss_by_pair(scores, labels),
        atol=1e-5,
        rtol=1e-5,
    )


def test_the_dense_loss_keeps_labels_and_gives_finite_gradients() -> None:
    scores = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], requires_grad=True)
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    before = labels.clone()
    adaptive_thresholding_loss(scores, labels).backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert torch.equal(labels, before)


def test_decisions_keep_ties_at_the_last_place_and_clamp_k() -> None:
    scores = torch.tensor([[0.0, 2.0, 1.0, 1.0], [3.0, 2.0, 1.0, 0.0]])
    assert decide(scores, k=2).tolist() == [[False, True, True, True], [True, False, False, False]]
    assert decide(scores, k=1).tolist() == [[False, True, False, False], [True, False, False, False]]
    assert torch.equal(decide(scores, k=9), decide(scores, k=4))


@pytest.mark.parametrize("end_tokens", [1, 2])
def test_windows_are_the_fewest_that_leave_no_gap(end_tokens: int) -> None:
    for length in range(1, 3000):
        spans = window_spans(length, end_tokens)
        assert (spans[0][0], spans[-1][1]) == (0, length)
        assert all(after[0] <= before[1] for before, after in pairwise(spans))
        assert len(spans) == 1 or spans[0] == (0, 512 - end_tokens)
        assert len(spans) == 1 or spans[-1] == (length - 511, length)
        assert all(stop - start == 511 - end_tokens for start, stop in spans[1:-1])
        if length <= 512:
            assert len(spans) == 1
        elif length <= 1023 - end_tokens:
            assert len(spans) == 2
        else:  # one window fewer cannot cover the document
            inner = len(spans) - 3
            assert 512 - end_tokens + inner * (511 - end_tokens) + 511 < length


def test_a_mention_whose_marker_is_cut_is_dropped() -> None:
    hidden, attention = torch.randn(6, 3), torch.rand(2, 6, 6)  # tokens 0 to 3 lie between the special tokens
    kept = pair_representations(hidden, attention, [[(3, 4)], [(0, 1), (4, 5)]], all_pairs(2))
    assert torch.equal(kept[0], hidden[[4, 1]])
    lost = pair_representations(hidden, attention, [[(4, 5)], [(0, 1)]], all_pairs(2))
    assert lost[0][0].tolist() == [0, 0, 0]
    assert lost[2].tolist() == [[0, 0, 0], [0, 0, 0]]


def test_three_windows_cover_a_long_document() -> None:
    model = golden_model("bert")
    tokens = [2, *(5 + number % 400 for number in range(1300)), 3]
    with torch.no_grad():
        ((hidden, attention),) = encode(model.model, [tokens], start_tokens=[2], end_tokens=[3])
    assert len(window_spans(len(tokens), 1)) == 3
    assert (hidden.norm(dim=-1) > 0).all()
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(4, len(tokens)))
