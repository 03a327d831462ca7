"""Layers with the numbers of torch's own and arithmetic arranged for a CPU; elsewhere they are torch's own.

Measured with torch 2.13 on an AMD EPYC (Zen 5).  torch's fp32 matrix products go to MKL, which does not use
AVX-512 there; oneDNN's are twice as fast.  oneDNN's bf16 gradient of a transposed convolution's weights
takes twice as long as the same matrix product, and that of the bias many times as long as a sum; a transposed
convolution to three channels takes three times as long as one product and sums of its taps, and a large one
of 4×4 images half as long again as products that leave out the padding.  An elementwise gradient that meets
two memory layouts takes several times as long as one that meets one.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, linear, pad

CACHED = 2**24
"""Bytes of windows at a time: they stay in the caches, and memory is not asked of the system anew."""

FEW = 4
"""Output channels up to which oneDNN's transposed convolution is slower than one product and sums."""

SMALL, MUCH = 4, 2**26
"""Images up to this size, from this many multiply-adds a tap on: of a transposed convolution's taps there, a
quarter meets the padding, which oneDNN multiplies too."""


class Linear(nn.Linear):
    """``x: [N, F] -> [N, G]``; while training in fp32 on a CPU the products are oneDNN's."""

    def forward(self, x: Tensor) -> Tensor:
        """The same as torch's, in every mode."""
        if not self.training or x.dtype != torch.float32 or not _products_are_slow(x.device):
            return super().forward(x)
        y = product(x, self.weight)
        return y if self.bias is None else y + self.bias


def product(x: Tensor, w: Tensor) -> Tensor:
    """``x [N, K], w [M, K] -> x wᵀ [N, M]``; in fp32 on a CPU it is oneDNN's."""
    if x.dtype != torch.float32 or not _products_are_slow(x.device):
        return linear(x, w)
    y: Tensor = _Product.apply(x, w)  # type: ignore[no-untyped-call]
    return y


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
        product: Tensor = torch.ops.mkldnn._linear_pointwise(_dense(x), _dense(w), None, "none", [], "")
        return product

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, w = ctx.saved_tensors
        g = grads[0]
        to_x = _Product.apply(g, w.t()) if ctx.needs_input_grad[0] else None  # type: ignore[no-untyped-call]
        to_w = _Product.apply(g.t(), x.t()) if ctx.needs_input_grad[1] else None  # type: ignore[no-untyped-call]
        return to_x, to_w


def _dense(matrix: Tensor) -> Tensor:
    """A copy of a part of a larger matrix, with which oneDNN can take a thousand times as long."""
    return matrix if matrix.is_contiguous() or matrix.t().is_contiguous() else matrix.contiguous()


class Doubling(nn.ConvTranspose2d):
    """ConvTranspose 4/2/1: ``[N, C, R, R] -> [N, D, 2R, 2R]``."""

    def __init__(self, width_in: int, width_out: int, bias: bool = True) -> None:
        super().__init__(width_in, width_out, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The same as torch's; while training on a CPU the gradients, and few channels, go another way."""
        if x.device.type != "cpu" or not self.training:
            return super().forward(x, output_size)
        bias = x.new_zeros(self.out_channels) if self.bias is None else self.bias
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        y: Tensor = _Doubling.apply(x.to(dtype), self.weight.to(dtype), bias.to(dtype))  # type: ignore[no-untyped-call]
        return y


class _Doubling(torch.autograd.Function):
    """The transposed convolution; bf16 gradients are products with 4×4 windows of the output's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        if w.shape[1] <= FEW and x.dtype == torch.float32 and _last(x):
            return _few_channels(x, w, bias)
        if _much_padding(x, w):
            return _without_padding(x, w, bias)
        return conv_transpose2d(x, w, bias, 2, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, w = ctx.saved_tensors
        g = grads[0]
        wanted = ctx.needs_input_grad
        to_bias = g.sum((0, 2, 3)) if wanted[2] else None
        if g.dtype == torch.float32 or w.shape[1] <= FEW:
            to_x, to_w, _ = torch.ops.aten.convolution_backward(
                g, x, w, None, [2, 2], [1, 1], [1, 1], True, [0, 0], 1, [wanted[0], wanted[1], False]
            )
            return to_x, to_w, to_bias
        to_x, to_w = _gradients_by_products(x, w, g, wanted[0], wanted[1])
        return to_x, to_w, to_bias


class Halving(nn.Conv2d):
    """Conv 4/2/1: ``[N, C, 2R, 2R] -> [N, D, R, R]``."""

    def __init__(self, width_in: int, width_out: int, bias: bool = True) -> None:
        super().__init__(width_in, width_out, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """The same as torch's; in fp32 on a CPU the gradient of few channels goes another way."""
        few = self.in_channels <= FEW and x.requires_grad
        if not few or x.device.type != "cpu" or not self.training or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        bias = x.new_zeros(self.out_channels) if self.bias is None else self.bias
        y: Tensor = _Halving.apply(x, self.weight, bias)  # type: ignore[no-untyped-call]
        return y


class _Halving(torch.autograd.Function):
    """The convolution; the gradient of its input is a transposed convolution to few channels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return conv2d(x, w, bias, 2, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, w = ctx.saved_tensors
        g, wanted = grads[0], ctx.needs_input_grad
        to_x = _few_channels(g, w, g.new_zeros(x.shape[1])) if wanted[0] else None
        to_w = to_bias = None
        if wanted[1] or wanted[2]:
            _, to_w, to_bias = torch.ops.aten.convolution_backward(
                g, x, w, [len(w)], [2, 2], [1, 1], [1, 1], False, [0, 0], 1, [False, wanted[1], wanted[2]]
            )
        return to_x, to_w, to_bias


def _gradients_by_products(
    x: Tensor, w: Tensor, g: Tensor, wants_x: bool, wants_w: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Products with the 4×4 windows of the output's gradient, of so many images at a time as caches hold."""
    (n, width_in, r, _), width_out = x.shape, w.shape[1]
    rows_of_w = w.permute(0, 2, 3, 1).reshape(width_in, -1)  # [C, 16·D]
    parts = -(-n * r * r * 16 * width_out * g.element_size() // CACHED)
    to_x, to_w = [], None
    for x_part, g_part in zip(x.chunk(parts), g.chunk(parts), strict=True):
        seen = _windows(g_part)  # [N·R·R, 16·D]
        if wants_x:
            rows = seen @ rows_of_w.t()
            to_x.append(rows.view(-1, r, r, width_in).permute(0, 3, 1, 2))
        if wants_w:
            columns = x_part.permute(0, 2, 3, 1).reshape(-1, width_in).t() @ seen
            to_w = columns if to_w is None else to_w + columns
    return (
        torch.cat(to_x) if to_x else None,
        None if to_w is None else to_w.view(width_in, 4, 4, width_out).permute(0, 3, 1, 2),
    )


def _few_channels(x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    """One matrix product gives every tap's part, ``[N·R·R, 16·D]``; four sums put them together."""
    (n, width_in, r, _), width_out = x.shape, w.shape[1]
    rows = x.permute(0, 2, 3, 1).reshape(-1, width_in)
    taps_of_w = w.permute(2, 3, 1, 0).reshape(-1, width_in)  # [16·D, C]
    taps = product(rows, taps_of_w).view(n, r, r, 2, 2, 2, 2, width_out)  # of row 2i + p, column 2j + q
    y = bias.expand(n, r + 1, 2, r + 1, 2, width_out).contiguous()  # the image padded by 1
    for i in (0, 1):
        for j in (0, 1):
            y[:, i : i + r, :, j : j + r] += taps[:, :, :, i, :, j].transpose(2, 3)
    return (
        y.view(n, 2 * r + 2, 2 * r + 2, width_out)[:, 1:-1, 1:-1]
        .permute(0, 3, 1, 2)
        .contiguous(memory_format=torch.channels_last)
    )


def _much_padding(x: Tensor, w: Tensor) -> bool:
    """Whether the image is small, the work is not, and products are oneDNN's."""
    if x.dtype != torch.float32 or max(x.shape[2:]) > SMALL or x.shape[2] != x.shape[3]:
        return False
    if not _last(x) or not _products_are_slow(x.device):
        return False
    return len(x) * x.shape[2] * x.shape[3] * w.shape[0] * w.shape[1] >= MUCH


TAPS = (((1, 0), (3, -1)), ((2, 0), (0, 1)))
"""For the even and the odd rows of the output, 2i and 2i + 1: the two rows of the kernel that reach them, and
the row of the input that each takes, counted from i.  For columns likewise."""


def _without_padding(x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    """Every tap is a product of the pixels that it takes, of all images together, with one matrix of W."""
    n, r, width_out = len(x), x.shape[2], w.shape[1]
    pixels = x.permute(2, 3, 0, 1).contiguous()  # [R, R, N, C]
    matrices = w.permute(2, 3, 0, 1).contiguous().transpose(2, 3)  # [4, 4, D, C]
    y = bias.expand(2, 2, r, r, n, width_out).contiguous()  # even and odd rows, columns; then as pixels
    for p, q in itertools.product((0, 1), (0, 1)):
        for (k, down), (m, right) in itertools.product(TAPS[p], TAPS[q]):
            taken = slice(max(0, right), min(r, r + right))
            reached = slice(max(0, -right), min(r, r - right))
            for i in range(max(0, -down), min(r, r - down)):
                row = pixels[i + down, taken]
                y[p, q, i, reached] += product(row.flatten(0, 1), matrices[k, m]).view(-1, n, width_out)
    return y.permute(4, 2, 0, 3, 1, 5).reshape(n, 2 * r, 2 * r, width_out).permute(0, 3, 1, 2)


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
