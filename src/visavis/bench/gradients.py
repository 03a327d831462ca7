"""Whether the step that is timed is the same step: its gradients beside those of the step as written."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from visavis.bench.as_written import AsWritten
from visavis.bench.modes import Mode, copy_weights, ours, own_recipe, real_images
from visavis.core import Images
from visavis.networks.layers import Dropout
from visavis.training.loop import update


def gradient_errors(
    mode: Mode, batch_size: int, device: torch.device, kinks: bool = True
) -> dict[str, float]:
    """‖ours - as written‖ / ‖as written‖ of all of a network's gradients; for G, of the worse of its updates.

    Same weights and latents, no dropout (both draw masks, in another order).  Where an activation lies within
    rounding of 0, a LeakyReLU's gradient jumps, and one such in a million shows as 1e-3; ``kinks=False`` puts
    Softplus for every ReLU on both sides, and so shows what the arithmetic itself differs by.
    """
    written = AsWritten(device, dropout=0.0)
    state = ours(mode, batch_size, device, written)
    for layer in state.nets.modules():
        if isinstance(layer, Dropout):
            layer.p = 0.0
    if not kinks:
        for net in (written.G, written.D, *state.nets.values()):
            _soften(net)
    reals = real_images(batch_size, device)
    real, other = reals.chunk(2)
    recipe = own_recipe(mode, batch_size)
    plain: list[tuple[str, torch.optim.Optimizer, Callable[[], None]]] = [
        ("D", written.adam_d, lambda: written.update_d(real, other)),
        ("G", written.adam_g, lambda: written.update_g(real)),
        ("G", written.adam_g, lambda: written.update_g(real)),
    ]
    errors: dict[str, float] = {}
    for seed, (phase, (name, adam, act)) in enumerate(zip(recipe.objective.phases(), plain, strict=True)):
        torch.manual_seed(seed)
        theirs = _gradients_during(adam, act)
        torch.manual_seed(seed)
        own = _gradients_during(
            state.optimisers[name],
            lambda phase=phase: update(state, phase, Images(reals), recipe.schedule()),  # type: ignore[misc]
        )
        error = float((own - theirs).norm() / theirs.norm())
        errors[name] = max(error, errors.get(name, 0.0))
        copy_weights(written.D, state.nets["D"])  # Adam's first steps enlarge what rounding leaves
        copy_weights(written.G, state.nets["G"])
    return errors


def _gradients_during(optimiser: torch.optim.Optimizer, act: Callable[[], object]) -> Tensor:
    """All gradients that ``optimiser`` steps on while ``act`` runs, as one vector."""
    found: list[Tensor] = []

    def keep(*_: object) -> None:
        for group in optimiser.param_groups:
            found.extend(_flat(group["params"]))

    handle = optimiser.register_step_pre_hook(keep)
    act()
    handle.remove()
    return torch.cat(found)


def _flat(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [p.grad.flatten().double() for p in parameters if p.grad is not None]


def _soften(net: nn.Module) -> None:
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU | nn.LeakyReLU):
                setattr(module, name, nn.Softplus())
