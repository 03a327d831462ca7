"""Layers that are the same on one process and on many, and initialisations."""

import math

import torch
from torch import Tensor, nn

from visavis.networks.grouped import doubled, grouped_conv2d
from visavis.training import parallel


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose moments are averaged over all processes, differentiably (also on CPU)."""

    def forward(self, x: Tensor) -> Tensor:
        """``x: [N, C, H, W]`` -> the same shape."""
        return _over_processes(self, x) if self.training and parallel.apart() else super().forward(x)


class BatchNorm1d(nn.BatchNorm1d):
    """The same of vectors, ``[N, C]``."""

    def forward(self, x: Tensor) -> Tensor:
        """``x: [N, C]`` -> the same shape."""
        return _over_processes(self, x) if self.training and parallel.apart() else super().forward(x)


def _over_processes(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    wide, others = x.float(), (0, *range(2, x.dim()))
    along = (-1, *[1] * (x.dim() - 2))  # where channels stand
    mean = parallel.mean(wide.mean(dim=others))
    centred = wide - mean.view(along)
    var = parallel.mean(centred.square().mean(dim=others))
    with torch.no_grad():
        assert norm.running_mean is not None and norm.running_var is not None
        assert norm.num_batches_tracked is not None and norm.momentum is not None
        count = x.numel() // x.shape[1] * parallel.world_size()
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(var * count / (count - 1), norm.momentum)
        norm.num_batches_tracked.add_(1)
    scale = (var + norm.eps).rsqrt()
    if norm.affine:
        scaled = centred * (norm.weight * scale).view(along) + norm.bias.view(along)
    else:
        scaled = centred * scale.view(along)
    return scaled.to(x.dtype)


class Dropout(nn.Module):
    """Dropout whose mask depends on an item's index in the global batch, not on the number of processes."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """``x: [N, …]`` -> the same shape."""
        if not self.training or self.p == 0:
            return x
        keep = parallel.rand(*x.shape, device=x.device) >= self.p
        return x * keep / (1 - self.p)


class Blur(nn.Module):
    """The antialiasing filter [1, 2, 1] in both directions; ``up`` doubles and ``down`` halves the
    resolution.

    Zhang 2019, "Making convolutional networks shift-invariant again".
    """

    kernel: Tensor

    def __init__(self, mode: str) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        square = torch.outer(line, line)
        self.up = mode == "up"
        self.register_buffer("kernel", square / square.sum() * (4 if self.up else 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` -> ``[N, C, 2H, 2W]`` or ``[N, C, H/2, W/2]``."""
        channels = x.shape[1]
        weight = self.kernel.to(x.dtype).expand(channels, 1, 3, 3)
        if self.up:
            return doubled(x, weight, channels)
        return grouped_conv2d(x, weight, (2, 2), (1, 1), channels)


class Resample(nn.Module):
    """Change the resolution by two without a filter of its own: nearest neighbour up, the mean of 2×2 down.

    The cheapest pair of transposes on a CPU; :class:`Blur` is the antialiased one.
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.up = mode == "up"

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` -> ``[N, C, 2H, 2W]`` or ``[N, C, H/2, W/2]``."""
        if self.up:
            return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return nn.functional.avg_pool2d(x, 2)


RESAMPLERS: dict[str, type[Blur] | type[Resample]] = {"blur": Blur, "box": Resample}


def init_dcgan(module: nn.Module) -> None:
    """Convolutions N(0, 0.02), BatchNorm N(1, 0.02) with bias 0 (Radford et al. 2016); others as they are."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


def init_fan_in(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Weights N(0, gain / √fan_in), bias 0."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(fan_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def init_orthogonal(module: nn.Module) -> None:
    """Convolutions, linear maps and embeddings start with orthogonal rows or columns (Saxe et al. 2014; Brock
    et al. 2019, section 3), biases at 0.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
            nn.init.orthogonal_(layer.weight)
            if not isinstance(layer, nn.Embedding) and layer.bias is not None:
                nn.init.zeros_(layer.bias)
