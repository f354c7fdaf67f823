"""Strip pooling, and the product of a map with a gate for each row and each column.

These are the only operations of ELA and coordinate attention on a whole map, so they take most of
their time. The results are those of the plain formulas, `x.mean(3)`, `x.mean(2)` and
`x * y_h[..., None] * y_w[..., None, :]`; only time and memory differ:
* maps in channels_last memory are reduced and multiplied in that layout, which avoids slow strided
  access,
* the second multiplication is done in place, because no gradient needs the result of the first,
* the backward pass keeps one map less in memory, and computes sums of products as matrix products.

`torch.compile` and export record the plain formulas, which the compiler fuses itself.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def strip_means(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each row and of each column: (N, C, H, W) -> (N, C, H) and (N, C, W)."""
    if _recording():
        return x.mean(3), x.mean(2)
    return _StripMeans.apply(x)


def gate_strips(x: Tensor, y_h: Tensor, y_w: Tensor) -> Tensor:
    """Multiply each row of x (N, C, H, W) by its gate in y_h (N, C, H), and each column by y_w's.

    y_w is (N, C, W). The gates are first cast to the type of x.
    """
    # Under autocast the output of GroupNorm is float32; the map keeps its own type.
    y_h, y_w = y_h.to(x.dtype), y_w.to(x.dtype)
    if _recording():
        return x * y_h[:, :, :, None] * y_w[:, :, None, :]
    return _GateStrips.apply(x, y_h, y_w)


class _StripMeans(Function):
    """The means; the backward pass writes one map, where autograd would write two and add them."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        if _is_channels_last(x):
            nhwc = x.permute(0, 2, 3, 1)
            return nhwc.mean(2).transpose(1, 2), nhwc.mean(1).transpose(1, 2)
        return x.mean(3), x.mean(2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.shape = inputs[0].shape
        ctx.channels_last = _is_channels_last(inputs[0])

    @staticmethod
    def backward(ctx: Any, grad_h: Tensor, grad_w: Tensor) -> Tensor:
        height, width = ctx.shape[2:]
        rows = _rows(grad_h / width, channels_last=ctx.channels_last)
        columns = _columns(grad_w / height, channels_last=ctx.channels_last)
        return rows + columns


class _GateStrips(Function):
    """x * y_h * y_w; only the three inputs are kept for the backward pass."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, y_h: Tensor, y_w: Tensor) -> Tensor:
        channels_last = _is_channels_last(x)
        return (x * _rows(y_h, channels_last=channels_last)).mul_(
            _columns(y_w, channels_last=channels_last)
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, y_h, y_w = ctx.saved_tensors
        product = grad * x
        if _is_channels_last(x):
            rows, columns = _rows(y_h, channels_last=True), _columns(y_w, channels_last=True)
            grad_h = (product * columns).permute(0, 2, 3, 1).sum(2).transpose(1, 2)
            grad_w = (product * rows).permute(0, 2, 3, 1).sum(1).transpose(1, 2)
        else:  # a matrix product sums without storing another map
            grad_h = (product @ y_w[:, :, :, None]).squeeze(3)
            grad_w = (y_h[:, :, None, :] @ product).squeeze(2)
        return gate_strips(grad, y_h, y_w), grad_h, grad_w


def _recording() -> bool:
    """Whether a graph is being recorded, by a compiler or by tracing."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _is_channels_last(x: Tensor) -> bool:
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def _rows(y: Tensor, *, channels_last: bool) -> Tensor:
    """(N, C, H) -> (N, C, H, 1) in the memory layout of the map."""
    return _laid_out(y[:, :, :, None], channels_last)


def _columns(y: Tensor, *, channels_last: bool) -> Tensor:
    """(N, C, W) -> (N, C, 1, W) in the memory layout of the map."""
    return _laid_out(y[:, :, None, :], channels_last)


def _laid_out(strip: Tensor, channels_last: bool) -> Tensor:
    return strip.contiguous(memory_format=torch.channels_last) if channels_last else strip
