"""How long ``visavis evaluate`` takes for 10,000 CIFAR-10 images; precision and recall of 50,000 x 50,000.

``python benchmarks/evaluate_speed.py --cifar10 FOLDER --threads 2`` writes results/evaluate-speed.json.  Each
case is a process of its own, so that its peak of memory is its own: first with an empty cache (the
reference's 60,000 images are decoded and read too), then with the real statistics cached.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SAMPLE = """
import sys, numpy as np
from visavis.data import DataConfig, load_images
images = load_images(DataConfig(source=sys.argv[1], split="test")).images[:].astype(int)
noise = np.random.default_rng(0).integers(-40, 41, images.shape)
np.savez(sys.argv[2], images=(images + noise).clip(0, 255).astype(np.uint8))
"""
BALLS = """
import sys, time, torch
from visavis.metrics.manifold import manifold
torch.set_num_threads(int(sys.argv[1]))
n, d = int(sys.argv[2]), 256
x, y = (torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
found = manifold(x, y)
print(found.precision, found.recall)
"""


def timed(command: list[str], threads: int, cache: str) -> dict[str, Any]:
    """Seconds and peak of memory of a process that ends well; ``load`` tells whether others ran beside it."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "VISAVIS_CACHE": cache}
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return {
        "seconds": round(time.monotonic() - began, 2),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_gb": round(peak(used), 3),
        "load": os.getloadavg()[0],
    }


def peak(used: resource.struct_rusage) -> float:
    """Peak of resident memory in GB."""
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar10", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--balls", type=int, default=50_000, help="images on a side for precision and recall")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sample, cache = f"{folder}/sample.npz", f"{folder}/cache"
        timed([sys.executable, "-c", SAMPLE, given.cifar10, sample], given.threads, f"{folder}/other")
        command = [sys.executable, "-m", "visavis", "evaluate", sample, "--reference", given.cifar10]
        command += ["--device", "cpu", "--json"]
        rows = {"evaluate, nothing cached": timed(command, given.threads, cache)}
        rows["evaluate, real statistics cached"] = timed(command, given.threads, cache)
        balls = [sys.executable, "-c", BALLS, str(given.threads), str(given.balls)]
        rows[f"precision, recall, density, coverage, {given.balls:,} x {given.balls:,} x 256"] = timed(
            balls, given.threads, cache
        )
    record = {
        "images": 10_000,
        "reference_images": 50_000,
        "threads": given.threads,
        "cores": os.cpu_count(),
        "command": "python benchmarks/evaluate_speed.py --cifar10 FOLDER --threads 2",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    path = ROOT / "results" / "evaluate-speed.json"
    path.write_text(json.dumps({"record": record, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
