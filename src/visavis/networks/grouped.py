"""Convolutions in groups whose gradients can be differentiated without a loop over the groups.

torch's double backward of a grouped convolution computes the weights' gradient group by group: with R3GAN's
CIFAR-10 networks a penalised step launched 2,112 of these convolutions and 7,800 copies, three fifths of its
time on an H100 (results/gpu.json).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

WHERE = {"cuda", "mps"}
"""Where a call costs more than its few channels; on a CPU torch's loop is a twelfth faster (r3gan-mnist)."""
LEAF = torch._C._functions.AccumulateGrad  # type: ignore[attr-defined]
"""The engine does not say of these whether it will execute them."""
X, W, Y = range(3)
Pair = tuple[int, ...]
Form = tuple[Pair, Pair, int]
"""Stride, padding, groups."""


class GroupedConv2d(nn.Conv2d):
    """``nn.Conv2d`` with the same numbers and weights; its double backward is one call for all groups."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, D, H', W']``."""
        assert self.padding_mode == "zeros" and not isinstance(self.padding, str)
        if not _differentiated(x):
            return super().forward(x)
        y = grouped_conv2d(x, self.weight, self.stride, self.padding, self.groups)
        return y if self.bias is None else y + self.bias.to(y.dtype)[:, None, None]


def grouped_conv2d(x: Tensor, w: Tensor, stride: Pair, padding: Pair, groups: int) -> Tensor:
    """``x [N, C, H, W], w [D, C / groups, K, L] -> [N, D, H', W']``, as torch's ``conv2d``."""
    if not _differentiated(x):
        return conv2d(x, w, None, stride, padding, 1, groups)
    y: Tensor = _Third.apply(*_cast(x, w), None, Y, (stride, padding, groups))  # type: ignore[no-untyped-call]
    return y


def doubled(x: Tensor, w: Tensor, groups: int) -> Tensor:
    """``x [N, C, H, W], w [C, D / groups, 3, 3] -> [N, D, 2H, 2W]``: a transposed convolution of stride 2."""
    if not _differentiated(x):
        return conv_transpose2d(x, w, None, 2, 1, output_padding=1, groups=groups)
    x, w = _cast(x, w)
    n, _, height, width = x.shape
    like = x.new_empty(n, w.shape[1] * groups, 2 * height, 2 * width)
    y: Tensor = _Third.apply(like, w, x, X, ((2, 2), (1, 1), groups))  # type: ignore[no-untyped-call]
    return y


def _differentiated(x: Tensor) -> bool:
    """Whether these are of use: not on a CPU, nor where nothing is, nor in what is traced and exported."""
    return x.device.type in WHERE and torch.is_grad_enabled() and not torch.compiler.is_compiling()


def _cast(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    w = w.view_as(w)  # no leaf: of those the engine does not say whether it wants them
    kind = x.device.type
    if not torch.is_autocast_enabled(kind):
        return x, w
    return x.to(torch.get_autocast_dtype(kind)), w.to(torch.get_autocast_dtype(kind))


def _wanted(ctx: Any) -> list[bool]:
    """Which gradients this pass asks for: a penalty's pass wants none of the weights'."""
    asked = getattr(torch._C, "_will_engine_execute_node", None)  # private, so it may go
    if asked is None:
        return list(ctx.needs_input_grad[:3])
    return [
        needed and (isinstance(node, LEAF) or asked(node))
        for needed, (node, _) in zip(ctx.needs_input_grad, ctx.next_functions, strict=False)
    ]


class _Third(torch.autograd.Function):
    """⟨y, x * w⟩ is linear in x, w and y: of two of them, the gradient with respect to the ``missing`` one.

    Of the third only the shape counts (y may be None); its gradients with respect to the two are thirds too.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, y: Tensor | None, missing: int, form: Form) -> Tensor:
        ctx.save_for_backward(x, w, y)
        ctx.missing, ctx.form = missing, form
        stride, padding, groups = form
        if missing == Y:
            return conv2d(x, w, None, stride, padding, 1, groups)
        asked = [missing == X, missing == W, False]
        found: Tensor = torch.ops.aten.convolution_backward(
            y, x, w, None, stride, padding, [1, 1], False, [0, 0], groups, asked
        )[missing]
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        parts, wanted = list(ctx.saved_tensors), _wanted(ctx)
        parts[ctx.missing] = grads[0]
        found = [
            _Third.apply(*parts, part, ctx.form) if part != ctx.missing and wanted[part] else None  # type: ignore[no-untyped-call]
            for part in (X, W, Y)[: len(wanted)]
        ]
        return (*found, *[None] * (5 - len(found)))
