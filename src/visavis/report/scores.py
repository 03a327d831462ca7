"""What a run's critic says of pairs now: real with real, real with generated, generated with generated."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.models.snapshot import load_snapshot
from visavis.networks import PairCritic
from visavis.report.pictures import read, taken_apart
from visavis.report.runfiles import RunFiles

Scores = list[tuple[str, NDArray[np.float64]]]
MOST = 48
"""Images of a side; each meets each."""


def scores_of(run: RunFiles) -> tuple[str, Scores] | None:
    """What the scores are called, and those of each kind of pairs; None where there is no such critic.

    From the pictures of ``real.png`` and of the sheet that was saved with the snapshot; a conditional critic
    gives its mean over the classes.
    """
    if run.snapshot is None or not run.samples or run.task != "generate":
        return None
    try:
        networks, description = load_snapshot(run.snapshot)
    except UserError:
        return None
    critic = networks.get("D")
    real, made = (_images(run, path) for path in (run.folder / "real.png", run.samples[-1][1]))
    if not isinstance(critic, PairCritic) or real is None or made is None:
        return None
    if real.shape[1:] != tuple(description.shape)[:1] + (description.shape.resolution,) * 2:
        return None
    classes = description.condition_classes
    single = description.networks["D"].get("head") == "single"
    pairs: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "real": lambda a, b: critic.score(a, a),
        "fake": lambda a, b: critic.score(b, b),
    }
    if not single:
        pairs = {
            "like (real, real′)": lambda a, b: _others(critic.score(a[:, None], a[None])),
            "unlike (real, fake)": lambda a, b: critic.score(a[:, None], b[None]).flatten(),
            "fakes (fake, fake′)": lambda a, b: _others(critic.score(b[:, None], b[None])),
        }
    found: dict[str, list[Tensor]] = {name: [] for name in pairs}
    with torch.no_grad():
        for label in range(max(classes, 1)):
            a, b = (
                critic.embed(images, torch.full((len(images),), label) if classes else None)
                for images in (real, made)
            )
            for name, score in pairs.items():
                found[name].append(score(a, b))
    meaning = "logit: real" if single else "margin" if critic.head.antisymmetric else "similarity"
    values = {name: torch.stack(each).mean(0).double().numpy() for name, each in found.items()}
    return meaning, [(name, each[np.isfinite(each)]) for name, each in values.items()]


def _images(run: RunFiles, path: object) -> Tensor | None:
    """Float ``[N, C, H, W]`` of a sheet's images."""
    picture = read(path)  # type: ignore[arg-type]
    sheet = None if picture is None or not run.side else taken_apart(picture, run.side)
    if sheet is None:
        return None
    return to_float(torch.from_numpy(sheet.images[:MOST].copy()).permute(0, 3, 1, 2))


def _others(scores: Tensor) -> Tensor:
    """``[N, N]`` without each image's score with itself."""
    return scores[~torch.eye(len(scores), dtype=torch.bool)]
