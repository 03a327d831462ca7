"""``visavis train --dry-run``: sizes, memory and speed of a few steps; nothing is written."""

import logging
import resource
import sys
import time
from typing import Any

import torch

from visavis.networks import parameters
from visavis.recipes.recipe import Recipe
from visavis.runs.build import prepare
from visavis.runs.session import Options, total_images
from visavis.runs.settle import said_of_precision, settled
from visavis.training.devices import make_fast, pick_device
from visavis.training.loop import train

LOG = logging.getLogger("visavis")
WARM, TIMED = 2, 5


def dry_run(recipe: Recipe, options: Options) -> dict[str, Any]:
    """Train a few steps in memory; raises what training would raise for the same mistakes."""
    device = pick_device(options.device)
    make_fast(device)
    asked, recipe = recipe, settled(recipe, None if options.fresh else options.out, device)
    data, state, batches = prepare(recipe, device)
    if line := said_of_precision(asked, recipe, device):
        LOG.info(line)
    schedule, size = recipe.schedule(), recipe.batch_size
    list(train(state, recipe.objective, batches, schedule, WARM * size))
    started = time.perf_counter()
    list(train(state, recipe.objective, batches, schedule, (WARM + TIMED) * size))
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    rate = TIMED * size / (time.perf_counter() - started)
    total = total_images(recipe, options, data) or round(rate * (options.seconds or 0))
    return {
        "recipe": recipe.name,
        "data": {"images": len(data), "classes": len(data.classes), "resolution": data.resolution},
        "parameters": {name: parameters(state.nets[name]) for name in recipe.networks},
        "precision": recipe.precision,
        "memory_bytes": _peak(device),
        "images_per_second": round(rate, 1),
        "images": total,
        "estimated_seconds": round(total / rate),
    }


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
