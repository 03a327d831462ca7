"""Drifting: a generator of one step, drawn towards real images and pushed from its own, without a critic.

Deng et al. 2026, arXiv 2602.04770; with plans of transport: arXiv 2603.12366 and 2605.05118.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from visavis.core import Batch, Config, Nets, Phase, Scalars
from visavis.data import AnyData
from visavis.errors import UserError
from visavis.losses.drifting import Coupling, field
from visavis.networks.perceptual import FeatureMaps, FeatureNet, load_feature_maps
from visavis.objectives.adversarial import generate, part_of
from visavis.objectives.fit import Networks, check_role, takes_images
from visavis.training import parallel


class Drifting(Config):
    """G's images x follow the field V of what is seen of them: the mean of (x - stopgrad(x + V(x)))².

    ``features``: pixels, or the maps of one of the project's own classifiers, a field for each map; no judge
    of the run may then look with it.  ``coupling``: how pairs count: an affinity among an image's partners
    times that among a partner's images, or two plans of transport (Sinkhorn).  ``temperatures``: of the
    kernels whose fields are added up, as shares of the mean distance between images (a small one looks at
    the nearest only).  A conditional generator's images look at their own class.
    """

    kind: Literal["drifting"] = "drifting"
    features: Literal["pixels"] | FeatureNet = "pixels"
    coupling: Coupling = "softmax"
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
        """The feature network, frozen, where there is one."""
        return {} if self.features == "pixels" else {"features": load_feature_maps(self.features)}

    def loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """The squared length of each field where G's images are, whose slope is -2 V / values; their mean."""
        real = part_of(batch, 0, 1)
        fake = generate(nets, real)
        losses, lengths = [], []
        for x, to in zip(self.seen(nets, fake.x), self.seen(nets, real.x), strict=True):
            drift = self.drift(x.detach(), to.detach(), fake.y, real.y)
            losses.append((x - (x + drift).detach()).square().mean() / self.unit(to))
            lengths.append(drift.norm(dim=1).mean())
        loss = torch.stack(losses).mean()
        return loss, {"loss/G": loss, "drift/length": torch.stack(lengths).mean()}

    def seen(self, nets: Nets, x: Tensor) -> list[Tensor]:
        """Pixels, or the maps of the feature network, each ``[N, F]``."""
        if self.features == "pixels":
            return [x.flatten(1).float()]
        maps = nets["features"]
        assert isinstance(maps, FeatureMaps)
        if x.shape[1] != maps.channels:
            raise UserError(
                f"images of {x.shape[1]} channels for features {self.features}, which see {maps.channels}; "
                "give other --objective.features, or pixels"
            )
        return [each.flatten(1).float() for each in maps(x)]

    @torch.no_grad()
    def unit(self, to: Tensor) -> Tensor | float:
        """What a map's squares are counted in, so that all maps count alike: the variance of real ones."""
        if self.features == "pixels":
            return 1.0
        return parallel.gather(to).var(0, correction=0).mean().clamp(min=1e-8)

    @torch.no_grad()
    def drift(self, x: Tensor, to: Tensor, y: Tensor | None, to_y: Tensor | None) -> Tensor:
        """V at each of ``x: [N, F]``, which go ``to: [M, F]``, their classes ``y`` and ``to_y``: ``[N, F]``.

        The plan is of the images of all processes; one's own image is no partner but in a transport plan.
        """
        made, to = parallel.gather(x), parallel.gather(to)
        to_real = torch.ones(len(made), len(to), dtype=torch.bool, device=x.device)
        to_made = torch.ones(len(made), len(made), dtype=torch.bool, device=x.device)
        if self.coupling == "softmax":
            to_made.fill_diagonal_(False)
        if y is not None and to_y is not None:
            y = parallel.gather(y)
            to_real, to_made = y[:, None] == parallel.gather(to_y), to_made & (y[:, None] == y)
        parts = [field(made, to, made, t, to_real, to_made, self.coupling) for t in self.temperatures]
        return torch.stack(parts).sum(0)[parallel.local(len(made))]
