"""What it is worth on a CPU that freed memory stays with the process (visavis/memory.py).

``python benchmarks/kept_memory.py`` times S1's training step (batch 128) by itself, in processes that take
turns: one that keeps what it frees and one that leaves it to the C library; to results/kept-memory.json.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import torch
from tables import ROOT, results, table

WARM, STEPS = 3, 8
NAMES = {True: "kept", False: "given back"}


def one(kept: bool, precision: str) -> dict[str, Any]:
    """Seconds and page faults a step, in this process."""
    from visavis.bench.as_written import AsWritten
    from visavis.bench.modes import MODES, ours, real_images
    from visavis.bench.pair_step import own_steps
    from visavis.runs.speed import timed
    from visavis.training.memory import keep_freed_memory

    if kept:
        keep_freed_memory()
    cpu, mode = torch.device("cpu"), MODES[precision]
    reals = real_images(128, cpu)
    steps = own_steps(mode, ours(mode, 128, cpu, AsWritten(cpu)), reals)
    steps(WARM)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    times = [timed(lambda: steps(1), cpu) for _ in range(STEPS)]
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": statistics.median(times),
        "page_faults": (used.ru_minflt - before) / STEPS,
        "peak_gb": used.ru_maxrss * 1024 / 1e9,
    }


def kept_memory() -> str:
    """The table of docs/speed.md."""
    found = results("kept-memory")
    rows = [
        [
            f"{row['precision']}, freed memory {row['freed']}",
            f"{row['seconds']:.3f} ({row['range'][0]:.3f} to {row['range'][1]:.3f})",
            f"{row['page_faults']:,.0f}",
            f"{row['peak_gb']:.2f}",
        ]
        for row in found["rows"]
    ]
    record = found["record"]
    note = (
        f"\n\nS1's step, batch 128, in a process by itself; medians of {record['rounds']} processes that "
        f"took turns; {record['threads']} threads of one {record['cpu']}, torch {record['torch']}, "
        f"{record['date']}."
    )
    return table(["", "seconds a step", "page faults a step", "peak of memory, GB"], rows) + note


def main() -> None:
    """Take turns and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=NAMES.values())
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one == NAMES[True], given.precision)))
        return
    from visavis.bench.pair_step import cpu_model

    measured: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for _ in range(given.rounds):
        for precision in ("fp32", "bf16"):
            for name in NAMES.values():
                command = [sys.executable, __file__, "--one", name, "--precision", precision]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                measured.setdefault((precision, name), []).append(json.loads(done.stdout))
    rows = []
    for (precision, name), runs in measured.items():
        seconds = [run["seconds"] for run in runs]
        rows.append(
            {
                "precision": precision,
                "freed": name,
                "seconds": statistics.median(seconds),
                "range": [min(seconds), max(seconds)],
                "page_faults": statistics.median(run["page_faults"] for run in runs),
                "peak_gb": statistics.median(run["peak_gb"] for run in runs),
            }
        )
    record = {
        "rounds": given.rounds,
        "steps": STEPS,
        "threads": torch.get_num_threads(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    (ROOT / "results" / "kept-memory.json").write_text(
        json.dumps({"record": record, "rows": rows}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
