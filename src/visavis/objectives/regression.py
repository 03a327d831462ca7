"""Translation without a critic: G learns the wanted image by its distance alone."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from visavis.core import Batch, Config, Nets, Phase, Scalars
from visavis.data import AnyData
from visavis.objectives.fit import Networks, check_translators, takes_pairs
from visavis.objectives.translation import Distance, pairs_of


class Regression(Config):
    """G: a -> b with a loss between G(a) and b; what super-resolution starts with (Lim et al. 2017: L1)."""

    kind: Literal["regression"] = "regression"
    task: ClassVar[str] = "translate"
    averaged: ClassVar[tuple[str, ...]] = ("G",)
    real_batches: ClassVar[int] = 1
    distance: Distance = Distance()

    def phases(self) -> tuple[Phase, ...]:
        """One."""
        return (Phase(("G",), self.loss),)

    def state(self) -> dict[str, nn.Module]:
        """The distance's features."""
        return self.distance.state()

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless G translates, making images ``factor`` times larger."""
        check_translators(networks, "G", factor=takes_pairs(self.kind, data).factor)

    def loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """The distance of G(a) to b."""
        a, b = pairs_of(batch, 0, 1)
        loss, parts = self.distance(nets, nets["G"](a), b, images)
        return loss, {"loss/G": loss, **parts}
