"""How often copies are flagged, and how often images that are none: 20 draws each, on digits and on CIFAR-10.

``OMP_NUM_THREADS=1 python benchmarks/copies.py --cifar10 FOLDER`` writes results/copies.json.  The held-out
images are halved at random for each draw: one half is the baseline, of the other N pose as a generator's,
and a share of these is replaced by training images, exact or with each pixel moved.
"""

import argparse
import json
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import visavis
from visavis.data import DataConfig
from visavis.judge.copies import CHANCE
from visavis.judge.reference import Real, open_real
from visavis.judge.seen import Seen, see
from visavis.metrics.features import Extractor, load_extractor
from visavis.metrics.memorisation import mann_whitney_z, near_copies_of
from visavis.metrics.neighbours import nearest

ROOT = Path(__file__).parents[1]
DRAWS, MOST = 20, 1000
JITTER = 8
"""A changed copy has each pixel moved by at most so many grey levels of 255."""
SHARES = (0.02, 0.05, 0.1)


def copied(real: Real, n: int, jitter: int, seed: int) -> Seen:
    """``n`` training images whose pixels were moved, as the extractor sees them."""
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(len(real.reference), n, replace=False))
    pixels = real.reference.read(chosen).astype(int)
    moved = (pixels + random.integers(-jitter, jitter + 1, pixels.shape)).clip(0, 255).astype(np.uint8)
    return see(lambda rows: moved[rows], n, None, "copies", real.extractor)


def measure(extractor: Extractor, config: DataConfig) -> dict[str, Any]:
    """The share of draws that are flagged as copying, by the share of copies."""
    real = open_real(config, extractor)
    assert real.held_out is not None
    half = len(real.held_out) // 2
    n = min(half, MOST)
    kinds = {"exact": 0, f"moved by up to {JITTER} grey levels": JITTER}
    pools = {kind: copied(real, min(n, 500), jitter, 1) for kind, jitter in kinds.items()}
    spaces: dict[str, Callable[[Seen], Tensor]] = {
        "features": lambda seen: seen.vectors,
        "pixels": lambda seen: seen.small,
    }
    rows = []
    for space, of in spaces.items():
        of_test, *of_pools = (
            nearest(of(x), of(real.reference)).squared[:, 0] for x in (real.held_out, *pools.values())
        )
        distances = dict(zip(kinds, of_pools, strict=True))
        for kind, share in [("none", 0.0), *((kind, share) for kind in kinds for share in SHARES)]:
            pool = distances[kind] if share else of_test[:0]
            rows.append({"by": space, "copies": kind, "share": share, **rates(of_test, pool, share, half, n)})
    return {
        "features": extractor.name,
        "features_sha256": extractor.sha256,
        "reference": f"{len(real.reference)} training images of {real.name}",
        "reference_digest": real.reference.digest,
        "images": n,
        "baseline": half,
        "rows": rows,
    }


def rates(of_test: Tensor, pool: Tensor, share: float, half: int, n: int) -> dict[str, float]:
    """How many draws near copies and C_T flag, from distances of held-out images ``[H]``, copies ``[P]``."""
    flagged, c_t = 0, []
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(draw)
        order = torch.randperm(len(of_test), generator=generator)
        baseline, posing = of_test[order[:half]], of_test[order[half : half + n]].clone()
        count = round(share * n)
        posing[:count] = pool[torch.randperm(len(pool), generator=generator)[:count]]
        found = near_copies_of(posing, baseline)
        flagged += found.p < CHANCE and found.value > found.expected
        c_t.append(mann_whitney_z(posing, baseline))
    return {
        "flagged": flagged / DRAWS,
        "ct_below_-3": sum(z < -3 for z in c_t) / DRAWS,
        "ct_mean": sum(c_t) / DRAWS,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar10", help="a folder of CIFAR-10; left out, only the digits are measured")
    given = parser.parse_args()
    found = [measure(load_extractor("digitsr"), DataConfig(source="digits"))]
    if given.cifar10:
        found.append(measure(load_extractor("cifar10r"), DataConfig(source=given.cifar10)))
    record = {
        "draws": DRAWS,
        "flagged_below_p": CHANCE,
        "command": "OMP_NUM_THREADS=1 python benchmarks/copies.py --cifar10 FOLDER",
        "machine": platform.machine(),
        "torch": torch.__version__,
        "visavis": visavis.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    path = ROOT / "results" / "copies.json"
    path.write_text(json.dumps({"record": record, "sets": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
