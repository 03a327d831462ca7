"""How good is an autoencoder?  Its reconstructions of held-out images against the images themselves."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visavis.data import DataConfig, ImageSet, held_out, load_images
from visavis.errors import UserError
from visavis.judge.aligned import Likeness, Pixels, conditions, distance, means, scores
from visavis.judge.reference import open_real
from visavis.metrics.features import default_features, load_extractor
from visavis.models.autoencoder import reconstruct
from visavis.models.model import Model

MOST = 10_000
"""Held-out images that are reconstructed."""


def validate_reconstruction(model: Model, pixels: Tensor) -> dict[str, float]:
    """Means of ``l1``, ``mse``, ``psnr`` and ``ssim`` of reconstructions of uint8 ``[N, H, W, C]``."""
    return means(scores(reconstruct(model, pixels).numpy(), pixels.numpy()))


def evaluate_reconstruction(
    model: Model, config: DataConfig, seed: int = 0, most: int = MOST
) -> dict[str, Any]:
    """Every figure of an autoencoder's reconstructions of held-out images, as JSON has it.

    ``{"mse": {"value", "interval"}, "l1", "psnr", "ssim", "fd_<features>", "record"}``.  The Fréchet distance
    is that to the training images, so that samples' compares with it; its null is what the images get that
    were reconstructed.  Raises :class:`UserError` for a source without held-out images.
    """
    began = time.monotonic()
    real = held_out(config)
    if real is None:
        raise UserError(
            f"'{config.source}' has no split besides '{config.split}', so no image is held out to "
            "reconstruct; give a source that has a test split"
        )
    assert isinstance(real, ImageSet)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(real))[:most])
    pixels: Pixels = np.array(real.images[chosen])
    labels = None
    if model.description.conditional and real.labels is not None:
        labels = torch.from_numpy(real.labels[chosen])
    made = reconstruct(model, torch.from_numpy(pixels), labels).numpy()
    extractor = load_extractor(default_features(model.shape), device=str(model.device))
    reference = open_real(config, extractor, held_out="none")
    return {
        **Likeness(scores(made, pixels), seed).rows(),
        **distance(made, reference.gaussian, pixels, extractor, seed),
        "record": {
            "task": "reconstruct",
            "reference": real.name,
            "reference_digest": real.digest,
            "images": len(pixels),
            "train_images": len(load_images(config)),
            "resolution": real.resolution,
            "channels": real.channels,
            "features": extractor.name,
            "features_sha256": extractor.sha256,
            "weights": "ema",
            "trained_images": model.description.images,
            **conditions(real.resolution, seed, str(model.device)),
            "seconds": round(time.monotonic() - began, 3),
        },
    }
