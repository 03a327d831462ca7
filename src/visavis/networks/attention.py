"""Self-attention over the places of a feature map (Zhang et al. 2019, section 3)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from visavis.networks.norms import SpectralConv2d


class SelfAttention(nn.Module):
    """x + γ · W·softmax(query · keyᵀ)·value, γ from 0.

    Queries and keys have an eighth of the channels, values half; keys and values stand for 2×2 places each
    (the authors' form: a quarter of the products).  ``spectral``: with spectral normalisation.
    """

    def __init__(self, width: int, spectral: bool = True) -> None:
        super().__init__()
        few, half = max(width // 8, 1), max(width // 2, 1)

        def conv(inputs: int, outputs: int) -> nn.Conv2d:
            make = SpectralConv2d if spectral else nn.Conv2d
            return make(inputs, outputs, 1, bias=False)

        self.query, self.key, self.value = conv(width, few), conv(width, few), conv(width, half)
        self.out = conv(half, width)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` -> the same shape."""
        query = self.query(x).flatten(2)  # [N, C/8, H·W]
        key, value = (max_pool2d(of(x), 2).flatten(2) for of in (self.key, self.value))
        weights = (query.transpose(1, 2) @ key).softmax(2)  # [N, H·W, H·W/4]
        seen = (value @ weights.transpose(1, 2)).reshape(x.shape[0], -1, *x.shape[2:])
        y: Tensor = x + self.gain * self.out(seen)
        return y
