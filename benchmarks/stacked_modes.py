"""One factor at a time on stacked digits: which head, penalty, pairing, kinds and loss cover the 1,000 modes?

``python benchmarks/stacked_modes.py sweep --seconds 60`` trains each row for the same wall-clock time and
writes results/stacked-modes-sweep.json; ``… finalists --seconds 220 --seeds 0,1,2`` writes
results/stacked-modes.json.  Each row is trained in a process of its own with ``--threads`` threads,
``--jobs`` rows side by side.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import visavis
from visavis.bench.pair_step import cpu_model
from visavis.networks.classifier import DIGITSR_SHA256

RESULTS = Path(__file__).parents[1] / "results"

SIMILARITY = {"objective.kinds": "like,unlike"}
ENERGY = {"objective.kinds": "like,unlike,fakes"}
S1 = {
    "networks.D.head": "concat",
    "networks.D.dropout": "0.3",
    "objective.loss": "bce",
    "objective.smoothing": "0.1",
    "objective.kinds": "like,unlike",
    "objective.like_partner": "fresh",
    "objective.r1": "0",
    "objective.r2": "0",
    "objective.g_steps": "2",
    "adam.G": '{"lr": 2e-4, "beta1": 0.5, "beta2": 0.999}',
    "adam.D": '{"lr": 5e-5, "beta1": 0.5, "beta2": 0.999}',
}

SWEEP: dict[str, tuple[str, dict[str, str]]] = {
    "base": ("base", {}),
    "untrained (one step)": ("none", {"images": "32"}),
    "penalty: none": ("penalty", {"objective.r1": "0", "objective.r2": "0"}),
    "penalty: R1 alone": ("penalty", {"objective.r2": "0"}),
    "penalty: R2 alone": ("penalty", {"objective.r1": "0"}),
    "penalty: R1 + R2 at every step": ("penalty", {"objective.penalty_every": "1"}),
    "penalty: R1 + R2 every 8 steps": ("penalty", {"objective.penalty_every": "8"}),
    "pairing: roll-4": ("pairing", {"objective.pairing": "roll-4"}),
    "pairing: all": ("pairing", {"objective.pairing": "all"}),
    "head: distance, like and unlike": ("head", {"networks.D.head": "distance", **SIMILARITY}),
    "head: distance, all three kinds": ("kinds", {"networks.D.head": "distance", **ENERGY}),
    "head: distance, all three kinds, all pairs": (
        "kinds",
        {"networks.D.head": "distance", "objective.pairing": "all", **ENERGY},
    ),
    "head: cosine, like and unlike": ("head", {"networks.D.head": "cosine", **SIMILARITY}),
    "head: cosine, all three kinds": ("kinds", {"networks.D.head": "cosine", **ENERGY}),
    "head: concat, like and unlike": ("head", {"networks.D.head": "concat", **SIMILARITY}),
    "head: concat, random order": (
        "head",
        {"networks.D.head": "concat", "networks.D.random_order": "true", **SIMILARITY},
    ),
    "head: concat, all three kinds": ("kinds", {"networks.D.head": "concat", **ENERGY}),
    "head: single (ordinary discriminator)": (
        "head",
        {
            "networks.D.head": "single",
            "objective": '{"kind": "gan", "r1": R1, "r2": R2, "penalty_every": EVERY}',
        },
    ),
    "loss: hinge": ("loss", {"objective.loss": "hinge"}),
    "loss: margin": ("loss", {"objective.loss": "margin"}),
    "loss: wasserstein": ("loss", {"objective.loss": "wasserstein"}),
    "loss: infonce, all pairs": ("loss", {"objective.loss": "infonce", "objective.pairing": "all"}),
    "S1's head, losses and rates": ("S1", S1),
}
FINALISTS = (
    "base",
    "untrained (one step)",
    "S1's head, losses and rates",
    "head: single (ordinary discriminator)",
)


def train(name: str, changes: dict[str, str], seconds: float, seed: int, threads: int) -> dict[str, Any]:
    """One run in a process of its own; its metrics and speed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "visavis", "train", "stacked-digits", "--json", "--device", "cpu"]
        length = {} if "images" in changes else {"time": f"{seconds}s"}
        options = {**length, "out": f"{folder}/run", "seed": str(seed), **changes}
        command += [word for path, value in options.items() for word in (f"--{path}", value)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            return {"row": name, "seed": seed, "failed": done.stderr.strip().splitlines()[-1]}
        result = json.loads(done.stdout)
    metrics = result["metrics"]
    return {
        "row": name,
        "seed": seed,
        "modes": metrics["stacked-modes/modes"],
        "kl": metrics["stacked-modes/kl"],
        "samples": metrics["samples"],
        "images": result["images"],
        "seconds": result["seconds"],
        "images_per_second": result["images_per_second"],
        "changes": changes,
    }


def filled(changes: dict[str, str]) -> dict[str, str]:
    """Fill in the default recipe's penalties where a row replaces the whole objective."""
    from visavis.recipes import get

    objective = get("stacked-digits").objective
    values = {"R1": objective.r1, "R2": objective.r2, "EVERY": objective.penalty_every}
    text = json.dumps(changes)
    for name, value in values.items():
        text = text.replace(f": {name}", f": {value}")
    return dict(json.loads(text))


def main() -> None:
    """Run the rows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("sweep", "finalists"))
    parser.add_argument(
        "--rows", nargs="*", help="names of rows (default: all of the sweep, or the finalists)"
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    names = given.rows or (list(SWEEP) if given.what == "sweep" else list(FINALISTS))
    seeds = [int(seed) for seed in given.seeds.split(",")]
    with ThreadPoolExecutor(given.jobs) as pool:
        waiting = [
            pool.submit(train, name, filled(SWEEP[name][1]), given.seconds, seed, given.threads)
            for seed in seeds
            for name in names
        ]
        rows = [job.result() for job in waiting]
    for row in rows:
        row["factor"] = SWEEP[row["row"]][0]
        print(row["row"], *(row.get(key) for key in ("modes", "kl", "images_per_second", "failed")))
    name = "stacked-modes-sweep.json" if given.what == "sweep" else "stacked-modes.json"
    out = given.out or RESULTS / name
    record = {
        "recipe": "stacked-digits",
        "reference": "the uniform distribution over 1,000 modes, classifier digitsr, 26,000 EMA samples",
        "seconds_each": given.seconds,
        "threads_each": given.threads,
        "side_by_side": given.jobs,
        "device": "cpu",
        "processor": cpu_model(),
        "classifier_sha256": DIGITSR_SHA256,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "visavis": visavis.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"record": record, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
