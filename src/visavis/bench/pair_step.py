"""``visavis bench pair-step``: the Siamese GAN's step as it was written against the project's own.

Same networks, batch, numbers of updates and gradients.  Both run in one process and take turns, so that
whatever else the machine does falls on both; a ratio is the median of the ratios of the turns.
"""

import logging
import platform
import statistics
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from visavis.bench.as_written import AsWritten
from visavis.bench.clock import Clock
from visavis.bench.gradients import gradient_errors
from visavis.bench.modes import MODES, Mode, ours, own_recipe, real_images
from visavis.core import Images
from visavis.runs.speed import flops_of, peaks, share_of_peak, timed
from visavis.training.devices import multiplies_bf16
from visavis.training.loop import Precision, State, autocast, train

LOG = logging.getLogger("visavis")
TURN = 0.2
"""A turn is as many steps as take this many seconds, and one at least."""
COUNTED = 4
"""The batch whose operations are counted; per image they are the same in any."""

PATIENCE = "compiling takes longer than the rest; give --seconds 120 or more"
EMULATED = "this machine has no bf16 arithmetic and would emulate it"
LATE = "there was no time left; give more --seconds"

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
    """Time all ``modes`` ("fp32" among them), then the fastest longer; within ``seconds``, all in all.

    The clock is looked at between steps, and one step of both sides is made at any rate.  Returns images/s as
    written, ours in fp32 and ours at best, ratios to as written, the machine's peak and each one's share of
    it.  A mode that this machine cannot run, or that there is no time for, is reported with the reason.
    """
    place, clock = torch.device(device), Clock(seconds)
    LOG.info("measuring this machine's peak")
    peak = peaks(place)
    modes, notes = affordable(modes, seconds, multiplies_bf16(place))
    reals = real_images(batch_size, place)
    written = AsWritten(place)
    steps: dict[str, Steps] = {AS_WRITTEN: plain_steps(written, reals)}
    steps |= {
        name: own_steps(mode, ours(mode, batch_size, place, written), reals) for name, mode in modes.items()
    }
    if AS_WRITTEN_BF16 not in notes:
        steps[AS_WRITTEN_BF16] = plain_steps(AsWritten(place), reals, "bf16")
    notes |= first_steps(steps, place, clock)
    steps = {name: each for name, each in steps.items() if "first_step_seconds" in notes[name]}
    first = {name: [float(notes[name]["first_step_seconds"])] for name in steps}
    times = take_turns(steps, place, clock.until(0.45)) or first
    tried = {name: summary(times, name, batch_size) for name in steps}
    best = max((name for name in steps if name in modes), key=lambda name: tried[name]["ratio"])
    finalists = {name: steps[name] for name in dict.fromkeys((AS_WRITTEN, OURS, best))}
    times = take_turns(finalists, place, clock.until(0.75)) or times
    final = {name: summary(times, name, batch_size) for name in finalists}
    flops = operations(place)
    best_peak = peak[f"{modes[best].precision}_tflops"]
    return {
        "as_written": final[AS_WRITTEN],
        "ours_fp32": final[OURS],
        "ours_best": final[best] | {"mode": best},
        "modes": {name: note | tried.get(name, {}) for name, note in notes.items()},
        "flops_per_image": flops,
        "gradient_error": errors_of_gradients(batch_size, place, clock, times),
        "peak": peak,
        "share_of_peak": {
            "as_written": _share(final[AS_WRITTEN], flops["as_written"], peak["fp32_tflops"]),
            "ours_fp32": _share(final[OURS], flops["ours"], peak["fp32_tflops"]),
            "ours_best": _share(final[best], flops["ours"], best_peak),
        },
        "record": record(batch_size, place, len(times[AS_WRITTEN])) | {"seconds": round(clock.seconds, 1)},
    }


def affordable(
    modes: Mapping[str, Mode], seconds: float, bf16: bool
) -> tuple[dict[str, Mode], dict[str, dict[str, Any]]]:
    """The modes to try, and why the others are left out: emulated, or compiled where time is short."""
    left_out: dict[str, dict[str, Any]] = {} if bf16 else {AS_WRITTEN_BF16: {"left_out": EMULATED}}
    kept = {}
    for name, mode in modes.items():
        if mode.precision == "bf16" and not bf16:
            left_out[name] = {"left_out": EMULATED}
        elif mode.compiled and seconds < 120:
            left_out[name] = {"left_out": PATIENCE}
        else:
            kept[name] = mode
    for name, note in left_out.items():
        LOG.info("%s is left out: %s", name, note["left_out"])
    return kept, left_out


def first_steps(steps: Mapping[str, Steps], device: torch.device, clock: Clock) -> dict[str, dict[str, Any]]:
    """One step of each, which compiles what is to be compiled: how long it took, or why it was not made."""
    notes: dict[str, dict[str, Any]] = {}
    for name, each in steps.items():
        if name not in (AS_WRITTEN, OURS) and clock.over(0.3):
            notes[name] = {"left_out": LATE}
            continue
        try:
            notes[name] = {"first_step_seconds": round(timed(lambda: each(1), device), 4)}  # noqa: B023 - at once
            LOG.info("%s: the first step took %.2f s", name, notes[name]["first_step_seconds"])
        except Exception as error:  # torch.compile without a C++ compiler raises whatever it likes
            notes[name] = {"failed": (str(error).strip() or type(error).__name__).splitlines()[0]}
            LOG.info("%s cannot run here: %s", name, notes[name]["failed"])
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


def take_turns(steps: Mapping[str, Steps], device: torch.device, clock: Clock) -> dict[str, list[float]]:
    """Seconds a step of each, turn by turn, until the clock says stop; empty if no round was finished."""
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in steps}
    while True:
        for name, each in steps.items():
            if clock.over():
                rounds = min(map(len, times.values()))
                return {name: found[:rounds] for name, found in times.items()} if rounds else {}
            count = counts.get(name, 1)
            taken = timed(lambda: each(count), device) / count  # noqa: B023 - called at once
            if name in counts:
                times[name].append(taken)
            counts.setdefault(name, max(1, round(TURN / taken)))
        if clock.due():
            done = {name: f"{len(found)}" for name, found in times.items()}
            LOG.info("%s turns of each; %.0f s left", next(iter(done.values())), clock.left)


def summary(times: Mapping[str, list[float]], name: str, batch_size: int) -> dict[str, Any]:
    """Medians: images/s, and how many times as fast as written, turn by turn."""
    ratios = [plain / own for plain, own in zip(times[AS_WRITTEN], times[name], strict=True)]
    low, high = min(ratios), max(ratios)
    return {
        "images_per_second": round(batch_size / statistics.median(times[name]), 2),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_range": [round(low, 3), round(high, 3)],
    }


def operations(device: torch.device) -> dict[str, float]:
    """Floating-point operations of an image in a step, as written and ours."""
    written, reals = AsWritten(device), real_images(COUNTED, device)
    own = own_steps(Mode(), ours(Mode(), COUNTED, device, written), reals)
    found = {"as_written": plain_steps(written, reals), "ours": own}
    return {name: flops_of(lambda: steps(1)) / COUNTED for name, steps in found.items()}  # noqa: B023 - called at once


def errors_of_gradients(
    batch_size: int, device: torch.device, clock: Clock, times: Mapping[str, list[float]]
) -> dict[str, Any]:
    """What the gradients of the two sides differ by, as far as there is time: each takes a step of both."""
    checks = {
        "ours_fp32": (Mode(), True),
        "ours_fp32_plain_layout": (Mode(channels_last=False), True),
        "ours_fp32_without_kinks": (Mode(), False),
    }
    takes = statistics.median(times[AS_WRITTEN]) + statistics.median(times[OURS])
    found: dict[str, Any] = {}
    for name, (mode, kinks) in checks.items():
        if clock.left < takes:
            found[name] = {"left_out": LATE}
            continue
        LOG.info("comparing the gradients: %s", name)
        found[name] = gradient_errors(mode, batch_size, device, kinks)
    return found


def _share(measured: Mapping[str, Any], flops_per_image: float, peak_tflops: float) -> float:
    return share_of_peak(float(measured["images_per_second"]), flops_per_image, peak_tflops)


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
