"""Drifting: a generator of one step, drawn towards real images and pushed from its own, without a critic.

Deng et al. 2026, arXiv 2602.04770.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from visavis.core import Batch, Config, Images, Nets, Phase, Scalars
from visavis.data import AnyData
from visavis.losses.drifting import field
from visavis.objectives.adversarial import generate, part_of
from visavis.objectives.fit import Networks, check_role, takes_images
from visavis.training import parallel


class Drifting(Config):
    """G's images x follow the field V of the pixels: the mean of (x - stopgrad(x + V(x)))² over values.

    ``temperatures``: of the kernels whose fields are added up, as shares of the mean distance between images
    (a small one looks at the nearest only).  A conditional generator's images look at their own class.
    Features are the pixels: nothing that the judge looks with is trained on.
    """

    kind: Literal["drifting"] = "drifting"
    temperatures: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (0.02, 0.05, 0.2)
    task: ClassVar[str] = "generate"
    averaged: ClassVar[tuple[str, ...]] = ("G",)
    real_batches: ClassVar[int] = 1

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless G makes images."""
        takes_images(self.kind, data)
        check_role(networks, "G", "generator")

    def phases(self) -> tuple[Phase, ...]:
        """One."""
        return (Phase(("G",), self.loss),)

    def state(self) -> dict[str, nn.Module]:
        """Nothing beside the network."""
        return {}

    def loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """The squared length of the field where G's images are, whose slope is -2 V / values."""
        real = part_of(batch, 0, 1)
        fake = generate(nets, real)
        x = fake.x.flatten(1)
        with torch.no_grad():
            drift = self.drift(x.float(), fake, real)
        loss = (x - (x + drift).detach()).square().mean()
        return loss, {"loss/G": loss, "drift/length": drift.norm(dim=1).mean()}

    def drift(self, x: Tensor, fake: Images, real: Images) -> Tensor:
        """V at each of ``x: [N, F]``, from the images of all processes: ``[N, F]``."""
        to, made = parallel.gather(real.x.flatten(1).float()), parallel.gather(x)
        own = parallel.rank() * len(x) + torch.arange(len(x), device=x.device)
        to_real = torch.ones(len(x), len(to), dtype=torch.bool, device=x.device)
        to_made = torch.arange(len(made), device=x.device) != own[:, None]
        if real.y is not None and fake.y is not None:
            to_real = fake.y[:, None] == parallel.gather(real.y)
            to_made = to_made & (fake.y[:, None] == parallel.gather(fake.y))
        fields = [field(x, to, made, t, to_real, to_made) for t in self.temperatures]
        return torch.stack(fields).sum(0)
