"""Gradient penalties: on a critic's slope, and on a generator's."""

import math

import torch
from torch import Tensor


def squared_gradients(scores: Tensor, *images: Tensor) -> tuple[Tensor, ...]:
    """‖d sum(scores) / d image‖² over all of an image's values: ``[N]`` for each ``[N, C, H, W]`` given.

    ``scores`` is whatever the critic says of the images; summing it keeps images apart as long as no image's
    score depends on another image, or takes the sum over partners where it does.  One call serves R1 and R2:
    R1 (Mescheder et al. 2018, eq. 9) is the mean over real images, R2 over generated ones.
    The result can be differentiated again.
    """
    gradients = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return tuple(
        g.to(torch.promote_types(g.dtype, torch.float32)).square().sum(dim=(1, 2, 3)) for g in gradients
    )


def one_centred(gradient_squares: Tensor) -> Tensor:
    """E (‖gradient‖ - 1)², from squared norms ``[N]`` (Gulrajani et al. 2017, eq. 3)."""
    return (gradient_squares.clamp_min(1e-12).sqrt() - 1).square().mean()


def interpolated(real: Tensor, fake: Tensor, u: Tensor) -> Tensor:
    """u · real + (1 - u) · fake, a leaf: images ``[N, C, H, W]``, ``u: [N]`` (Gulrajani et al. 2017)."""
    u = u.to(real.dtype)[:, None, None, None]
    return (u * real + (1 - u) * fake).detach().requires_grad_(True)


def finite_squares(near: Tensor, here: Tensor, step: float) -> Tensor:
    """((D(x + σε) - D(x)) / σ)² with ε ~ N(0, I): ``[N]``, whose mean over ε is ‖∇D(x)‖² as σ goes to 0.

    ``near, here: [N]`` are D(x + σε) and D(x), ``step`` is σ.  One more pass of D in place of a double
    backward; the price is noise: the square of a normal number has the variance 2.
    """
    return ((near.float() - here.float()) / step).square()


def path_lengths(images: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    """‖Jᵀy‖ with J = d image / d w and y = ``noise`` / √(H·W) (Karras et al. 2020, eq. 4): ``[N]``.

    ``images, noise: [N, C, H, W]``, ``w: [N, layers, D]``: the w of every layer, all of which a step of w
    moves.  The result can be differentiated again.
    """
    along = (images * noise).sum() / math.sqrt(images[0, 0].numel())
    (slopes,) = torch.autograd.grad(along, w, create_graph=True)
    return (slopes.float().sum(1).square().sum(1) + 1e-12).sqrt()
