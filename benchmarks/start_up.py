"""How long a command takes to begin, as JSON: `visavis --help`, and the first image of `visavis sample`.

python benchmarks/start_up.py runs/demo --out results/start-up.json
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from visavis import __version__
from visavis.bench.pair_step import cpu_model
from visavis.files import to_json, write_json


def seconds(*arguments: str, times: int) -> list[float]:
    """Seconds of a new process, several times."""
    found = []
    for _ in range(times):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "visavis", *arguments], check=True, stdout=subprocess.DEVNULL)
        found.append(round(time.monotonic() - began, 3))
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sample = ("sample", given.run, "-n", "1", "--device", "cpu", "--out", f"{folder}/x.png")
        found = {
            "help": seconds("--help", times=given.times),
            "sample": seconds(*sample, times=given.times),
        }
    result = {name: {"median": statistics.median(times), "all": times} for name, times in found.items()} | {
        "record": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "visavis": __version__,
            "date": time.strftime("%Y-%m-%d"),
        }
    }
    print(to_json(result, indent=2))
    if given.out is not None:
        write_json(given.out, result)


if __name__ == "__main__":
    main()
