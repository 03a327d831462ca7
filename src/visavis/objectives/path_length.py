"""Path length regularisation: a step of w changes G's images by as much wherever it is taken.

Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN", equation 4, lazy (appendix B).
"""

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from visavis.core import Batch, Every, Images, Nets, Phase, Scalars, Value, value_at
from visavis.data import AnyData
from visavis.losses.penalties import path_lengths
from visavis.networks.stylegan2 import StyleGAN2G, StyleGAN2Generator
from visavis.objectives.adversarial import part_of
from visavis.objectives.fit import Networks
from visavis.objectives.gan import Ordinary
from visavis.objectives.phases import Otherwise
from visavis.training import parallel


class MeanLength(nn.Module):
    """The running mean of path lengths, a buffer which a checkpoint holds; 0 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.length = nn.Buffer(torch.zeros(()))


class PathLength(Ordinary):
    """The ordinary game; every ``path_every`` steps G pays ``path`` · E(‖Jᵀy‖ - a)² too, weighted by as many.

    J: the Jacobian of images with respect to w; y: noise; a: the mean of ‖Jᵀy‖, which moves by ``path_rate``;
    taken on one in ``path_part`` of the batch, for memory's sake.
    """

    kind: Literal["path-length"] = "path-length"
    path: Value = 2.0
    path_every: PositiveInt = 8
    path_rate: float = Field(0.01, gt=0, le=1)
    path_part: PositiveInt = 2

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless G has styles w whose paths can be measured."""
        super().check(networks, data)
        g = networks.get("G")
        if g is not None and not isinstance(g, StyleGAN2Generator):
            mend = "give --networks.G.kind stylegan2, or --objective.kind gan"
            raise ValueError(f"the objective 'path-length' takes styles w, and '{g.kind}' has none; {mend}")

    def state(self) -> dict[str, nn.Module]:
        """The mean of the lengths, and what any game has."""
        return {**super().state(), "path": MeanLength()}

    def phases(self) -> tuple[Phase, ...]:
        """D steps, then G steps: each of G's is two that take turns, with its paths and without."""
        due = Every(self.path_every)
        turns = [Phase(("G",), self.path_loss, due), Phase(("G",), self.g_loss, Otherwise(due))]
        return self.composed(self.d_phases(self.d_loss), turns * self.g_steps)

    def path_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Look real, at an even pace."""
        loss, scalars = self.g_loss(nets, batch, images)
        mean, lengths = nets["path"], self.lengths(nets, part_of(batch, 0, self.real_batches))
        assert isinstance(mean, MeanLength)
        mean.length.lerp_(parallel.mean(lengths.detach().mean()), self.path_rate)
        penalty = (lengths - mean.length.clone()).square().mean()
        scalars |= {"penalty/path": penalty, "path/length": mean.length.clone()}
        return loss + self.path_every * value_at(self.path, images) * penalty, scalars

    def lengths(self, nets: Nets, like: Images) -> Tensor:
        """‖Jᵀy‖ of fresh images ``[N]``, of the classes of ``like``."""
        g, count = nets["G"], max(1, len(like.x) // self.path_part)
        assert isinstance(g, StyleGAN2G)
        z = parallel.randn(count, g.z_dim, device=like.x.device)
        w = g.styles(z, None if like.y is None else like.y[:count])
        made = g.synthesis(w)
        return path_lengths(made, w, parallel.randn(*made.shape, device=made.device))
