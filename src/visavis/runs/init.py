"""Beginning with another run's weights: all of them, some networks', or as far as they fit."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.models import snapshot

Weights = Mapping[str, Tensor]
SHOWN = 3
"""Names of layers in a line, of more."""


def weights_of(given: Path, networks: tuple[str, ...]) -> dict[str, Weights]:
    """Network -> its averaged weights in the run or snapshot ``given``; only ``networks``, if any are named.

    Raises :class:`UserError` for a network that is not there.
    """
    found, _ = snapshot.load_snapshot(snapshot.find_snapshot(given))
    if missing := [name for name in networks if name not in found]:
        raise UserError(
            f"--init-networks {missing[0]}, and '{given}' has {', '.join(found)}; name some of these"
        )
    return {name: net.state_dict() for name, net in found.items() if not networks or name in networks}


def need_all(given: Path, weights: Mapping[str, Weights], own: Mapping[str, Weights]) -> None:
    """Raise :class:`UserError` unless these weights are of networks that are this recipe's."""
    what = f"--init {given} does not fit this recipe"
    mend = "give a run whose --networks are the same, or --init-fitting to take what fits"
    if not any(name in own for name in weights):
        raise UserError(
            f"{what}: it has the networks {', '.join(weights)} (allowed: {', '.join(own)}); {mend}"
        )
    for name, tensors in weights.items():
        if name not in own:
            continue
        here = {key: list(value.shape) for key, value in own[name].items()}
        there = {key: list(value.shape) for key, value in tensors.items()}
        if here == there:
            continue
        key = next(k for k in [*here, *there] if there.get(k) != here.get(k))
        raise UserError(
            f"{what}: its network {name} has {key} of size {there.get(key, 'none')} "
            f"(allowed: {here.get(key, 'none')}); {mend}"
        )


def fitting(given: Weights, own: Weights) -> dict[str, Tensor]:
    """The tensors of ``given`` that a network with the tensors ``own`` can begin with, by its own names.

    Of the same name and size; or, where the networks differ in length (another resolution) and that gives
    more, of the same size counted from the end, as a critic's stages are alike at its coarse end.
    """
    by_name = {key: given[key] for key in own if key in given and given[key].shape == own[key].shape}
    if len(given) == len(own):
        return by_name
    from_end: dict[str, Tensor] = {}
    for key, other in zip(reversed(list(own)), reversed(list(given)), strict=False):
        if own[key].shape != given[other].shape or key.split(".")[-1] != other.split(".")[-1]:
            break
        from_end[key] = given[other]
    return max(by_name, from_end, key=_size)


def take_fitting(
    networks: Mapping[str, torch.nn.Module], weights: Mapping[str, Weights]
) -> tuple[list[str], int]:
    """Load what fits into ``networks``; a line for each of them, and how many tensors were taken."""
    lines, taken = [], 0
    for name, net in networks.items():
        own = net.state_dict()
        found = fitting(weights.get(name, {}), own)
        net.load_state_dict(own | found)
        taken += len(found)
        fresh = [key for key in own if key not in found]
        more = f" and {len(fresh) - SHOWN} more" if len(fresh) > SHOWN else ""
        told = f": new are {', '.join(fresh[:SHOWN])}{more}" if fresh and found else ""
        lines.append(f"{name} takes {_size(found):,} of {_size(own):,} values{told}")
    return lines, taken


def _size(weights: Weights) -> int:
    return sum(value.numel() for value in weights.values())
