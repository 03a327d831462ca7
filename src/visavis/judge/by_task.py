"""Runs that do more than generate: a translator is judged on pairs, an autoencoder by what it restores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visavis.data import DataConfig
from visavis.data.pairs.config import PairsConfig
from visavis.judge.evaluate import Options
from visavis.judge.inputs import is_run
from visavis.judge.reference import naming
from visavis.models.load import load
from visavis.models.snapshot import find_snapshot, load_snapshot

_OF_PAIRS = ("split", "seed", "device")
"""The options that judging a translator reads."""


def task_of(given: str | Path) -> str:
    """What a run learned: ``generate``, ``translate`` or ``reconstruct``; of images ``generate``."""
    path = Path(given).expanduser()
    return load_snapshot(find_snapshot(path))[1].task if is_run(path) else "generate"


def judge_translator(given: str | Path, options: Options) -> dict[str, Any]:
    """The figures of a translator on pairs that it was not trained on, by default of the test split."""
    from visavis.judge.translation import evaluate_translation

    options.need_only(
        _OF_PAIRS,
        "a run that translates, which is judged on its own pairs (allowed: --split, --seed, --device, --out)",
        "leave it out",
    )
    model = load(Path(given).expanduser(), options.device)
    config = PairsConfig.model_validate(model.description.recipe["data"])
    with naming("data"):
        return evaluate_translation(model, config, options.split or "test", options.seed)


def reconstructions(given: str | Path, options: Options) -> dict[str, Any]:
    """The figures of an autoencoder's reconstructions of held-out images of its own data."""
    from visavis.judge.reconstruction import evaluate_reconstruction

    model = load(Path(given).expanduser(), options.device)
    config = DataConfig.model_validate(model.description.recipe["data"]).settled(model.shape.channels)
    with naming("data"):
        return evaluate_reconstruction(model, config, options.seed)
