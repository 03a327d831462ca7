"""The ways to run the project's step that are tried, and its state with the baseline's weights."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from visavis.bench.as_written import AsWritten
from visavis.core import Shape
from visavis.networks import PairCritic
from visavis.recipes import get
from visavis.recipes.recipe import Recipe
from visavis.runs.build import build_networks
from visavis.training.loop import Precision, State

RECIPE = "siamese-catsdogs-as-written"
SHAPE = Shape(3, 32)


@dataclass(frozen=True)
class Mode:
    """A way to run the project's step that changes neither the networks nor the updates.

    ``compiled``: G and D's features through ``torch.compile``; compiling (a minute or so) is not timed.
    """

    precision: Precision = "fp32"
    channels_last: bool = True
    compiled: bool = False


MODES = {
    "fp32": Mode(),
    "fp32, plain layout": Mode(channels_last=False),
    "bf16": Mode("bf16"),
    "bf16, plain layout": Mode("bf16", channels_last=False),
    "fp32, compiled": Mode(compiled=True),
    "bf16, compiled": Mode("bf16", compiled=True),
}


def real_images(batch_size: int, device: torch.device) -> Tensor:
    """Two batches, ``[2 · batch_size, 3, 32, 32]``: noise, as the time does not depend on what they show."""
    draws = torch.Generator().manual_seed(0)
    return (2 * torch.rand(2 * batch_size, 3, 32, 32, generator=draws) - 1).to(device)


def own_recipe(mode: Mode, batch_size: int) -> Recipe:
    """The recipe in that mode."""
    changes = {
        "precision": mode.precision,
        "channels_last": mode.channels_last,
        "batch_size": batch_size,
        "tick": 10**12,  # no report amid a turn
    }
    return get(RECIPE).model_copy(update=changes)


def ours(mode: Mode, batch_size: int, device: torch.device, written: AsWritten) -> State:
    """The project's training state with the weights of ``written``."""
    recipe = own_recipe(mode, batch_size)
    layout = torch.channels_last if mode.channels_last else torch.contiguous_format
    nets: dict[str, nn.Module] = {}
    for name, net in build_networks(recipe, SHAPE, 0).items():
        nets[name] = net.to(device=device, memory_format=layout)  # type: ignore[call-overload]  # torch's stubs lack it
        copy_weights({"G": written.G, "D": written.D}[name], nets[name])
    state = State(nets, recipe.objective, recipe.schedule())
    if mode.compiled:
        critic = state.nets["D"]
        assert isinstance(critic, PairCritic)
        state.nets["G"].compile()
        critic.embed = torch.compile(critic.embed)  # type: ignore[method-assign]
    return state


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Parameters and buffers, which both hold in the same order."""
    for of in (nn.Module.parameters, nn.Module.buffers):
        for theirs, mine in zip(of(source), of(target), strict=True):
            mine.copy_(theirs)
