"""Images as an extractor sees them: features, logits, small pixels and hashes, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from visavis.data import cache, draws
from visavis.data.found import digest_of
from visavis.metrics.manifold import K_DENSITY
from visavis.metrics.memorisation import pixel_hashes
from visavis.metrics.neighbours import Neighbours, among
from visavis.training import parallel

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor

Rows = NDArray[np.int64]
Pixels = NDArray[np.uint8]

CHUNK, CHUNK_BYTES = 4096, 1 << 24
"""Images, and bytes of images, that are read at a time."""
_SUMS = "channels last"  # names the order in which extractors take sums; change it with the last digits
_SOME = 0x50_4E  # a stream of random draws


@dataclass(frozen=True)
class Seen:
    """Images as an extractor sees them: ``vectors: float32 [N, d]``, ``logits: [N, K]`` where it classifies.

    ``small: float32 [N, 64 C]``: means of 8x8 places of the pixels, from 0 to 1.  ``labels: int64 [N]`` are
    the source's own, ``hashes: uint8 [N, 16]`` of the pixels, ``read`` gives the pixels of rows, uint8 ``[n,
    H, W, C]``.  ``digest`` is the hash of the images.
    """

    vectors: Tensor
    small: Tensor
    logits: Tensor | None
    labels: Tensor | None
    hashes: Pixels
    read: Callable[[Rows], Pixels]
    digest: str

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def predicted(self) -> Tensor | None:
        """The extractor's class of each image: int64 ``[N]``, None where it does not classify."""
        return None if self.logits is None else self.logits.argmax(1)

    @cached_property
    def others(self) -> Neighbours:
        """The nearest other images of each by features, as many as balls need (of fewer images, all)."""
        return among(self.vectors, min(K_DENSITY, len(self) - 1))

    def part(self, rows: Rows) -> Seen:
        """These images only, in this order."""
        index = torch.from_numpy(rows)
        return replace(
            self,
            vectors=self.vectors[index],
            small=self.small[index],
            logits=None if self.logits is None else self.logits[index],
            labels=None if self.labels is None else self.labels[index],
            hashes=self.hashes[rows],
            read=lambda chosen: self.read(rows[chosen]),
            digest=digest_of("part", self.digest, rows),
        )

    def some(self, n: int, seed: int = 0) -> Seen:
        """A random ``n`` of them, or all where there are no more."""
        if n >= len(self):
            return self
        return self.part(np.sort(draws.permutation(len(self), _SOME, seed)[:n]))


def see(
    read: Callable[[Rows], Pixels],
    n: int,
    labels: Tensor | None,
    digest: str,
    extractor: Extractor,
    remember: bool = False,
) -> Seen:
    """Run the extractor over ``n`` images; with ``remember`` only the first time for this ``digest``."""

    step = _step(read, n, extractor.batch_size)

    def part(first: int, last: int) -> cache.Arrays:
        vectors, small, logits, hashes = [], [], [], []
        for start in range(first, last, step):
            rows = np.arange(start, min(start + step, last))
            pixels = torch.from_numpy(np.array(read(rows)))
            features = extractor(pixels)
            vectors.append(features.vectors)
            small.append(places(pixels))
            hashes += pixel_hashes(pixels)
            if features.logits is not None:
                logits.append(features.logits)
        arrays: cache.Arrays = {
            "vectors": torch.cat(vectors).numpy(),
            "small": torch.cat(small).numpy(),
            "hashes": np.frombuffer(b"".join(hashes), np.uint8).reshape(last - first, -1).copy(),
        }
        return arrays | ({"logits": torch.cat(logits).numpy()} if logits else {})

    key = digest_of("seen", digest, *identity(extractor), torch.__version__)
    arrays = parallel.agreed(lambda: cache.find(key)) if remember else None
    if arrays is None:
        arrays = parallel.shared(n, part, step)
        if remember and parallel.rank() == 0:
            cache.keep(key, arrays)
    logits = torch.from_numpy(np.array(arrays["logits"])) if "logits" in arrays else None
    vectors, small = (torch.from_numpy(np.array(arrays[name])) for name in ("vectors", "small"))
    return Seen(vectors, small, logits, labels, arrays["hashes"], read, digest)


def _step(read: Callable[[Rows], Pixels], n: int, batch_size: int) -> int:
    """How many rows are read at a time: whole batches of at most :data:`CHUNK_BYTES`, one batch at least."""
    most = min(CHUNK, CHUNK_BYTES // max(read(np.arange(1)).nbytes, 1)) if n else 1
    return max(most // batch_size, 1) * batch_size


def places(pixels: Tensor) -> Tensor:
    """Means of 8x8 places of uint8 ``[N, H, W, C]``, from 0 to 1: float32 ``[N, 64 C]``.

    Noise, sharpness and compression hardly move them, so they see copies that features of a network miss.
    """
    x = pixels.permute(0, 3, 1, 2).float() / 255
    return adaptive_avg_pool2d(x, 8).flatten(1)


def identity(extractor: Extractor) -> tuple[str, ...]:
    """What tells an extractor's features from another's."""
    return extractor.name, extractor.sha256, extractor.resize, _SUMS
