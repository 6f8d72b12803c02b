"""Encoders get the layers of `atlop.ops` with the same parameters."""

from transformers import AutoModel

from atlop.ops import use_fast_layers, uses_packed_attention
from atlop.ops.dropout import Dropout
from atlop.ops.linear import Linear
from tests.tiny_encoders import each_kind, tiny_config


@each_kind
def test_layers_are_replaced_with_their_parameters(kind: str) -> None:
    encoder = AutoModel.from_config(tiny_config(kind, dropout=0.1), attn_implementation="eager")
    before = dict(encoder.named_parameters())
    use_fast_layers(encoder)
    after = dict(encoder.named_parameters())
    assert set(after) == set(before)
    assert all(after[name] is before[name] for name in before)
    modules = list(encoder.modules())
    assert sum(isinstance(module, Linear) for module in modules) >= 12
    assert any(isinstance(module, Dropout) for module in modules)
    assert uses_packed_attention(encoder) == (kind not in ("deberta-v2", "mpnet"))
