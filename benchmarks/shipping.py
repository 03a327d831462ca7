"""How the trainings of the shipped classifiers end: weights into the package, the record into results/."""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch
from torch import nn

from visavis.core import Config
from visavis.networks.shipped import Record, save_weights

RESULTS = Path(__file__).parents[1] / "results"


def parser(about: str | None, name: str, weights: Path) -> argparse.ArgumentParser:
    """Options that every such training has: where weights and record go."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--weights", type=Path, default=weights, help="where the weights go")
    made.add_argument("--record", type=Path, default=RESULTS / f"{name}.json")
    return made


def ship(
    classifier: nn.Module,
    config: Config,
    record: Record,
    options: argparse.Namespace,
    half: bool = False,
    **told: Any,
) -> None:
    """Write the weights with their record inside, and the record with what the run tells of itself."""
    options.weights.parent.mkdir(parents=True, exist_ok=True)
    sha256 = save_weights(classifier, config, record, options.weights, half=half)
    whole = {
        **record,
        "sha256": sha256,
        "bytes": options.weights.stat().st_size,
        **told,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    text = json.dumps(whole, indent=2) + "\n"
    options.record.parent.mkdir(parents=True, exist_ok=True)
    options.record.write_text(text)
    print(text, end="")
