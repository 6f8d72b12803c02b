"""The classifier whose weights come from words: its equation, what it learns, and relations that are added to it."""

import torch
from torch import Tensor

from atlop.model.classifier import LABELS_AT_A_TIME, LabelClassifier

WIDTH, SIZE, BLOCK = 5, 8, 4


def made(classes: int = 4) -> LabelClassifier:
    torch.manual_seed(0)
    layer = LabelClassifier(WIDTH, context_width=WIDTH, classes=classes, representation_size=SIZE, block_size=BLOCK)
    layer.label_vectors = torch.randn(classes, WIDTH) + 3
    layer.label_mean = layer.label_vectors.mean(dim=0)
    return layer


def inputs(pairs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings, pairs and contexts."""
    generator = torch.Generator().manual_seed(1)
    embeddings, context = torch.randn(2, pairs + 1, WIDTH, generator=generator)
    return embeddings, torch.stack([torch.arange(pairs), torch.arange(pairs) + 1], dim=1), context[:pairs]


def slow_scores(layer: LabelClassifier, embeddings: Tensor, pairs: Tensor, context: Tensor) -> Tensor:
    """`score_r = Σ_g z_sᵀ W_r z_o + b_r` with `W_r = Uᵀ m_r / 8`, `b_r = u · m_r / 8`, for one pair."""
    subject, object_ = (embeddings[entity] for entity in pairs)
    z_subject = torch.tanh(layer.subject_projection(torch.cat([subject, context])))
    z_object = torch.tanh(layer.object_projection(torch.cat([object_, context])))
    scores = []
    for vector in layer.label_vectors:
        centred = vector - layer.label_mean
        words = layer.label_map(centred / centred.square().mean().sqrt())
        weight = (layer.bilinear.weight.T @ words / 8).view(SIZE // BLOCK, BLOCK, BLOCK)
        score = layer.bilinear.bias @ words / 8
        for group, block in enumerate(weight):
            within = slice(group * BLOCK, (group + 1) * BLOCK)
            score = score + z_subject[within] @ block @ z_object[within]
        scores.append(score)
    return torch.stack(scores)


def test_scores_are_those_of_the_equation() -> None:
    layer, (embeddings, pairs, context) = made(), inputs(6)
    expected = torch.stack([slow_scores(layer, embeddings, *pair) for pair in zip(pairs, context, strict=True)])
    torch.testing.assert_close(layer(embeddings, pairs, context), expected)


def test_a_class_more_leaves_every_bit_of_the_other_scores() -> None:
    few, values = made(), inputs(700)
    for classes in (5, LABELS_AT_A_TIME, LABELS_AT_A_TIME + 1, 3 * LABELS_AT_A_TIME + 7):
        more = made(classes)
        more.load_state_dict(few.state_dict() | {"label_vectors": torch.randn(classes, WIDTH)})
        more.label_vectors[:4] = few.label_vectors
        assert torch.equal(more(*values)[:, :4], few(*values))
        assert more(*values).shape == (700, classes)


def test_gradients_reach_the_map_and_not_the_vectors_of_words() -> None:
    layer = made()
    layer(*inputs(6)).square().sum().backward()
    assert {name for name, parameter in layer.named_parameters() if parameter.grad is not None} == {
        f"{name}.{part}"
        for name in ("subject_projection", "object_projection", "bilinear", "label_map")
        for part in ("weight", "bias")
    }
    assert layer.label_map.weight.grad is not None
    assert layer.label_map.weight.grad.any(dim=0).all()
    assert not layer.label_vectors.requires_grad


def test_scores_under_autocast_are_float32() -> None:
    layer, values = made(), inputs(6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = layer(*values)
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse, layer(*values), atol=1e-2, rtol=0)


def test_weights_are_learned_and_words_much_like_known_ones_score_like_them() -> None:
    layer, values = made(), inputs(40)
    expected = torch.arange(40) % 4
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layer(*values), expected).backward()
        optimizer.step()
    scores = layer(*values)
    assert torch.equal(scores.argmax(dim=1), expected)
    layer.label_vectors = torch.cat([layer.label_vectors, layer.label_vectors[2:3] + 0.01])
    added = layer(*values)[:, 4]
    assert (added > scores[:, [0, 1, 3]].amax(dim=1)).equal(expected == 2)
