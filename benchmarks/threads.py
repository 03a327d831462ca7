"""How many threads a step should take: fixed numbers beside what a run chooses, on idle and busy machines.

``python benchmarks/threads.py`` trains recipes, each for a few seconds of training: with one thread, one
a core, one a core that waits passively (``OMP_WAIT_POLICY``), and as a run chooses
by itself; all of these in turn, several rounds, and that three times: nothing else running, beside a process
of another session that never sleeps, and with such a process that begins in mid-run; to results/threads.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from tables import ROOT, results, table

LOADS = ("idle", "busy", "busy from the middle")
RECIPES = {
    "digits": ("digits",),
    "mnist": ("mnist",),
    "vae-cifar10": ("vae-cifar10", "--data", "NOISE32"),
    "siamese-catsdogs": ("siamese-catsdogs", "--data", "NOISE32", "--classes", "a,b"),
}
"""What is trained, from small to large; of the images only their size counts here."""


def ways() -> dict[str, tuple[list[str], dict[str, str]]]:
    """Ways to set the threads: options and environment."""
    most = str(os.cpu_count())
    return {
        "1": (["--threads", "1"], {}),
        most: (["--threads", most], {}),
        f"{most}, passive": (["--threads", most], {"OMP_WAIT_POLICY": "PASSIVE"}),
        "chosen": ([], {}),
    }


def noise(folder: Path) -> Path:
    """256 images of 32×32 in two classes, of noise."""
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (256, 32, 32, 3), np.uint8), np.arange(256) % 2
    np.savez(folder / "noise.npz", images=images, labels=labels, classes=np.array(["a", "b"]))
    return folder / "noise.npz"


@contextmanager
def load(name: str, seconds: float) -> Iterator[None]:
    """Another program, in a session of its own, as one started from another terminal is."""
    if name == "idle":
        yield
        return
    begin = 0.0 if name == "busy" else seconds / 2 + 4  # what a process needs to begin
    code = f"import time; time.sleep({begin})\nwhile True: pass"
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        yield
    finally:
        child.kill()
        child.wait()


def rate(recipe: str, way: str, seconds: float, folder: Path) -> float:
    """Images a second of training, by the run's own account."""
    options, environment = ways()[way]
    words = [str(folder / "noise.npz") if word == "NOISE32" else word for word in RECIPES[recipe]]
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, "-m", "visavis", "train", *words, *options]
    command += ["--out", str(folder / "run"), "--fresh", "--time", f"{seconds}s", "--metrics", "", "--json"]
    done = subprocess.run(command, env=plain | environment, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["images_per_second"])


def threads() -> str:
    """The table of docs/speed.md."""
    found = results("threads")
    record, rows = found["record"], []
    for row in found["rows"]:
        middle = {way: statistics.median(rates) for way, rates in row["images_per_second"].items()}
        best = max(middle[way] for way in middle if way.isdecimal())
        rows.append(
            [row["recipe"], row["load"]]
            + [f"{value:.0f}" for value in middle.values()]
            + [f"{middle['chosen'] / best:.2f}"]
        )
    head = [
        "recipe",
        "machine",
        *found["rows"][0]["images_per_second"],
        "chosen beside the best fixed number",
    ]
    note = (
        f"\n\nImages a second of training, threads by column; medians of {record['rounds']} rounds of "
        f"{record['seconds']:.0f} s in turn; {record['cores']} cores of one {record['cpu']}, torch "
        f"{record['torch']}, {record['date']}."
    )
    return table(head, rows) + note


def main() -> None:
    """Take turns and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    from visavis.bench.pair_step import cpu_model

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noise(folder)
        for recipe in RECIPES:
            for kind in LOADS:
                rates: dict[str, list[float]] = {way: [] for way in ways()}
                for _ in range(given.rounds):
                    for way in rates:
                        with load(kind, given.seconds):
                            rates[way].append(round(rate(recipe, way, given.seconds, folder), 2))
                rows.append({"recipe": recipe, "load": kind, "images_per_second": rates})
                print(json.dumps(rows[-1]), flush=True)
    record = {
        "rounds": given.rounds,
        "seconds": given.seconds,
        "cores": os.cpu_count(),
        "cpu": cpu_model(),
        "torch": torch.__version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    text = json.dumps({"record": record, "rows": rows}, indent=1) + "\n"
    (ROOT / "results/threads.json").write_text(text)


if __name__ == "__main__":
    main()
