"""Counting modes: how many of the things that the data holds does a generator make, and how evenly?

Stacked digits: three digits as the channels of one image make 1,000 modes.  Source: Metz et al. 2017,
"Unrolled generative adversarial networks" (stacked MNIST); Srivastava et al. 2017, "VEEGAN" (26,000 samples,
the Gaussians).
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from visavis.data.pixels import to_float, to_uint8
from visavis.errors import UserError

SAMPLES = 26_000
"""The number of samples in the papers; a count from another number does not compare with theirs."""

DIGITS = 10
TIE = 0.01
"""Two best logits nearer than this are decided in double precision; float32 rounding moves them far less."""


@dataclass(frozen=True)
class ModeCount:
    """Modes present, divergence from the uniform distribution over modes in nats, and samples counted."""

    modes: int
    kl: float
    samples: int
    missing: tuple[int, ...]
    n_modes: int

    def scores(self) -> dict[str, float | int]:
        """The count, beside what a perfect uniform sampler gets on average from as many samples."""
        modes, kl = uniform_expectation(self.samples, self.n_modes)
        return {
            "modes": self.modes,
            "modes_uniform": modes,
            "kl": self.kl,
            "kl_uniform": kl,
            "samples": self.samples,
        }


class GaussianModes(NamedTuple):
    """Modes with a sample of high quality, the fraction of such samples, the reverse divergence in nats."""

    modes: int
    high_quality: float
    reverse_kl: float


def mode_statistics(labels: Tensor, n_modes: int) -> tuple[int, float, tuple[int, ...]]:
    """How ``labels: int64 [N]`` in [0, n_modes) cover their modes: ``(modes, kl, missing)``.

    ``kl`` is the sum over modes of p log(p · n_modes), in nats: 0 when uniform, log(n_modes) when collapsed.
    It is the reverse divergence KL(generated || uniform), biased upwards by about (n_modes - 1) / 2N.
    ``missing`` holds the modes without a sample, ascending.  Raises :class:`UserError` without labels or for
    one out of range.
    """
    if labels.ndim != 1 or len(labels) == 0:
        raise UserError(
            f"mode statistics of labels {list(labels.shape)}; at least one label is needed, as [N]"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_modes:
        raise UserError(f"labels from {low} to {high} are out of range; allowed: 0 to {n_modes - 1}")
    counts = torch.bincount(labels.cpu(), minlength=n_modes)
    p = counts.double() / len(labels)
    kl = torch.xlogy(p, p * n_modes).sum()
    missing = (counts == 0).nonzero().flatten().tolist()
    return n_modes - len(missing), float(kl), tuple(missing)


def uniform_expectation(samples: int, n_modes: int) -> tuple[float, float]:
    """The expected ``(modes, kl)`` of ``samples`` draws from the uniform distribution over ``n_modes``;
    exact.

    Each count is binomial(samples, 1 / n_modes), so both are n_modes times one mode's expectation.
    """
    k = torch.arange(samples + 1, dtype=torch.float64)
    n = torch.tensor(float(samples), dtype=torch.float64)
    q = torch.tensor(1 / n_modes, dtype=torch.float64)
    choose = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    chance = (choose + torch.xlogy(k, q) + torch.xlogy(n - k, 1 - q)).exp()  # [samples + 1]
    kl = n_modes * float((chance * torch.xlogy(k / n, k / n * n_modes)).sum())
    return n_modes * (1 - (1 - 1 / n_modes) ** samples), kl


@torch.inference_mode()
def digit_labels(images: Tensor, classifier: nn.Module, batch_size: int = 1024) -> Tensor:
    """Which digit each image is: uint8 ``[N, H, H, 1]`` -> int64 ``[N]`` on the CPU.

    The same for every batch size: rounding depends on it, so near ties are decided again in double precision.
    Neither TF32 nor autocast takes part, nor training mode.
    """
    device = next(classifier.parameters()).device
    classifier = deepcopy(classifier).eval()
    exact = deepcopy(classifier).cpu().double()
    labels = []
    with torch.autocast(device.type, enabled=False), torch.backends.cudnn.flags(allow_tf32=False):
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            x = to_float(batch.to(device).permute(0, 3, 1, 2))  # [n, 1, H, H]
            logits = classifier(x).cpu()
            label = logits.argmax(1)
            best = logits.topk(2, dim=1).values
            close = best[:, 0] - best[:, 1] < TIE
            if close.any():
                label[close] = exact(x.cpu()[close].double()).argmax(1)
            labels.append(label)
    return torch.cat(labels)


def stacked_modes(images: Tensor, classifier: nn.Module, batch_size: int = 1024, side: int = 8) -> ModeCount:
    """Count the modes of stacked digits: uint8 ``[N, 8, 8, 3]``, or float ``[N, 3, 8, 8]`` in [-1, 1].

    ``side``: of the digits that the classifier reads (28: ``mnistr``).  Floats are quantised to uint8 once,
    rounding.  Each channel is a digit of its own; the first is the hundreds.  The modes are
    1,000; a uniform sampler of 26,000 has all of them and a divergence of about 999/52,000 = 0.0192.  Raises
    :class:`UserError` for another shape, no image or values that are not finite.
    """
    pixels = _quantised(images, 3, side)
    channels = pixels.permute(0, 3, 1, 2).reshape(-1, side, side, 1)  # [N * 3, H, H, 1]
    digits = digit_labels(channels, classifier, batch_size).view(-1, 3)
    labels = digits @ torch.tensor([100, 10, 1])
    modes, kl, missing = mode_statistics(labels, DIGITS**3)
    return ModeCount(modes, kl, len(labels), missing, n_modes=DIGITS**3)


def digit_modes(images: Tensor, classifier: nn.Module, batch_size: int = 1024, side: int = 8) -> ModeCount:
    """Count the ten modes of single digits: uint8 ``[N, 8, 8, 1]``, or float ``[N, 1, 8, 8]`` in [-1, 1].

    As :func:`stacked_modes` otherwise.
    """
    labels = digit_labels(_quantised(images, 1, side), classifier, batch_size)
    modes, kl, missing = mode_statistics(labels, DIGITS)
    return ModeCount(modes, kl, len(labels), missing, n_modes=DIGITS)


def gaussian_modes(points: Tensor, sigma: float = 0.05) -> GaussianModes:
    """Count the modes of the 25 Gaussians, ``points: [N, 2]``: means {-4, -2, 0, 2, 4}², deviation ``sigma``.

    A point belongs to its nearest mean and is of high quality within 3 ``sigma`` of it; a mode counts once it
    has such a point.  The divergence KL(generated || uniform) is over the modes of all points.  A true
    sampler has all 25, 1 - e^-4.5 = 98.889 % of high quality, and a divergence of about 24/2N.  Raises
    :class:`UserError` for another shape.
    """
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise UserError(f"points are {list(points.shape)}; allowed: [N, 2] with at least one point")
    if not points.isfinite().all():
        raise UserError("points hold values that are not finite; mend the sampler")
    column = (points.double().cpu() / 2).round().clamp(-2, 2)  # [N, 2] in {-2, …, 2}
    good = (points.double().cpu() - 2 * column).norm(dim=1) <= 3 * sigma
    labels = ((column[:, 0] + 2) * 5 + column[:, 1] + 2).long()
    _, kl, _ = mode_statistics(labels, 25)
    modes = int((torch.bincount(labels[good], minlength=25) > 0).sum())
    return GaussianModes(modes, float(good.double().mean()), kl)


def _quantised(images: Tensor, channels: int, side: int) -> Tensor:
    """Uint8 ``[N, side, side, channels]`` of either kind of images."""
    pixels = images
    if images.is_floating_point() and images.ndim == 4:
        if not images.isfinite().all():
            raise UserError("images hold values that are not finite; allowed: floats in [-1, 1]")
        pixels = to_uint8(images).permute(0, 2, 3, 1)
    if (
        pixels.dtype != torch.uint8
        or pixels.ndim != 4
        or tuple(pixels.shape[1:]) != (side, side, channels)
        or not len(pixels)
    ):
        raise UserError(
            f"images are {images.dtype} {list(images.shape)}; allowed: uint8 [N, {side}, {side}, "
            f"{channels}], or float [N, {channels}, {side}, {side}] in [-1, 1], N at least 1"
        )
    return pixels
