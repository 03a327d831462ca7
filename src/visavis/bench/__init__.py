"""Timings of the project against what it replaces: a name -> ``(batch_size, seconds, device) -> dict``."""

from collections.abc import Callable
from typing import Any

from visavis.bench.pair_step import time_pair_step

BENCHES: dict[str, Callable[[int, float, str], dict[str, Any]]] = {"pair-step": time_pair_step}
