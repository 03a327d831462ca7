"""R3GAN's networks (Huang et al. 2024, "The GAN is dead; long live the GAN!", section 3), and small ones.

The stages of :mod:`visavis.networks.residual` with inverted blocks, one width for all resolutions.  At 32×32
the published networks have 20,781,952 and 21,280,512 parameters conditional, else 20,732,160 and 20,683,776.
"""

from typing import ClassVar, Literal

from pydantic import PositiveInt
from torch import nn

from visavis.core import Config, Shape
from visavis.networks.grouped import GroupedConv2d
from visavis.networks.layers import init_fan_in
from visavis.networks.residual import Residual, ResidualG, ResidualGenerator
from visavis.networks.roles import Role
from visavis.networks.stages import stages_of


class _R3GAN(Config):
    """``width``: channels at every stage; ``blocks``: of a stage; the 3×3 in groups of ``group_width``."""

    width: PositiveInt = 768
    blocks: PositiveInt = 2
    expansion: PositiveInt = 2
    group_width: PositiveInt = 16

    def stages(self, shape: Shape) -> Residual:
        """The residual stages that reach the resolution."""
        return Residual(**self._stages(shape))

    def _stages(self, shape: Shape) -> dict[str, object]:
        base, stages = stages_of(shape.resolution)
        return {
            "widths": (self.width,) * stages,
            "blocks": self.blocks,
            "base": base,
            "block": "inverted",
            "expansion": self.expansion,
            "group_width": self.group_width,
        }


class R3GANGenerator(_R3GAN):
    """A learned base times a linear map of z and the class's embedding, stages upward, 1×1 to RGB."""

    kind: Literal["r3gan"] = "r3gan"
    role: ClassVar[Role] = "generator"
    z_dim: PositiveInt = 64
    class_dim: PositiveInt = 64

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network; class-conditional where ``classes`` is above 0."""
        settings = self._stages(shape) | {"z_dim": self.z_dim, "class_dim": self.class_dim}
        net = ResidualGenerator.model_validate(settings).build(shape, classes)
        assert isinstance(net, ResidualG)
        net.to_rgb = _without_bias(self.width, shape.channels)
        if net.classes is not None:  # a linear map of the one-hot class, whose fan-in is their number
            nn.init.normal_(net.classes.weight, 0.0, classes**-0.5)
        return net


class R3GANBranch(_R3GAN):
    """1×1 from RGB, stages downward, a depthwise convolution of all of the base; conditional also a Linear.

    With the difference head, and ``conditioning`` "embedding" where there are classes, it is R3GAN's
    discriminator.
    """

    kind: Literal["r3gan"] = "r3gan"

    def build(self, shape: Shape, classes: int) -> tuple[nn.Module, int]:
        """The branch ``[N, C, R, R] -> [N, width]`` and the width of its features."""
        stages = self.stages(shape)
        pool = GroupedConv2d(self.width, self.width, stages.base, groups=self.width, bias=False)
        init_fan_in(pool)
        layers: list[nn.Module] = [
            _without_bias(shape.channels, self.width),
            *stages.down(),
            pool,
            nn.Flatten(),
        ]
        if classes:
            linear = nn.Linear(self.width, self.width, bias=False)
            init_fan_in(linear)
            layers.append(linear)
        return nn.Sequential(*layers), self.width


def _without_bias(width_in: int, width_out: int) -> nn.Conv2d:
    conv = nn.Conv2d(width_in, width_out, 1, bias=False)
    init_fan_in(conv)
    return conv
