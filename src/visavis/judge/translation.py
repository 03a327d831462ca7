"""How good is a translator?  Its translations of held-out inputs against their targets, beside two baselines.

The baselines are what needs no translator: the mean photo of the training targets, and the input itself
(enlarged bicubically, where targets are larger).  A translator that is not clearly better than both has
learned nothing that these figures see.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from PIL import Image

from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.load import load_pairs
from visavis.data.pairs.set import PairSet
from visavis.errors import UserError
from visavis.judge.aligned import Likeness, Pixels, conditions, distance, means, scores
from visavis.judge.seen import see
from visavis.metrics.features import default_features, load_extractor
from visavis.metrics.frechet import Reference
from visavis.models.model import Model
from visavis.models.translate import BATCH, translate_pixels

FORTH, BACK = "a-to-b", "b-to-a"


def validate(model: Model, pairs: PairSet) -> dict[str, float]:
    """``l1``, ``mse``, ``psnr`` and ``ssim`` of the translations of held-out pairs: means, no intervals.

    Of a game in both directions also ``b-to-a/l1`` and so on, and ``l1_cycle``: inputs against what comes
    back.  Of inputs without partners ``l1_cycle`` alone.  Raises :class:`UserError` where nothing of this can
    be measured.
    """
    found: dict[str, float] = {}
    both = _both_ways(model)
    if pairs.paired:
        found |= means(scores(translate_pixels(model, pairs.a, FORTH), pairs.b))
        if both:
            back = means(scores(translate_pixels(model, pairs.b, BACK), pairs.a))
            found |= {f"{BACK}/{name}": value for name, value in back.items()}
    elif not both:
        raise UserError(
            "held-out inputs have no partners, so there is nothing to compare a translation with; give pairs"
        )
    return found | ({"l1_cycle": cycle(model, pairs)} if both else {})


def evaluate_translation(
    model: Model, config: PairsConfig, split: str = "test", seed: int = 0
) -> dict[str, Any]:
    """Every figure of a translator on a split that it was not trained on, as JSON has it.

    ``{"l1": {"value", "interval"}, "mse", "psnr", "ssim", "fd_<features>", "baselines": {"mean-photo": …,
    "input": …}, "record"}``; of a game in both directions also ``"b-to-a"``, with the same in it, and
    ``"l1_cycle"``.  The Fréchet distance is that to the training targets; its null is what the held-out ones
    get.  Raises :class:`UserError` for inputs without partners and what :func:`load_pairs` refuses.
    """
    began = time.monotonic()
    held_out = load_pairs(config, split)
    train = load_pairs(config, "train")
    if not held_out.paired:
        raise UserError(
            f"the split '{split}' of '{held_out.name}' has no pairs, so no translation has a right answer; "
            "give data with partners (layout stems, side-by-side or made)"
        )
    extractor = load_extractor(default_features(model.shape), device=str(model.device))

    def one_way(direction: str, inputs: Pixels, targets: Pixels, real: Pixels) -> dict[str, Any]:
        made = translate_pixels(model, inputs, direction)
        own, seen = Likeness(scores(made, targets), seed), f"{direction} {train.digest}"
        reference = Reference.of(
            see(lambda chosen: real[chosen], len(real), None, seen, extractor, remember=True).vectors
        )
        baselines = {
            "mean-photo": np.broadcast_to(mean_photo(real), targets.shape),
            "input": enlarged(inputs, targets.shape[1]),
        }
        return {
            **own.rows(),
            **distance(made, reference, targets, extractor, seed),
            "baselines": {
                name: own.beside(Likeness(scores(plain, targets), seed)) for name, plain in baselines.items()
            },
        }

    found = one_way(FORTH, held_out.a, held_out.b, train.b)
    if _both_ways(model):
        found[BACK] = one_way(BACK, held_out.b, held_out.a, train.a)
        found["l1_cycle"] = {
            "value": cycle(model, held_out),
            "interval": None,
            "why": "no interval: the mean of both ways",
        }
    found["record"] = {
        "task": "translate",
        "reference": held_out.name,
        "reference_digest": held_out.digest,
        "split": split,
        "images": len(held_out),
        "train_images": len(train),
        "resolution": held_out.resolution,
        "channels": held_out.channels,
        "input_resolution": held_out.shape_a.resolution,
        "fit": config.fit,
        "features": extractor.name,
        "features_sha256": extractor.sha256,
        "resize": extractor.resize,
        "weights": "ema",
        "trained_images": model.description.images,
        "batch_size": BATCH,
        **conditions(held_out.resolution, seed, str(model.device)),
        "seconds": round(time.monotonic() - began, 3),
    }
    return found


def cycle(model: Model, pairs: PairSet) -> float:
    """L1 between images and what comes back from both translations in turn; the mean of both sides."""
    there = translate_pixels(model, translate_pixels(model, pairs.a, FORTH), BACK)
    here = translate_pixels(model, translate_pixels(model, pairs.b, BACK), FORTH)
    return (means(scores(there, pairs.a))["l1"] + means(scores(here, pairs.b))["l1"]) / 2


def mean_photo(images: Pixels) -> Pixels:
    """The mean of uint8 ``[N, H, W, C]``, rounded: ``[H, W, C]``."""
    mean: Pixels = np.asarray(images).mean(0).round().astype(np.uint8)
    return mean


def enlarged(inputs: Pixels, side: int) -> Pixels:
    """Inputs ``[N, h, w, C]`` at ``side`` pixels, bicubically where they are smaller."""
    if inputs.shape[1] == side:
        return inputs
    flat = inputs[..., 0] if inputs.shape[3] == 1 else inputs
    large = [np.asarray(Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC)) for x in flat]
    return np.stack(large).reshape(len(inputs), side, side, -1)


def _both_ways(model: Model) -> bool:
    return "G_ba" in model.networks
