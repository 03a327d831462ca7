"""Rows that a bench adds to a file, and what they must agree in to stand in one table."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import visavis
from visavis.bench.pair_step import cpu_model
from visavis.errors import UserError
from visavis.files import read_json

Row = dict[str, Any]


def machine(device: str = "cpu") -> Row:
    """What rows were made on and with."""
    return {
        "device": device,
        "processor": cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "visavis": visavis.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }


def standing(out: Path) -> dict[str, Any]:
    """What stands in the file already."""
    return read_json(out) if out.exists() else {}


def need_same(out: Path, before: Mapping[str, Any], record: Mapping[str, Any], same: Sequence[str]) -> None:
    """Raise :class:`UserError` where rows in ``out`` were made with another value of one of ``same``."""
    for name in same:
        if before.get(name) != record[name]:
            raise UserError(
                f"'{out}' holds rows with {name} = {before.get(name)}, and these have {record[name]}: they "
                "do not compare; give --out another file"
            )
