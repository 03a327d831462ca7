"""What may be done to any game's phases: when they are due, and what is added to them.

Each function takes a phase and returns another, so that a game composes them instead of knowing them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from visavis.core import Batch, Nets, Phase, Scalars, Value, value_at
from visavis.networks.growth import set_progress

Due = Callable[[int, int], bool]


@dataclass(frozen=True)
class Otherwise:
    """Due when ``due`` is not."""

    due: Due

    def __call__(self, step: int, images: int = 0) -> bool:
        """Whether the phase runs at ``step``."""
        return not self.due(step, images)


@dataclass(frozen=True)
class WhileMore:
    """Due where ``due`` is, while ``count`` after so many images, rounded, is above ``index``."""

    count: Value
    index: int
    due: Due

    def __call__(self, step: int, images: int = 0) -> bool:
        """Whether the phase runs at ``step``, after ``images`` images."""
        return self.index < round(value_at(self.count, images)) and self.due(step, images)


def told_progress(phase: Phase) -> Phase:
    """The phase, which first tells growing networks (ProGAN's) how many images have been seen."""

    def loss(nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        for net in nets.values():
            set_progress(net, images)
        return phase.loss(nets, batch, images)

    return replace(phase, loss=loss)


def clipped(phase: Phase, limit: float) -> Phase:
    """The phase, after which all weights that it trains lie in [-limit, limit] (Arjovsky et al. 2017)."""

    def after(nets: Nets) -> None:
        phase.after(nets)
        for name in phase.trains:
            for parameter in nets[name].parameters():
                parameter.clamp_(-limit, limit)

    return replace(phase, after=after)


class PastWeights(nn.Module):
    """The mean of a network's weights over the steps so far: one flat buffer, which a checkpoint holds."""

    mean: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.empty(0))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def distance(self, net: nn.Module) -> Tensor:
        """‖θ - mean of past θ‖², 0 before the first step."""
        weights = _flat(net)
        return (weights - (self.mean if len(self.mean) else weights.detach())).square().sum()

    def add(self, net: nn.Module) -> None:
        """Count the weights as they are now."""
        weights = _flat(net).detach()
        self.steps += 1
        self.mean = weights.clone() if not len(self.mean) else self.mean.lerp(weights, 1 / self.steps.item())

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        """Take back a mean of whatever size."""
        self.mean = torch.empty_like(state_dict[f"{prefix}mean"], device=self.mean.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _flat(net: nn.Module) -> Tensor:
    """All weights as one vector, whatever their layout in memory."""
    return torch.cat([parameter.reshape(-1) for parameter in net.parameters()])


def held_back(phase: Phase, weight: float) -> Phase:
    """The phase with ``weight`` · ‖θ - mean of past θ‖² for each network that it trains.

    Historical averaging (Salimans et al. 2016, section 3.3); the means are the modules ``past_<network>``.
    """

    def loss(nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        total, scalars = phase.loss(nets, batch, images)
        for name in phase.trains:
            past = nets[f"past_{name}"]
            assert isinstance(past, PastWeights)
            distance = past.distance(nets[name])
            total, scalars = total + weight * distance, {**scalars, f"penalty/past_{name}": distance}
        return total, scalars

    def after(nets: Nets) -> None:
        phase.after(nets)
        for name in phase.trains:
            past = nets[f"past_{name}"]
            assert isinstance(past, PastWeights)
            past.add(nets[name])

    return replace(phase, loss=loss, after=after)
