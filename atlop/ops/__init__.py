from atlop.ops.attention import Packing, QueryKey, attention_rows, has_varlen_kernel, uses_packed_attention
from atlop.ops.bilinear import grouped_bilinear
from atlop.ops.encoder import EncoderRun, EncoderStates, run_packed, use_fast_layers
from atlop.ops.graphs import CapturedEncoder
from atlop.ops.limits import Limits, limits_for
from atlop.ops.transfer import HostCopies

__all__ = [
    "CapturedEncoder",
    "EncoderRun",
    "EncoderStates",
    "HostCopies",
    "Limits",
    "Packing",
    "QueryKey",
    "attention_rows",
    "grouped_bilinear",
    "has_varlen_kernel",
    "limits_for",
    "run_packed",
    "use_fast_layers",
    "uses_packed_attention",
]
