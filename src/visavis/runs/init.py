"""Beginning with another run's weights: all of them, some networks', or as far as they fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.models import snapshot

Weights = Mapping[str, Tensor]
Classes = tuple[str, ...]
SHOWN = 3
"""Names of layers in a line, of more."""


class Given(NamedTuple):
    """Another run's ``networks``: name -> averaged weights, and the classes that these know, in order."""

    networks: Mapping[str, Weights]
    classes: tuple[str, ...]


def weights_of(given: Path, networks: tuple[str, ...]) -> Given:
    """The weights in the run or snapshot ``given``; only of ``networks``, if any are named.

    Raises :class:`UserError` for a network that is not there.
    """
    found, description = snapshot.load_snapshot(snapshot.find_snapshot(given))
    if missing := [name for name in networks if name not in found]:
        raise UserError(
            f"--init-networks {missing[0]}, and '{given}' has {', '.join(found)}; name some of these"
        )
    chosen = {name: net.state_dict() for name, net in found.items() if not networks or name in networks}
    return Given(chosen, description.classes if description.conditional else ())


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


def by_class(given: Weights, own: Weights, there: Classes, here: Classes) -> dict[str, Tensor]:
    """Tensors with a row a class, of other classes ``there``: the rows of those that are ``here`` too.

    The others' rows are as ``own`` has them.  Where both have as many classes no size tells what a row is.
    """
    shared = [name for name in here if name in there]
    if len(there) == len(here) or not shared:
        return {}
    rows, rows_there = [here.index(name) for name in shared], [there.index(name) for name in shared]
    found = {}
    for key, value in own.items():
        other = given.get(key)
        if other is None or value.ndim == 0 or other.shape[1:] != value.shape[1:]:
            continue
        if (len(other), len(value)) == (len(there), len(here)):
            found[key] = value.clone()
            found[key][rows] = other[rows_there].to(value)
    return found


def take_fitting(
    networks: Mapping[str, torch.nn.Module], given: Given, classes: Classes
) -> tuple[list[str], int]:
    """Load what fits into ``networks``, which know ``classes``: what to say of each, and how many tensors."""
    lines, taken = [], 0
    for name, net in networks.items():
        own, other = net.state_dict(), given.networks.get(name, {})
        found = by_class(other, own, given.classes, classes) | fitting(other, own)
        net.load_state_dict(own | found)
        taken += len(found)
        fresh = [key for key in own if key not in found]
        more = f" and {len(fresh) - SHOWN} more" if len(fresh) > SHOWN else ""
        told = f": new are {', '.join(fresh[:SHOWN])}{more}" if fresh and found else ""
        lines.append(f"{name} takes {_size(found):,} of {_size(own):,} values{told}")
    return lines, taken


def _size(weights: Weights) -> int:
    return sum(value.numel() for value in weights.values())
