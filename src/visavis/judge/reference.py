"""Real images as a judge needs them: a reference, and held-out ones beside it for the null.

What an extractor sees in real images is kept on disk by the hash of their content, so that a second judgement
starts at once and a set that changed is never taken for the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from visavis.data import DataConfig, ImageSet, cache, draws, load_images
from visavis.data.account import Account
from visavis.data.found import digest_of, present_split
from visavis.data.sources import EMBEDDED, find, split_names
from visavis.errors import UserError, unknown
from visavis.files import expanded
from visavis.judge.seen import Pixels, Rows, Seen, identity, see
from visavis.metrics import frechet, kernel, sliced
from visavis.metrics.clusters import Cells, kmeans

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor

MOST = 10_000
"""Real images that figures of pairs of images (kernel, balls) look at; the others take all."""
SHARE = 5
"""One image in so many is held out where a source has no second split."""
_HELD_OUT = 0x4E1D  # a stream of random draws
_OTHER_SPLITS = ("test", "val", "train")


@dataclass(frozen=True)
class Real:
    """Both sides of a real set.  ``reference`` is what images are compared with, ``held_out`` gives the null.

    ``whole`` is all of the split: more than the reference where a part of it is held out.  ``unseen``: no
    generator trained on the reference has seen the held-out images.  ``why`` says why nothing is held out.
    """

    name: str
    split: str
    classes: tuple[str, ...]
    extractor: Extractor
    whole: Seen
    reference: Seen
    held_out: Seen | None
    held_out_name: str
    unseen: bool
    why: str
    shape: tuple[int, ...]
    account: Account | None = None
    """What the reference's source held and what became of it."""
    held_out_account: Account | None = None

    @property
    def trained_on(self) -> Seen:
        """The images that copies are looked for in."""
        return self.reference if self.unseen or self.held_out is None else self.whole

    @cached_property
    def few(self) -> Seen:
        """The part of the reference that figures of pairs of images look at."""
        return self.reference.some(MOST)

    @cached_property
    def gaussian(self) -> frechet.Reference:
        """Moments and factor of all reference features, cached on disk."""

        def make() -> cache.Arrays:
            made = frechet.Reference.of(self.reference.vectors)
            arrays = {"mean": made.mean, "factor": made.factor, "covariance": made.covariance}
            return {name: value.numpy() for name, value in arrays.items() if value is not None}

        arrays = {key: torch.from_numpy(np.array(x)) for key, x in self.remember("gaussian", make).items()}
        covariance = arrays.get("covariance")
        return frechet.Reference(len(self.reference), arrays["mean"], arrays["factor"], covariance)

    @cached_property
    def kernel(self) -> kernel.Reference:
        """What the kernel distance needs of :attr:`few`."""
        return kernel.Reference.of(self.few.vectors)

    @cached_property
    def sliced(self) -> sliced.Reference:
        """What the sliced distance needs of :attr:`few`."""
        return sliced.Reference.of(self.few.vectors)

    def cells(self, k: int, seed: int = 0) -> Cells:
        """``k`` k-means cells of all reference features, cached on disk."""

        def make() -> cache.Arrays:
            return {"centres": kmeans(self.reference.vectors, k, seed, plus_plus=False).centres.numpy()}

        centres = self.remember(f"cells {k} {seed}", make)["centres"]
        return Cells(torch.from_numpy(np.array(centres)))

    def remember(self, what: str, make: Callable[[], cache.Arrays]) -> cache.Arrays:
        """``make()``, or what it gave before for the same real images and extractor."""
        held_out = "" if self.held_out is None else self.held_out.digest
        parts = (self.reference.digest, held_out, *identity(self.extractor), torch.__version__)
        return cache.remember(digest_of(what, *parts), make)


def open_real(
    config: DataConfig, extractor: Extractor, held_out: str = "auto", trained: bool = False
) -> Real:
    """The images that ``config`` describes, as reference, and others of the same kind, held out.

    ``held_out``: a split; another source, all of which is taken; ``none``; or ``auto``: the test split, else
    validation, else (of a source with one split) a seeded fifth of the reference, which is then left out of
    it.  ``trained``: the generator to be judged was trained on all that ``config`` describes.  Raises
    :class:`UserError` when the reference takes up every split, so that nothing real is left to compare with.
    """
    images = load_images(config)
    whole = see_set(images, extractor)
    real = Real(
        images.name,
        config.split,
        images.classes,
        extractor,
        whole=whole,
        reference=whole,
        held_out=None,
        held_out_name="none",
        unseen=False,
        why="no image was held out (--held-out none)",
        shape=(images.resolution, images.resolution, images.channels),
        account=images.account,
    )
    if (source := _source(config, held_out)) is not None:
        with naming("--held-out"):
            return _beside(real, source.model_copy(update={"resolution": images.resolution}))
    split = _held_out_split(config, held_out)
    if split == "none":
        return real
    if split is not None:
        others = load_images(config.model_copy(update={"split": split}))
        other = see_set(others, extractor)
        _refuse_contained(real, other, split)
        return replace(
            real, held_out=other, held_out_name=split, unseen=True, why="", held_out_account=others.account
        )
    order = draws.permutation(len(whole), _HELD_OUT)
    n = len(whole) // SHARE
    rest, aside = (whole.part(np.sort(rows)) for rows in (order[n:], order[:n]))
    name = f"a seeded {SHARE}th of {config.split}"
    return replace(real, reference=rest, held_out=aside, held_out_name=name, unseen=not trained, why="")


def _beside(real: Real, config: DataConfig) -> Real:
    """``real`` with all images of another source held out; their labels count where the classes are its."""
    others = load_images(config.settled(real.shape[2]))
    labels = None if others.labels is None else torch.from_numpy(np.array(others.labels))
    held_out = replace(
        see_set(others, real.extractor), labels=renumbered(labels, others.classes, real.classes)
    )
    _refuse_contained(real, held_out, others.name)
    return replace(
        real,
        held_out=held_out,
        held_out_name=others.name,
        unseen=True,
        why="",
        held_out_account=others.account,
    )


def renumbered(labels: Tensor | None, classes: tuple[str, ...], into: tuple[str, ...]) -> Tensor | None:
    """Labels of ``classes`` as ``into`` numbers them, int64 ``[N]``; None where it lacks one that is used."""
    if labels is None:
        return None
    used = sorted(set(labels.tolist()))
    if not {classes[label] for label in used} <= set(into):
        return None
    places = torch.zeros(len(classes), dtype=torch.int64)
    for label in used:
        places[label] = into.index(classes[label])
    return places[labels]


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Let errors of the data room, which advise on ``--data``, name what is meant here."""
    try:
        yield
    except UserError as error:
        plain = str(error).replace("another --data", f"other {what}").replace("--data", what)
        raise UserError(plain) from error


def see_set(images: ImageSet, extractor: Extractor) -> Seen:
    """A set of real images through an extractor, remembered on disk."""
    labels = None if images.labels is None else torch.from_numpy(np.array(images.labels))

    def read(rows: Rows) -> Pixels:
        return images.images[rows]

    return see(read, len(images), labels, images.digest, extractor, remember=True)


def _source(config: DataConfig, wanted: str) -> DataConfig | None:
    """All of the source that is held out; None where ``wanted`` is no source, but a split or a word."""
    if wanted in ("auto", "none") or _known(wanted, split_names(config)) is not None:
        return None
    return source_of(wanted, config)


def source_of(wanted: str, like: DataConfig) -> DataConfig | None:
    """All images of the source ``wanted``, read as ``like`` is; None where it looks like none."""
    if wanted not in EMBEDDED and not set("/\\.~") & set(wanted) and not expanded(wanted).exists():
        return None
    config = like.model_copy(update={"source": wanted, "split": "train", "classes": ()})
    with naming("--held-out"):
        config = config.model_copy(update={"split": "+".join(split_names(config))})
        if like.classes and find(config).labels is not None:
            config = config.model_copy(update={"classes": like.classes})
    return config


def _held_out_split(config: DataConfig, wanted: str) -> str | None:
    """The split to hold out, ``none``, or None for a seeded part of the reference."""
    if wanted == "none":
        return wanted
    splits = split_names(config)
    taken = [present_split(part.strip(), splits) for part in config.split.split("+")]
    if wanted != "auto":
        if (known := _known(wanted, splits)) is None:
            others = tuple(name for name in splits if name not in taken)
            raise unknown("held-out split", wanted, (*others, "auto", "none", "a source of images"))
        if known in taken:
            raise UserError(
                f"--held-out {wanted} is a part of the reference '{config.split}'; give another split, or "
                "none: no nulls, no memorisation, no quality"
            )
        return known
    if len(splits) == 1:
        return None
    left = [name for name in (*_OTHER_SPLITS, *splits) if name in splits and name not in taken]
    if not left:
        raise UserError(
            f"the reference '{config.split}' is all of '{config.source}', so no real image is held out to "
            "compare with; give --held-out none to go without nulls, memorisation and quality, or a "
            "--split that leaves one out"
        )
    return left[0]


def _known(wanted: str, splits: tuple[str, ...]) -> str | None:
    """A split as the source calls it; None where it has none of that name."""
    try:
        return present_split(wanted, splits)
    except UserError:
        return None


def _refuse_contained(real: Real, other: Seen, split: str) -> None:
    """Refuse a held-out set of which most images are in the reference."""
    known = {row.tobytes() for row in real.reference.hashes}
    inside = sum(row.tobytes() in known for row in other.hashes)
    if 2 * inside > len(other):
        raise UserError(
            f"{inside} of the {len(other)} held-out images ('{split}') are in the reference '{real.split}'; "
            "give a reference without them, or --held-out none"
        )
