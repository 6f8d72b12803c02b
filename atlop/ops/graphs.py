"""An encoder's forward and backward pass in training as CUDA graphs.

A pass is hundreds of kernels, which a GPU computes faster than a host launches them. A graph launches all of them at
once, but always with the same shapes and memory. So tokens are filled up to a multiple of
`TOKEN_STEP` and sequences to one of `SEQUENCE_STEP`, and batches of one such shape share the graphs of it. Filler
belongs to sequences of its own: no other token reads it, and its gradient is zero.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel

from atlop.ops.attention import Packing, QueryKey
from atlop.ops.encoder import EncoderStates, run_packed

logger = logging.getLogger(__name__)

TOKEN_STEP, SEQUENCE_STEP, LENGTH_STEP = 256, 16, 512
"""Multiples to which tokens, sequences and the longest sequence are rounded up."""

MAX_SHAPES = 32
"""Shapes that get graphs; each keeps its outputs and their gradients in memory."""

Result = TypeVar("Result")


class GraphBackend(Protocol):
    """Records kernels, to launch them again."""

    def preparing(self) -> AbstractContextManager[None]:
        """Restore the state of random numbers afterwards, so that dropout does not depend on what was recorded when."""

    def warm_up(self, function: Callable[[], object]) -> None:
        """Call a function before it is recorded, so that libraries are set up.

        Raises:
            RuntimeError: It waits for the device, and so cannot be recorded.
        """

    def record(self, function: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        """Return what repeats a function in place, on the same memory, and its result."""

    def release(self) -> None:
        """Give back the memory of recordings that are not referred to any more."""


class CudaGraphs:
    """CUDA graphs that share memory."""

    def __init__(self, device: torch.device) -> None:
        """Make a memory pool, and a stream on the device, which is the current one whenever something is recorded."""
        self._pool, self._stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """See `GraphBackend`."""
        state = torch.cuda.get_rng_state()
        try:
            yield
        finally:
            torch.cuda.set_rng_state(state)

    def warm_up(self, function: Callable[[], object]) -> None:
        """See `GraphBackend`."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        mode = torch.cuda.get_sync_debug_mode()
        try:
            with torch.cuda.stream(self._stream):
                function()
                torch.cuda.set_sync_debug_mode("error")  # what waits for the GPU would break off a capture, for good
                function()
        finally:
            torch.cuda.set_sync_debug_mode(mode)
            current.wait_stream(self._stream)  # before memory that is read there is used again

    def record(self, function: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
        """See `GraphBackend`."""
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            # The thread that prepares batches pins memory meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                result = function()
        finally:
            torch.cuda.set_stream(current)  # which a capture that fails does not leave
        return graph.replay, result

    def release(self) -> None:
        """See `GraphBackend`."""
        with suppress(RuntimeError):  # a capture that was broken off can leave the allocator in one
            torch.cuda.empty_cache()


@dataclass
class _Graphs:
    """The graphs of a shape, and the memory that they read and write."""

    input_ids: Tensor
    position_ids: Tensor
    boundaries: Tensor
    """Of the sequences; unused ones have one token, and the last ends at the last token."""
    outputs: tuple[Tensor, ...] = ()
    """Hidden states of each layer, then queries and keys."""
    grad_outputs: tuple[Tensor, ...] = ()
    kept: list[QueryKey] = field(default_factory=list)
    forward: Callable[[], None] = lambda: None
    backward: Callable[[], None] = lambda: None

    def fill(self, input_ids: Tensor, position_ids: Tensor, boundaries: Tensor) -> None:
        """Copy a batch; filler keeps what was there before."""
        tokens, used = len(input_ids), len(boundaries)
        self.input_ids[:tokens].copy_(input_ids)
        self.position_ids[:tokens].copy_(position_ids)
        self.boundaries[:used].copy_(boundaries)
        unused = self.boundaries[used:]
        torch.arange(tokens + 1, tokens + 1 + len(unused), out=unused)
        self.boundaries[-1:].fill_(len(self.input_ids))


class CapturedEncoder:
    """Does in training what `run_packed` does; the gradients of the encoder's parameters are added up by the graphs.

    Every backward pass must come before the next forward pass. What is not training runs as it would without graphs,
    and so does all after a failure to capture, for want of memory or another reason, which is logged.
    """

    def __init__(self, encoder: PreTrainedModel, *, backend: GraphBackend | None = None):
        """Capture nothing yet; parameters must keep their memory from now on."""
        self._backend = backend or CudaGraphs(encoder.device)
        self._graphs: dict[tuple[Any, ...], _Graphs] = {}
        self._parameters = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
        self._grads = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._anchor = torch.zeros((), device=encoder.device, requires_grad=True)  # so that autograd calls `backward`
        self._has_failed = False
        self._has_said_that_it_is_full = False

    def __call__(
        self, encoder: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, packing: Packing, layers: int
    ) -> EncoderStates:
        """Run the encoder; see `run_packed`."""
        graphs = None
        if encoder.training and torch.is_grad_enabled() and not self._has_failed:
            graphs = self._graphs_for(encoder, input_ids, position_ids, packing, layers)
        if graphs is None:
            return run_packed(encoder, input_ids, position_ids, packing, layers)
        graphs.fill(input_ids, position_ids, packing.boundaries)
        outputs = _Replay.apply(self._anchor, self, graphs)
        queries, keys = ([each[:, : len(input_ids)] for each in outputs[first::2]] for first in (layers, layers + 1))
        return EncoderStates(
            [states[: len(input_ids)] for states in outputs[:layers]],
            [
                layer._replace(query=query, key=key)
                for layer, query, key in zip(graphs.kept, queries, keys, strict=True)
            ],
        )

    def attach_grads(self) -> None:
        """Make `grad` of each parameter what the graphs add to, with its present value."""
        detached = [pair for pair in zip(self._parameters, self._grads, strict=True) if pair[0].grad is not pair[1]]
        if detached:
            torch._foreach_zero_([grad for _, grad in detached])
        for parameter, grad in detached:
            if parameter.grad is not None:
                grad.copy_(parameter.grad)
            parameter.grad = grad

    def _graphs_for(
        self, encoder: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, packing: Packing, layers: int
    ) -> _Graphs | None:
        """Return the graphs of a shape; `None` if it gets none."""
        sequences = _rounded(len(packing.lengths) + 1, SEQUENCE_STEP)
        tokens = _rounded(len(input_ids) + sequences - len(packing.lengths), TOKEN_STEP)
        longest = _rounded(max(packing.lengths), LENGTH_STEP)
        device = input_ids.device
        dtype = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
        key = tokens, sequences, longest, layers, packing.layers_kept, dtype
        if key not in self._graphs and len(self._graphs) >= MAX_SHAPES:
            if not self._has_said_that_it_is_full:
                logger.info("%d sizes of batches have CUDA graphs; those of others train without, slower", MAX_SHAPES)
                self._has_said_that_it_is_full = True
        elif key not in self._graphs:
            zeros = partial(torch.zeros, dtype=torch.int32, device=device)
            graphs = _Graphs(zeros(tokens), zeros(tokens), zeros(sequences + 1))
            graphs.fill(input_ids, position_ids, packing.boundaries)  # sequences as long as any will be
            template = Packing([longest], graphs.boundaries, layers_kept=packing.layers_kept)
            try:
                self._capture(graphs, encoder, template, layers=layers, dtype=dtype)
                self._graphs[key] = graphs
            except RuntimeError as error:
                is_memory = any(isinstance(each, torch.OutOfMemoryError) for each in (error, error.__context__))
                reason = f"memory is not enough for {tokens:,} tokens" if is_memory else str(error).split("\n")[0]
                logger.warning("the encoder trains without CUDA graphs, which is slower: %s", reason)
                self._has_failed = True
            if self._has_failed:  # their memory serves the batch; the `except` block has dropped what the capture made
                del graphs, template
                self._graphs.clear()
                self._grads.clear()
                self._backend.release()
        return self._graphs.get(key)

    def _capture(
        self, graphs: _Graphs, encoder: PreTrainedModel, packing: Packing, *, layers: int, dtype: torch.dtype | None
    ) -> None:
        """Record both passes.

        Args:
            graphs: Memory that holds a batch.
            encoder: The encoder.
            packing: The sequences of any batch of the shape, as far as the host reads them.
            layers: See `run_packed`.
            dtype: Of autocast; `None` without.
        """

        def forward() -> tuple[Tensor, ...]:
            # Autocast must not keep copies of weights, whose memory is the graph's, for what comes after it.
            with torch.autocast(encoder.device.type, dtype=dtype, enabled=dtype is not None, cache_enabled=False):
                states = run_packed(encoder, graphs.input_ids, graphs.position_ids, replace(packing, kept={}), layers)
            graphs.kept = states.kept
            return (*states.hidden, *(tensor for layer in states.kept for tensor in (layer.query, layer.key)))

        def backward(outputs: tuple[Tensor, ...], *, adds: bool = True) -> None:
            found = torch.autograd.grad(outputs, self._parameters, graphs.grad_outputs, allow_unused=True)
            used = [(grad, own) for grad, own in zip(self._grads, found, strict=True) if own is not None]
            torch._foreach_add_([grad if adds else own.contiguous() for grad, own in used], [own for _, own in used])

        def warm_up() -> None:
            outputs = forward()
            graphs.grad_outputs = tuple(map(torch.zeros_like, outputs))
            backward(outputs, adds=False)

        with self._backend.preparing():
            self._backend.warm_up(warm_up)
            graphs.forward, outputs = self._backend.record(forward)
            graphs.grad_outputs = tuple(map(torch.zeros_like, outputs))
            graphs.backward, _ = self._backend.record(lambda: backward(outputs))
        graphs.outputs = tuple(output.detach() for output in outputs)
        # What comes out of autograd's graph would keep it, and the activations, alive.
        graphs.kept = [layer._replace(query=layer.query.detach(), key=layer.key.detach()) for layer in graphs.kept]


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, anchor: Tensor, captured: CapturedEncoder, graphs: _Graphs) -> tuple[Tensor, ...]:
        ctx.captured, ctx.graphs = captured, graphs
        ctx.set_materialize_grads(False)
        graphs.forward()
        return tuple(output.detach() for output in graphs.outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[None, None, None]:
        for static, grad in zip(ctx.graphs.grad_outputs, grads, strict=True):
            static.zero_() if grad is None else static.copy_(grad)
        ctx.captured.attach_grads()
        ctx.graphs.backward()
        return None, None, None


def _rounded(value: int, step: int) -> int:
    return -(-value // step) * step
