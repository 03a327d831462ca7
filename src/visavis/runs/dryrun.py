"""``visavis train --dry-run``: sizes, memory and speed of a few steps; nothing is written."""

import logging
import resource
import sys
from typing import Any

import torch

from visavis.networks import parameters
from visavis.recipes.recipe import Recipe
from visavis.runs.session import Options, ready_session, total_images
from visavis.runs.settle import said_of_precision
from visavis.runs.speed import flops_of, peaks, share_of_peak, timed
from visavis.training.devices import pick_device
from visavis.training.loop import train
from visavis.training.threads import Threads, rehearsal

LOG = logging.getLogger("visavis")
WARM, TIMED = 4, 8
"""Steps; not all cost the same where penalties are lazy."""


def dry_run(recipe: Recipe, options: Options) -> dict[str, Any]:
    """Train a few steps in memory; raises what training would raise for the same mistakes.

    ``share_of_peak``: the floating-point operations of convolutions and products in a second, as a part of
    what one large product reaches on this device with these threads and this precision.
    """
    device = pick_device(options.device)
    session, _ = ready_session(recipe, options, device)
    data, state, batches = session.data, session.state, session.batches
    asked, recipe = recipe, session.recipe
    if line := said_of_precision(asked, recipe, device):
        LOG.info(line)
    schedule, size = recipe.schedule(), recipe.batch_size
    threads = Threads(rehearsal(state, recipe.objective, batches, schedule), options.threads)
    if device.type == "cpu":
        threads.settle()

    def steps(count: int) -> None:
        list(train(state, recipe.objective, batches, schedule, state.images + count * size))

    flops = flops_of(lambda: steps(WARM)) / (WARM * size)
    rate = TIMED * size / timed(lambda: steps(TIMED), device)
    reached = peaks(device)
    peak = reached.get(f"{recipe.precision}_tflops", reached["fp32_tflops"])  # bf16 is emulated in fp32
    total = total_images(recipe, options, data) or round(rate * (options.seconds or 0))
    return {
        "recipe": recipe.name,
        "data": {"images": len(data), "classes": len(data.classes), "resolution": data.resolution},
        "parameters": {name: parameters(state.nets[name]) for name in recipe.networks},
        "precision": recipe.precision,
        "threads": torch.get_num_threads(),
        "memory_bytes": _peak(device),
        "images_per_second": round(rate, 1),
        "gigaflop_per_image": round(flops / 1e9, 4),
        "peak_tflops": peak,
        "share_of_peak": share_of_peak(rate, flops, peak),
        "images": total,
        "estimated_seconds": round(total / rate),
    }


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
