"""Layers with the numbers of torch's own and arithmetic arranged for a CPU; elsewhere they are torch's own.

Measured with torch 2.13 on an AMD EPYC (Zen 5).  torch's fp32 matrix products go to MKL, which does not use
AVX-512 there; oneDNN's are twice as fast.  oneDNN's bf16 gradient of a transposed convolution's weights
takes twice as long as the same matrix product, and that of the bias many times as long as a sum.  An
elementwise gradient that meets two memory layouts takes several times as long as one that meets one.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, pad


class Linear(nn.Linear):
    """``x: [N, F] -> [N, G]``; while training in fp32 on a CPU the products are oneDNN's."""

    def forward(self, x: Tensor) -> Tensor:
        """The same as torch's, in every mode."""
        if not self.training or x.dtype != torch.float32 or not _products_are_slow(x.device):
            return super().forward(x)
        product: Tensor = _Product.apply(x, self.weight)  # type: ignore[no-untyped-call]
        return product if self.bias is None else product + self.bias


def _products_are_slow(device: torch.device) -> bool:
    """Whether torch would ask MKL and oneDNN can be asked instead."""
    if device.type != "cpu" or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return hasattr(torch.ops.mkldnn, "_linear_pointwise")  # private: another torch may be without it


class _Product(torch.autograd.Function):
    """``x [N, K], w [M, K] -> x wᵀ [N, M]`` in fp32; can be differentiated twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, w, None, "none", [], "")
        return product

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, w = ctx.saved_tensors
        g = grads[0]
        to_x = _Product.apply(g, w.t()) if ctx.needs_input_grad[0] else None  # type: ignore[no-untyped-call]
        to_w = _Product.apply(g.t(), x.t()) if ctx.needs_input_grad[1] else None  # type: ignore[no-untyped-call]
        return to_x, to_w


class Doubling(nn.ConvTranspose2d):
    """ConvTranspose 4/2/1: ``[N, C, R, R] -> [N, D, 2R, 2R]``."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(width_in, width_out, 4, 2, 1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The same as torch's; on a CPU the bias is added apart, and bf16 gradients are matrix products."""
        if x.device.type != "cpu" or not self.training:
            return super().forward(x, output_size)
        assert self.bias is not None
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            y: Tensor = _Doubling.apply(x.to(dtype), self.weight.to(dtype))  # type: ignore[no-untyped-call]
        else:
            y = conv_transpose2d(x, self.weight, None, 2, 1)
        return y + self.bias.to(y.dtype)[:, None, None]


class _Doubling(torch.autograd.Function):
    """The transposed convolution, its gradients as products with the 4×4 windows of the output's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return conv_transpose2d(x, w, None, 2, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, w = ctx.saved_tensors
        (n, width_in, r, _), width_out = x.shape, w.shape[1]
        seen = _windows(grads[0])  # [N·R·R, 16·D]
        to_x = to_w = None
        if ctx.needs_input_grad[0]:
            rows = seen @ w.permute(0, 2, 3, 1).reshape(width_in, -1).t()
            to_x = rows.view(n, r, r, width_in).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            columns = x.permute(0, 2, 3, 1).reshape(-1, width_in).t() @ seen
            to_w = columns.view(width_in, 4, 4, width_out).permute(0, 3, 1, 2)
        return to_x, to_w


def _windows(g: Tensor) -> Tensor:
    """``[N, D, 2R, 2R] -> [N·R·R, 16·D]``: 4×4 windows at stride 2 of the images padded by 1."""
    n, d, size, _ = g.shape
    padded = pad(g.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).contiguous()
    wide, r = size + 2, size // 2
    row = wide * d
    views = padded.as_strided((n, r, r, 4, 4 * d), (wide * row, 2 * row, 2 * d, row, 1))
    return views.reshape(n * r * r, 16 * d)


class Flatten(nn.Flatten):
    """``[N, C, H, W] -> [N, C·H·W]``, whose gradient comes back in the memory layout of the images."""

    def forward(self, x: Tensor) -> Tensor:
        """The same as torch's."""
        kept: Tensor = _ChannelsLastGradient.apply(x) if x.requires_grad and _last(x) else x  # type: ignore[no-untyped-call]
        return super().forward(kept)


class _ChannelsLastGradient(torch.autograd.Function):
    """The identity; its gradient is laid out channels last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0].contiguous(memory_format=torch.channels_last)


def laid_out_like(x: Tensor, weight: Tensor) -> Tensor:
    """``x`` in the memory layout of a convolution's ``weight``."""
    return x.contiguous(memory_format=torch.channels_last if _last(weight) else torch.contiguous_format)


def _last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
