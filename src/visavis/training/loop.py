"""The one training loop.  It knows phases, and nothing of what kind of model it trains."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field, PositiveInt
from torch import Tensor, nn

from visavis.core import Batch, Config, Objective, Phase, Ramp, Scalars, Value, ends_of, mix, value_at
from visavis.training import parallel

Precision = Literal["fp32", "bf16"]
Batches = Callable[[int], Batch]


def _some_rate(value: Value) -> Value:
    ends = ends_of(value)
    if min(ends) < 0 or max(ends) <= 0:
        raise ValueError("no learning rate (allowed: above 0, a ramp may begin or end at 0); mend --lr")
    return value


class Adam(Config):
    """Adam (Kingma and Ba 2015); rate and β₂ may be scheduled in images."""

    lr: Annotated[Value, AfterValidator(_some_rate)] = 2e-4
    beta1: float = Field(0.0, ge=0, lt=1)
    beta2: Value = 0.99
    eps: float = 1e-8


class Average(Config):
    """The exponential moving average of weights and buffers.

    ``decay`` per step if it is given, else a ``halflife`` in images.
    """

    decay: float | None = Field(None, ge=0, lt=1)
    halflife: Value = 5_000

    def decay_at(self, images: int, batch_size: int) -> float:
        """The factor by which the past counts at one step."""
        if self.decay is not None:
            return self.decay
        halflife = value_at(self.halflife, images)
        return 0.5 ** (batch_size / halflife) if halflife > 0 else 0.0


class Schedule(Config):
    """What the loop needs to know beside networks, objective and data."""

    batch_size: PositiveInt
    tick: PositiveInt
    adam: Mapping[str, Adam]
    average: Average = Average()
    precision: Precision = "fp32"
    accumulate: PositiveInt = 1
    seed: int = 0


class State:
    """Everything that training changes, so everything that a checkpoint holds."""

    def __init__(self, nets: Mapping[str, nn.Module], objective: Objective, schedule: Schedule) -> None:
        self.nets = nn.ModuleDict({**nets, **objective.state()})
        self.ema = nn.ModuleDict({name: deepcopy(nets[name]) for name in objective.averaged})
        self.ema.eval().requires_grad_(False)
        trained = sorted({name for phase in objective.phases() for name in phase.trains})
        self.optimisers = {name: _optimiser(nets[name], schedule.adam[name]) for name in trained}
        self.images = 0
        self.seconds = 0.0
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def tensors(self) -> dict[str, Tensor]:
        """A flat view of all tensors; :meth:`load` takes it back."""
        flat = {f"nets.{k}": v for k, v in self.nets.state_dict().items()}
        flat |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, slots in optimiser.state_dict()["state"].items():
                flat |= {f"optimiser.{name}.{index}.{slot}": value for slot, value in slots.items()}
        return flat | {f"sum.{k}": v for k, v in self.sums.items()}

    def numbers(self) -> dict[str, object]:
        """What is not a tensor."""
        return {"images": self.images, "seconds": self.seconds, "counts": self.counts}

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, object]) -> None:
        """Take back what :meth:`tensors` and :meth:`numbers` gave."""
        self.nets.load_state_dict(_under("nets.", tensors))
        self.ema.load_state_dict(_under("ema.", tensors))
        for name, optimiser in self.optimisers.items():
            parameters = list(self.nets[name].parameters())
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(f"optimiser.{name}.", tensors).items():
                index, slot = key.split(".")
                state.setdefault(int(index), {})[slot] = _laid_out(value, parameters[int(index)])
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state, "param_groups": groups})
        device = next(self.nets.parameters()).device
        self.sums = {k: v.to(device) for k, v in _under("sum.", tensors).items()}
        self.images, self.seconds = int(numbers["images"]), float(numbers["seconds"])  # type: ignore[call-overload, arg-type]
        self.counts = dict(numbers["counts"])  # type: ignore[call-overload]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _laid_out(value: Tensor, like: Tensor) -> Tensor:
    """``value`` in the memory layout of its parameter: the fused Adam walks both as plain memory."""
    return torch.empty_like(like).copy_(value) if value.shape == like.shape else value


def _optimiser(net: nn.Module, adam: Adam) -> torch.optim.Adam:
    betas = (adam.beta1, value_at(adam.beta2, 0))
    fused = next(net.parameters()).device.type in ("cuda", "cpu")
    return torch.optim.Adam(net.parameters(), value_at(adam.lr, 0), betas, adam.eps, fused=fused)


@dataclass(frozen=True)
class Report:
    """What one tick of training gives: images seen, and the means of the scalars since the last report."""

    images: int
    scalars: dict[str, float] = field(default_factory=dict)


class Diverged(RuntimeError):  # noqa: N818 - says what happened
    """A loss, gradient or penalty is no longer a finite number."""


def never(state: State) -> bool:
    """Go on until the images are seen."""
    return False


def train(
    state: State,
    objective: Objective,
    batches: Batches,
    schedule: Schedule,
    images: int | None,
    stop: Callable[[State], bool] = never,
) -> Iterator[Report]:
    """Train until ``images`` are seen or ``stop`` says so, with a report at each multiple of
    ``schedule.tick``.

    Step k of a run is the same whether the run was interrupted before it or not.  Raises :class:`Diverged` at
    the first report that holds a number that is not finite, before the caller could save it.
    """
    phases = objective.phases()
    while (images is None or state.images < images) and not parallel.agree(stop(state), _device(state)):
        step = state.images // schedule.batch_size
        batch = batches(step)
        for index, phase in enumerate(phases):
            if phase.due(step, state.images):
                torch.manual_seed(mix(schedule.seed, step, index))
                _tally(state, update(state, phase, batch, schedule))
        state.images += schedule.batch_size
        update_ema(state, schedule.average.decay_at(state.images, schedule.batch_size))
        last = images is not None and state.images >= images
        if state.images % schedule.tick < schedule.batch_size or last:
            yield take_report(state)
    _means(state)  # stopped between two reports: nothing that is not finite must be saved


def update(state: State, phase: Phase, batch: Batch, schedule: Schedule) -> Scalars:
    """One optimiser step of one phase; networks that it does not train get no gradients."""
    scalars = gradients_of(state, phase, batch, schedule)
    if parallel.active():
        scalars = {name: value.clone() for name, value in scalars.items()}
    of_all = list(scalars.values())  # so every process has the same sums, and a checkpoint may be any one's
    for name in phase.trains:
        gradients = [p.grad for p in state.nets[name].parameters() if p.grad is not None]
        parallel.average([*gradients, *of_all])
        of_all = []
        scalars[f"grad_norm/{name}"] = torch.nn.utils.get_total_norm(gradients)
        _set_rates(state.optimisers[name], schedule.adam[name], state.images)
        state.optimisers[name].step()
        state.optimisers[name].zero_grad(set_to_none=True)
    with torch.no_grad():
        phase.after(dict(state.nets.items()))
    return scalars


def gradients_of(state: State, phase: Phase, batch: Batch, schedule: Schedule) -> Scalars:
    """Add a phase's gradients to those of the networks that it trains; its scalars.

    The batch may be taken in parts, one after the other, each with the draws that its images have in the
    whole: what is a mean over images has the same gradient, to rounding.
    """
    for name, net in state.nets.items():
        net.requires_grad_(name in phase.trains)
    parts, seed = schedule.accumulate, torch.initial_seed()
    sums: Scalars = {}
    for number, images in enumerate(_parts(batch, schedule.batch_size // parallel.world_size(), parts)):
        if number:
            torch.manual_seed(seed)
        with parallel.part(number, parts), autocast(schedule.precision, _device(state)):
            loss, scalars = phase.loss(dict(state.nets.items()), images, state.images)
        if parts > 1:
            loss, scalars = loss / parts, {name: value / parts for name, value in scalars.items()}
        loss.backward()  # type: ignore[no-untyped-call]
        told = {name: value.detach().float() for name, value in scalars.items()}
        sums = {name: sums[name] + value for name, value in told.items()} if sums else told
    return sums


def _parts(batch: Batch, size: int, parts: int) -> Iterator[Batch]:
    """The batch as it is, or so many equal parts of it in their order.

    A step may hold several batches of ``size`` images, one after the other: a part has its share of each.
    """
    if parts == 1:
        yield batch
        return

    def shares(x: Tensor | None) -> list[Tensor | None]:
        if x is None:
            return [None] * parts
        return [share.flatten(0, 1) for share in x.view(-1, size, *x.shape[1:]).chunk(parts, 1)]

    yield from (type(batch)(*each) for each in zip(*map(shares, batch), strict=True))


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """bf16 where the recipe says so, else nothing."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


@torch.no_grad()
def update_ema(state: State, decay: float) -> None:
    """Move each average towards its network: weights and real buffers by 1 - decay, counters are copied."""
    for name, average in state.ema.items():
        pairs = list(zip(_tensors(average), _tensors(state.nets[name]), strict=True))
        real = [(slow, fast) for slow, fast in pairs if slow.is_floating_point()]
        if real:
            slow, fast = zip(*real, strict=True)
            torch._foreach_lerp_(slow, fast, 1 - decay)
        for slow_count, fast_count in pairs:
            if not slow_count.is_floating_point():
                slow_count.copy_(fast_count)


def _tensors(net: nn.Module) -> list[Tensor]:
    return [*net.parameters(), *net.buffers()]


def _set_rates(optimiser: torch.optim.Adam, adam: Adam, images: int) -> None:
    for group in optimiser.param_groups:
        if isinstance(adam.lr, Ramp):
            group["lr"] = adam.lr.at(images)
        if isinstance(adam.beta2, Ramp):
            group["betas"] = (adam.beta1, adam.beta2.at(images))


def _tally(state: State, scalars: Scalars) -> None:
    for name, value in scalars.items():
        total = value.detach().float()
        state.sums[name] = state.sums[name] + total if name in state.sums else total
        state.counts[name] = state.counts.get(name, 0) + 1


def take_report(state: State) -> Report:
    """The means since the last report, which begin anew."""
    scalars = _means(state)
    state.sums, state.counts = {}, {}
    return Report(state.images, scalars)


def _means(state: State) -> dict[str, float]:
    """The means since the last report; sums carry any NaN in between to here."""
    if not state.sums:
        return {}
    means = torch.stack([total / state.counts[name] for name, total in state.sums.items()])
    scalars = dict(zip(state.sums, means.tolist(), strict=True))
    broken = [f"{name} = {value}" for name, value in scalars.items() if not math.isfinite(value)]
    if broken:
        raise Diverged(", ".join(broken))
    return scalars


def _device(state: State) -> torch.device:
    return next(state.nets.parameters()).device
