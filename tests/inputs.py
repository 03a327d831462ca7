"""What commands of the docs ask for: runs, folders and files of the names that stand there, all tiny."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pages import PIX2PIX, SMALL
from tiny import NETWORKS, Outcome

from visavis.cli.main import main
from visavis.data.mnist import mnist
from visavis.data.write import write_images

SIDE = 32
IMAGES = 8
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
OUT = ("--out", "--to", "--onnx", "--web", "--gallery", "--files")
"""Options whose word is written, not read."""


def colours(n: int, seed: int, side: int = SIDE, width: int | None = None) -> np.ndarray:
    """Smooth pictures that differ: uint8 ``[n, side, width, 3]``."""
    small = np.random.default_rng(seed).integers(0, 256, (n, side // 8, (width or side) // 8, 3), np.uint8)
    return small.repeat(8, axis=1).repeat(8, axis=2)


def photos(place: Path) -> None:
    write_images(place, colours(120, 1, 64))


def more_photos(place: Path) -> None:
    write_images(place, colours(40, 2))


def samples(place: Path) -> None:
    write_images(place, colours(40, 3))


def maps(place: Path) -> None:
    write_images(place, colours(3, 4, 64))


def cifar10(place: Path) -> None:
    """Parquet as the hub has it."""
    for split, n in (("train", 120), ("test", 40)):
        place.mkdir(parents=True, exist_ok=True)
        labels = np.arange(n) % 10
        write_images(place / f"{split}-00000-of-00001.parquet", colours(n, n), labels, CLASSES)


def faces(place: Path) -> None:
    for split, n in (("train", 6), ("val", 2), ("test", 2)):
        for seed, side in enumerate(("sketch", "photo")):
            write_images(place / split / side, colours(n, seed, 64))


def halves(place: Path) -> None:
    for split, n in (("train", 6), ("val", 2), ("test", 2)):
        write_images(place / split, colours(n, n, 64, 128))


def few_mnist(path: Path) -> None:
    images, labels = mnist("train")
    write_images(path, images[:500], labels[:500].astype(np.int64), tuple("0123456789"))


def extractor(path: Path) -> None:
    shutil.copy(Path(__file__).parent / "flat_pixels.py", path)
    path.write_text(path.read_text().replace("pixels(", "mine("))


def run(*words: str, best: bool = False) -> Callable[[Path], None]:
    """What trains ``visavis train WORDS``, a little; ``best``: its snapshot is its best as well."""

    def make(place: Path) -> None:
        with pytest.raises(SystemExit) as left:
            main(["train", *words, "--images", str(IMAGES), *SMALL, "--out", str(place)])
        assert not left.value.code, words
        if best:
            shutil.copy(max((place / "snapshots").iterdir()), place / "best.safetensors")

    return make


PHOTOS = ("--networks.G.widths", "8,8,8,8", "--networks.D.branch.widths", "8,8,8,8")
a_run = run("digits", *NETWORKS, best=True)
colour = run("siamese-catsdogs", "--data", "path/to/cifar10", *PHOTOS)
translator = run("pix2pix-facades", "--data", "facades", *PIX2PIX)

INPUTS: dict[str, Callable[[Path], None]] = {
    "photos": photos,
    "photos/train": photos,
    "photos/val": more_photos,
    "samples": samples,
    "maps": maps,
    "path/to/cifar10": cifar10,
    "faces": faces,
    "facades": halves,
    "path/to/facades": halves,
    "few-mnist.npz": few_mnist,
    "file.py": extractor,
    "runs/a": colour,
    "runs/b": colour,
    "runs/pix2pix-facades": translator,
    **dict.fromkeys(("runs/digits", "runs/mnist", "runs/demo", "runs/mine", "runs/other"), a_run),
}
"""What a page may name without having made it -> what makes it."""
NEEDS = {colour: ["path/to/cifar10"], translator: ["facades"]}
"""A run -> the data that it was trained on, and is judged by."""


class Store:
    """Each input once; pages get copies."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.made: dict[Callable[[Path], None], Path] = {}
        self.trained: dict[tuple[str, ...], Path] = {}
        self.exported: set[str] = set()

    def give(self, words: Sequence[str], here: Path) -> None:
        """Put what ``words`` name, and nobody made, below ``here``, the working directory."""
        read = [word for before, word in zip(["", *words], words, strict=False) if before not in OUT]
        for word in read:
            named = [name for name in INPUTS if re.search(rf"(^|[=,]){re.escape(name)}(/|@|:|$)", word)]
            for name in named:
                longest = not any(other.startswith(f"{name}/") for other in named)
                if longest and not (here / name).exists():
                    self.fetch(name, here)

    def fetch(self, name: str, here: Path) -> None:
        """A copy of one input, which is made where there is none."""
        make, target = INPUTS[name], here / name
        self.give(NEEDS.get(make, ()), here)
        if make not in self.made:
            self.made[make] = self.place / f"{len(self.made)}{target.suffix}"
            make(self.made[make])
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if self.made[make].is_dir() else shutil.copy)(self.made[make], target)

    def train(self, words: Sequence[str], typed: Callable[..., Outcome]) -> Outcome:
        """Do as ``words`` say, for a few images more than were seen; a first training of the same, once."""
        out = Path(words[words.index("--out") + 1] if "--out" in words else f"runs/{words[1]}")
        key = tuple(word for word in words if word not in ("--out", str(out)))
        seen = len(list((out / "snapshots").glob("*")))
        if not seen and key in self.trained:
            shutil.copytree(self.trained[key], out)
            return Outcome(0, "", "")
        done = typed(*words, "--images", IMAGES * (1 + seen))
        if not seen and out.exists():
            self.trained[key] = self.place / f"trained-{len(self.trained)}"
            shutil.copytree(out, self.trained[key])
        return done
