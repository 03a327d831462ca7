"""The Siamese GAN (S1) as its author would write it: plain modules, a plain eager loop.

What ours is timed against.  Nothing here trains anything, and nothing is shared with the
rest of the program, so that a slip there shows here.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

Z_DIM = 128


def block_up(width_in: int, width_out: int) -> list[nn.Module]:
    """ConvTranspose 4/2/1, BatchNorm, ReLU."""
    return [nn.ConvTranspose2d(width_in, width_out, 4, 2, 1), nn.BatchNorm2d(width_out), nn.ReLU()]


def block_down(width_in: int, width_out: int) -> list[nn.Module]:
    """Conv 4/2/1, BatchNorm, LeakyReLU 0.2."""
    return [nn.Conv2d(width_in, width_out, 4, 2, 1), nn.BatchNorm2d(width_out), nn.LeakyReLU(0.2)]


class Generator(nn.Module):
    """``z: [N, 128] -> [N, 3, 32, 32]``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(Z_DIM, 512 * 4 * 4),
            nn.Unflatten(1, (512, 4, 4)),
            nn.BatchNorm2d(512),
            nn.ReLU(),
            *block_up(512, 256),
            *block_up(256, 128),
            nn.ConvTranspose2d(128, 3, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Latents to images."""
        images: Tensor = self.layers(z)
        return images


class Discriminator(nn.Module):
    """Compares two images, ``[N, 3, 32, 32]`` each -> logits ``[N, 1]``, high for similar ones."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *block_down(3, 64),
            *block_down(64, 128),
            *block_down(128, 256),
            nn.Flatten(),
            nn.Linear(256 * 4 * 4, 512),
        )
        self.head = nn.Sequential(
            nn.Linear(1024, 256), nn.LeakyReLU(0.2), nn.Dropout(dropout), nn.Linear(256, 1)
        )

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Both images through the branch, each time anew."""
        logits: Tensor = self.head(torch.cat([self.branch(a), self.branch(b)], dim=1))
        return logits


def init_weights(layer: nn.Module) -> None:
    """DCGAN's: convolutions N(0, 0.02), BatchNorm N(1, 0.02) with bias 0."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


class AsWritten:
    """S1's networks, optimisers and average, and its three updates: one of D, two of G."""

    def __init__(self, device: torch.device, dropout: float = 0.3) -> None:
        self.G = Generator().apply(init_weights).to(device)
        self.D = Discriminator(dropout).apply(init_weights).to(device)
        self.ema = deepcopy(self.G)
        self.adam_g = torch.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.adam_d = torch.optim.Adam(self.D.parameters(), lr=5e-5, betas=(0.5, 0.999))

    def step(self, real: Tensor, other: Tensor) -> None:
        """One step on two batches of real images."""
        self.update_d(real, other)
        self.update_g(real)
        self.update_g(real)
        self.update_ema()

    def update_d(self, real: Tensor, other: Tensor) -> None:
        """Four runs of the branch; the targets are smoothed."""
        z = torch.randn(len(real), Z_DIM, device=real.device)
        fake = self.G(z).detach()
        like, unlike = self.D(real, other), self.D(real, fake)
        self.adam_d.zero_grad()
        loss = (_bce(like, 0.9) + _bce(unlike, 0.1)) / 2
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam_d.step()

    def update_g(self, real: Tensor) -> None:
        """Back-propagates into D's weights and through the branch of the real images too, for nothing."""
        z = torch.randn(len(real), Z_DIM, device=real.device)
        self.adam_g.zero_grad()
        loss = _bce(self.D(real, self.G(z)), 1.0)
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam_g.step()

    @torch.no_grad()
    def update_ema(self) -> None:
        """The average of the weights."""
        for slow, fast in zip(self.ema.parameters(), self.G.parameters(), strict=True):
            slow.mul_(0.999).add_(fast, alpha=0.001)


def _bce(logits: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
