"""How much of the time for reading and writing files does ``visavis translate`` hide behind the network?

``OMP_NUM_THREADS=1 python benchmarks/translate.py --images 1000`` sends as many pictures of 256×256 through
pix2pix's U-Net, block by block in turn with a plain loop (read a batch, run it, write it) and with the
pipeline of ``visavis.models.translate.folder``.  Both use the same functions, files, batch size and network,
in one process, so the blocks differ in nothing but what runs side by side.  Writes results/translate.json,
where rows of networks that were not measured this time stay.

``hidden`` is (plain - pipeline) / (reading and writing in the plain loop), in seconds per image by the clock:
below 1 where the pipeline waits for files, and where threads that decode and encode slow the network down.
``not_waited_for`` leaves out the second: 1 - (seconds in which the network stands still) / (reading and
writing).  The second network waits instead of computing, as a program does whose network runs on a GPU.
``--threads`` are the network's; others have a core of their own only where there are more cores.
``--pin`` sees to it that they do while others use the machine, as a scheduler does where nobody else runs.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

import visavis
from visavis.bench.pair_step import cpu_model
from visavis.core import Shape
from visavis.data.decode import decode
from visavis.metrics.bootstrap import percentiles, resampled
from visavis.models.load import model_of
from visavis.models.snapshot import Description
from visavis.models.translate import BATCH, Translator, folder
from visavis.models.translate.folder import COMPRESSION, Job, plan, translate_files, write_png
from visavis.networks import UNet

RESULTS = Path(__file__).parents[1] / "results" / "translate.json"
SIDE = 256
Table = list[dict[str, float]]


def make_pictures(into: Path, count: int) -> None:
    """Pictures about as hard to compress as photographs: noise of several sizes, the finest the weakest."""
    into.mkdir()
    random = np.random.default_rng(0)
    for index in range(count):
        picture = np.zeros((SIDE, SIDE, 3))
        for cells in (4, 16, 64, 256):
            coarse = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
            picture += np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), float) * 2 / cells
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(into / f"{index:04d}.png")


class Elsewhere(nn.Module):
    """A network that runs on no core of this machine, as on an accelerator: so many seconds an image."""

    any_size, stride, scale = True, 1, 1

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The pictures as they are, later."""
        time.sleep(self.seconds * len(x))
        return x


class Timed(Translator):
    """A translator that counts the seconds of its network."""

    network = 0.0

    def run(self, tiles: NDArray[np.uint8]) -> torch.Tensor:
        """As its parent."""
        began = time.perf_counter()
        made = super().run(tiles)
        self.network += time.perf_counter() - began
        return made


def make_translator(seconds: float = 0.0) -> Timed:
    """The U-Net of pix2pix with random weights, which take as long as trained ones; or :class:`Elsewhere`."""
    shape = Shape(3, SIDE)
    torch.manual_seed(0)
    net = Elsewhere(seconds) if seconds else UNet().build(shape, 0)
    return Timed(model_of({"G": net}, Description({}, shape, (), False, 0, {}, "", "translate")))


def pin() -> None:
    """Keep this thread on the first core and the pipeline's others off it."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {first})
    folder.ThreadPoolExecutor = partial(  # type: ignore[misc]
        ThreadPoolExecutor, initializer=lambda: os.sched_setaffinity(0, others)
    )


def plain(translator: Timed, jobs: list[Job]) -> dict[str, float]:
    """Read a batch, run the network, write the results, and so on: seconds of each."""
    translator.network, started = 0.0, time.perf_counter()
    reading = writing = 0.0
    for first in range(0, len(jobs), BATCH):
        batch = jobs[first : first + BATCH]
        began = time.perf_counter()
        sheets = [translator.sheet(decode(job.source.read_bytes(), None)) for job in batch]
        reading += time.perf_counter() - began
        made = translator.run(np.stack([sheet.tile(0) for sheet in sheets]))
        for sheet, y in zip(sheets, made, strict=True):
            sheet.add(0, y, translator.scale)
        began = time.perf_counter()
        for sheet, job in zip(sheets, batch, strict=True):
            write_png(job.target, sheet.finish(translator.scale))
        writing += time.perf_counter() - began
    seconds = time.perf_counter() - started
    return {"reading": reading, "network": translator.network, "writing": writing, "seconds": seconds}


def pipeline(translator: Timed, jobs: list[Job]) -> dict[str, float]:
    """The same jobs as ``visavis translate`` does them."""
    translator.network, started = 0.0, time.perf_counter()
    done = translate_files(translator, jobs)
    assert done.written == len(jobs) and not done.broken
    return {"network": translator.network, "seconds": time.perf_counter() - started}


def hidden(loops: Table, pipes: Table) -> dict[str, Any]:
    """The shares, each with its 95 % interval by resampling blocks; from seconds per image."""
    loop, pipe = (
        {key: torch.tensor([row[key] for row in rows]).double() for key in rows[0]} for rows in (loops, pipes)
    )
    files = loop["reading"] + loop["writing"]
    handling = loop["seconds"] - loop["network"] - files  # between files and network, the same both ways
    waiting = pipe["seconds"] - pipe["network"] - handling
    found: dict[str, Any] = {}
    for name, saved in (("hidden", loop["seconds"] - pipe["seconds"]), ("not_waited_for", files - waiting)):
        draws = torch.stack([(w @ saved) / (w @ files) for w in resampled(len(loops), 2000, 0)])
        low, high, _ = percentiles(draws)
        interval = [round(low, 4), round(high, 4)]
        found[name] = {"value": round(float(saved.sum() / files.sum()), 4), "interval": interval}
    return found


def measure(translator: Timed, pictures: Path, out: Path, block: int, share: float) -> dict[str, Any]:
    """All pictures by the pipeline, in blocks, and part of each block by the plain loop."""
    jobs = {way: plan([pictures], out / way) for way in ("plain", "pipeline")}
    pipeline(translator, plan([pictures], out / "warm")[: 2 * BATCH])
    loops: Table = []
    pipes: Table = []
    images = len(jobs["plain"])
    for turn, first in enumerate(range(0, images, block)):
        for way in ("plain", "pipeline") if turn % 2 else ("pipeline", "plain"):
            part = jobs[way][first : first + block]
            part = part if way == "pipeline" else part[: max(BATCH, round(share * len(part)))]
            found = (pipeline if way == "pipeline" else plain)(translator, part)
            seconds_each = {key: value / len(part) for key, value in found.items()}
            (pipes if way == "pipeline" else loops).append(seconds_each)
    mean = [
        {key: round(1000 * sum(row[key] for row in rows) / len(rows), 3) for key in rows[0]}
        for rows in (loops, pipes)
    ]
    return {
        "images": images,
        "images_of_plain_loop": round(share * images),
        "blocks": len(loops),
        "plain_ms_per_image": mean[0],
        "pipeline_ms_per_image": mean[1],
        **hidden(loops, pipes),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--block", type=int, default=125)
    parser.add_argument("--plain", type=float, default=0.5, help="part of each block for the plain loop too")
    parser.add_argument("--networks", default="unet,elsewhere")
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    parser.add_argument("--elsewhere", type=float, default=20, help="ms an image of a network elsewhere")
    parser.add_argument(
        "--pin", action="store_true", help="the network on the first core, files on the others"
    )
    parser.add_argument("--pictures", type=Path, help="folder for the pictures, made where it is not there")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    if given.pin:
        pin()
    rows = json.loads(given.out.read_text())["rows"] if given.out.exists() else []
    with tempfile.TemporaryDirectory() as scratch:
        pictures = given.pictures or Path(scratch) / "in"
        if not pictures.exists():
            make_pictures(pictures, given.images)
        size = np.mean([file.stat().st_size for file in pictures.iterdir()])
        for number, name in enumerate(given.networks.split(",")):
            torch.set_num_threads(given.threads)
            loads = [os.getloadavg()[0]]
            translator = make_translator(given.elsewhere / 1000 if name == "elsewhere" else 0.0)
            row = {"network": name, "threads": given.threads, "pinned": given.pin}
            row |= measure(translator, pictures, Path(scratch) / str(number), given.block, given.plain)
            row["load"] = [round(load, 2) for load in (*loads, os.getloadavg()[0])]
            row["date"] = datetime.now(UTC).isoformat(timespec="seconds")
            print(json.dumps(row), flush=True)
            rows = [other for other in rows if other["network"] != name] + [row]
    record = {
        "unet": "pix2pix's U-Net: 8 halvings, width 64, fp32, random weights",
        "elsewhere": f"waits {given.elsewhere:g} ms an image, as for a network on a GPU",
        "pictures": f"{SIDE}x{SIDE} RGB PNGs of noise in four sizes, {size / 1000:.0f} kB each",
        "batch_size": BATCH,
        "png_level": COMPRESSION,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "versions": {
            "visavis": visavis.__version__,
            "torch": torch.__version__,
            "Pillow": PIL.__version__,
            "Python": platform.python_version(),
        },
    }
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps({"rows": rows, "record": record}, indent=2) + "\n")


if __name__ == "__main__":
    main()
