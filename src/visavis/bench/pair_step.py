"""``visavis bench pair-step``: the Siamese GAN's step as it was written against the project's own.

Same networks, batch, numbers of updates and gradients.  Both run in one process and take turns, so that
whatever else the machine does falls on both; a ratio is the median of the ratios of the turns.
"""

import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from visavis.bench.as_written import AsWritten
from visavis.bench.gradients import gradient_errors
from visavis.bench.modes import MODES, Mode, ours, own_recipe, real_images
from visavis.bench.peak import peaks
from visavis.core import Images
from visavis.training.loop import Precision, State, autocast, train

LEAST_ROUNDS = 3
TURN = 0.2
"""A turn is as many steps as take this many seconds, and one at least."""

PATIENCE = "compiling takes longer than the rest; give --seconds 120 or more"

Steps = Callable[[int], object]
"""Make so many training steps."""


OURS = "fp32"
AS_WRITTEN = "as written"
AS_WRITTEN_BF16 = "as written, bf16"


def time_pair_step(
    batch_size: int = 128,
    seconds: float = 60.0,
    device: str = "cpu",
    modes: Mapping[str, Mode] = MappingProxyType(MODES),
) -> dict[str, Any]:
    """Time all ``modes`` ("fp32" among them) for half of ``seconds``, then the finalists for the other half.

    Returns images/s as written, ours in fp32 and ours at best, ratios to as written, the machine's peak and
    each one's share of it.  A mode that this machine cannot run is reported with the reason.
    """
    place = torch.device(device)
    left_out = {name: {"left_out": PATIENCE} for name in modes}
    modes = affordable(modes, seconds)
    reals = real_images(batch_size, place)
    written = AsWritten(place)
    states = {name: ours(mode, batch_size, place, written) for name, mode in modes.items()}
    steps: dict[str, Steps] = {
        AS_WRITTEN: plain_steps(written, reals),
        AS_WRITTEN_BF16: plain_steps(AsWritten(place), reals, "bf16"),
        **{name: own_steps(mode, states[name], reals) for name, mode in modes.items()},
    }
    flops = {name: flops_of(steps[name]) / batch_size for name in (AS_WRITTEN, OURS)}
    notes = first_steps(steps, place)
    steps = {name: each for name, each in steps.items() if "failed" not in notes[name]}
    times = take_turns(steps, seconds / 2, place)
    tried = {name: summary(times, name, batch_size) for name in steps}
    best = max((name for name in steps if name in modes), key=lambda name: tried[name]["ratio"])
    finalists = dict.fromkeys((AS_WRITTEN, OURS, best))
    times = take_turns({name: steps[name] for name in finalists}, seconds / 2, place)
    final = {name: summary(times, name, batch_size) for name in finalists}
    peak = peaks(place)
    best_peak = peak[f"{modes[best].precision}_tflops"]
    return {
        "as_written": final[AS_WRITTEN],
        "ours_fp32": final[OURS],
        "ours_best": final[best] | {"mode": best},
        "modes": left_out | {name: notes[name] | tried.get(name, {}) for name in notes},
        "flops_per_image": {"as_written": flops[AS_WRITTEN], "ours": flops[OURS]},
        "gradient_error": {
            "ours_fp32": gradient_errors(modes[OURS], batch_size, place),
            "ours_fp32_plain_layout": gradient_errors(MODES[f"{OURS}, plain layout"], batch_size, place),
            "ours_fp32_without_kinks": gradient_errors(modes[OURS], batch_size, place, kinks=False),
        },
        "peak": peak,
        "share_of_peak": {
            "as_written": share(final[AS_WRITTEN], flops[AS_WRITTEN], peak["fp32_tflops"]),
            "ours_fp32": share(final[OURS], flops[OURS], peak["fp32_tflops"]),
            "ours_best": share(final[best], flops[OURS], best_peak),
        },
        "record": record(batch_size, place, len(times[AS_WRITTEN])),
    }


def affordable(modes: Mapping[str, Mode], seconds: float) -> dict[str, Mode]:
    """Without those that compile, unless there is time for it."""
    return {name: mode for name, mode in modes.items() if seconds >= 120 or not mode.compiled}


def first_steps(steps: Mapping[str, Steps], device: torch.device) -> dict[str, dict[str, Any]]:
    """One step of each, which compiles what is to be compiled: how long it took, or why it failed."""
    notes: dict[str, dict[str, Any]] = {}
    for name, each in steps.items():
        try:
            notes[name] = {"first_step_seconds": round(timed(each, 1, device), 2)}
        except Exception as error:  # torch.compile without a C++ compiler raises whatever it likes
            notes[name] = {"failed": (str(error).strip() or type(error).__name__).splitlines()[0]}
    return notes


def plain_steps(written: AsWritten, reals: Tensor, precision: Precision = "fp32") -> Steps:
    """The baseline's loop."""
    real, other = reals.chunk(2)

    def steps(count: int) -> None:
        for _ in range(count):
            with autocast(precision, real.device):
                written.step(real, other)

    return steps


def own_steps(mode: Mode, state: State, reals: Tensor) -> Steps:
    """The project's loop, :func:`visavis.training.loop.train`, with everything that it does in a step."""
    layout = torch.channels_last if mode.channels_last else torch.contiguous_format
    batch = Images(reals.contiguous(memory_format=layout))
    size = len(reals) // 2
    recipe = own_recipe(mode, size)
    schedule = recipe.schedule()

    def steps(count: int) -> None:
        until = state.images + count * size
        list(train(state, recipe.objective, lambda step: batch, schedule, until))

    return steps


def timed(steps: Steps, count: int, device: torch.device) -> float:
    """Seconds that ``count`` steps take, until the device has really done them."""
    _wait(device)
    started = time.perf_counter()
    steps(count)
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def take_turns(steps: Mapping[str, Steps], seconds: float, device: torch.device) -> dict[str, list[float]]:
    """Seconds a step of each, turn by turn, for about ``seconds``, at least :data:`LEAST_ROUNDS` rounds."""
    counts = {}
    for name, each in steps.items():
        timed(each, 1, device)  # warm
        counts[name] = max(1, round(TURN / timed(each, 1, device)))
    times: dict[str, list[float]] = {name: [] for name in steps}
    started = time.perf_counter()
    while len(next(iter(times.values()))) < LEAST_ROUNDS or time.perf_counter() - started < seconds:
        for name, each in steps.items():
            times[name].append(timed(each, counts[name], device) / counts[name])
    return times


def summary(times: Mapping[str, list[float]], name: str, batch_size: int) -> dict[str, Any]:
    """Medians: images/s, and how many times as fast as written, turn by turn."""
    ratios = [plain / own for plain, own in zip(times[AS_WRITTEN], times[name], strict=True)]
    low, high = min(ratios), max(ratios)
    return {
        "images_per_second": round(batch_size / statistics.median(times[name]), 2),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_range": [round(low, 3), round(high, 3)],
    }


def flops_of(steps: Steps) -> int:
    """Floating-point operations of one step's convolutions and matrix products, a multiply-add being two."""
    uncounted = {}  # torch does not count oneDNN's products, which networks.cpu asks for
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        uncounted[torch.ops.mkldnn._linear_pointwise] = _linear_flops
    with FlopCounterMode(display=False, custom_mapping=uncounted) as counter:
        steps(1)
    return int(counter.get_total_flops())


def _linear_flops(x: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
    return 2 * x[0] * x[1] * weight[0]


def share(measured: Mapping[str, Any], flops_per_image: float, peak_tflops: float) -> float:
    """The part of the peak that the step reaches."""
    return round(float(measured["images_per_second"]) * flops_per_image / (peak_tflops * 1e12), 3)


def record(batch_size: int, device: torch.device, rounds: int) -> dict[str, Any]:
    """Under which conditions this was measured."""
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": cpu_model(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "batch": batch_size,
        "repeats": rounds,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cpu_model() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
