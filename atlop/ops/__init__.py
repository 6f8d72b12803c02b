from atlop.ops.attention import Packing, QueryKey, attention_rows, uses_packed_attention
from atlop.ops.bilinear import grouped_bilinear
from atlop.ops.encoder import compile_layers, use_fast_layers
from atlop.ops.limits import Limits, limits_for

__all__ = [
    "Limits",
    "Packing",
    "QueryKey",
    "attention_rows",
    "compile_layers",
    "grouped_bilinear",
    "limits_for",
    "use_fast_layers",
    "uses_packed_attention",
]
