"""What the headers of encoded images say, before any is decoded: format, size, grey or coloured."""

import io
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from visavis.data import cache
from visavis.data.decode import FORMATS, formats, is_grey
from visavis.data.encoded import Encoded, workers
from visavis.data.found import digest_of

_NONE = len(FORMATS)  # the format of what is no picture
_CHUNK = 512  # images that a thread looks at, at a time
_PNG, _COLOURED = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", {0: False, 2: True, 4: False, 6: True}  # 3: by palette


@dataclass(frozen=True)
class Survey:
    """One row an image: ``formats`` (indices into FORMATS, one more for no picture), ``sizes``, ``grey``."""

    formats: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    """``[N, 2]``: width and height in pixels as stored."""
    grey: NDArray[np.bool_]
    """Whether the file has grey levels only, by its mode or palette; of no picture True."""

    @property
    def all_grey(self) -> bool:
        """Whether there are pictures, and none has colours."""
        return bool(self.grey.all() and (self.formats != _NONE).any())

    @property
    def counts(self) -> dict[str, int]:
        """Format -> how many, the most frequent first."""
        found = Counter(FORMATS[code] for code in self.formats[self.formats != _NONE].tolist())
        return dict(found.most_common())

    @property
    def stored(self) -> tuple[tuple[int, int], ...]:
        """Width and height of the pictures: of all, or of the smallest and the largest."""
        sizes = np.unique(self.sizes[self.formats != _NONE], axis=0)
        if not len(sizes):
            return ()
        order = np.argsort(sizes.astype(np.int64).prod(1), kind="stable")
        ends = [tuple(map(int, sizes[i])) for i in ([order[0]] if len(sizes) == 1 else order[[0, -1]])]
        return tuple((width, height) for width, height in ends)

    def part(self, chosen: NDArray[np.int64]) -> "Survey":
        """Of these pictures only."""
        return Survey(self.formats[chosen], self.sizes[chosen], self.grey[chosen])


def survey(images: Encoded, digest: str) -> Survey:
    """Look at all headers, or remember what they said: ``digest`` is the hash of the images."""

    def look(start: int) -> list[tuple[int, int, int, bool]]:
        return [_header(images, i) for i in range(start, min(start + _CHUNK, len(images)))]

    def make() -> cache.Arrays:
        with ThreadPoolExecutor(workers(), thread_name_prefix="visavis-survey") as pool:
            rows = [row for part in pool.map(look, range(0, len(images), _CHUNK)) for row in part]
        table = np.array(rows, np.int64).reshape(-1, 4)
        return {
            "formats": table[:, 0].astype(np.uint8),
            "sizes": table[:, 1:3].astype(np.int32),
            "grey": table[:, 3].astype(bool),
        }

    return Survey(**cache.remember(digest_of("survey", digest, PIL.__version__), make))


def _header(images: Encoded, i: int) -> tuple[int, int, int, bool]:
    try:
        data = images.bytes(i)
        return _png_header(data) or _any_header(data)
    except Exception:  # as broken as it may be; decoding tells
        return _NONE, 0, 0, True


def _png_header(data: bytes) -> tuple[int, int, int, bool] | None:
    """Of a PNG without palette, as most images of the hub are: thirty times sooner than Pillow opens it."""
    if not data.startswith(_PNG):
        return None
    width, height, _, colour = struct.unpack_from(">IIBB", data, len(_PNG))
    return (FORMATS.index("PNG"), width, height, not _COLOURED[colour]) if colour in _COLOURED else None


def _any_header(data: bytes) -> tuple[int, int, int, bool]:
    with Image.open(io.BytesIO(data), formats=formats()) as image:
        name = {"MPO": "JPEG"}.get(image.format or "", image.format or "")  # several JPEGs in one file
        return FORMATS.index(name), *image.size, is_grey(image)
