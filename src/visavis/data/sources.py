"""From what ``--data`` says to a set of images."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL

from visavis import errors, files
from visavis.data import arrays, cache, digits, mnist, stacks
from visavis.data.account import Account
from visavis.data.config import COUNTS, DataConfig
from visavis.data.decode import RULE
from visavis.data.encoded import Decoder, LazyImages, decode_all, make_decoder
from visavis.data.folder import labelled, open_tree
from visavis.data.found import Found, Splits, digest_of, drop, keep_classes, need_images, read_splits
from visavis.data.hub import is_hub_name, open_hub
from visavis.data.imageset import ImageSet
from visavis.data.parquet import open_parquet, parquet_files
from visavis.data.survey import Survey, survey
from visavis.data.tree import open_zip, walk
from visavis.errors import UserError

EMBEDDED: dict[str, Splits] = {
    "digits": digits.DIGITS,
    "stacked-digits": digits.STACKED_DIGITS,
    "mnist-10k": mnist.MNIST,
    "stacked-mnist-10k": mnist.STACKED_MNIST,
}
"""Sets that come with the package."""

_OTHERS = (
    "a folder",
    "a parquet folder or file",
    "an .npz, .npy or .zip",
    "a hub name owner/name",
    "stacked:SOURCE",
)


def load_images(config: DataConfig) -> ImageSet:
    """Find, choose and decode (or, for a large set, prepare to decode) the images that ``config`` describes.

    Every image of a file becomes grey, RGB or RGBA as :func:`visavis.data.decode.to_mode` says, and square as
    :func:`visavis.data.decode.to_square` says.  Decoded sets are cached: :func:`visavis.data.cache.remember`.
    Raises :class:`~visavis.errors.UserError` for every mistake that a user can mend.
    """
    found = find(config)
    if isinstance(found.images, np.ndarray):
        return _held(found, config)
    return _decoded(found, config)


def find(config: DataConfig) -> Found:
    """The chosen split and classes before anything is decoded; errors as :func:`load_images`."""
    try:
        return keep_classes(read_splits(_open(config), config.split), config.classes)
    except OSError as error:
        raise UserError(f"cannot read '{config.source}': {error}; give another --data") from error


def split_names(config: DataConfig) -> tuple[str, ...]:
    """The splits that the source has; errors as :func:`load_images`."""
    return tuple(_open(config))


def _open(config: DataConfig) -> Splits:
    """The source's splits: an embedded name, then a path, then a hub name."""
    source = config.source
    if source in EMBEDDED:
        return EMBEDDED[source]
    if source.startswith(stacks.PREFIX):
        return _open_stacks(config)
    path = files.expanded(source)
    if path.exists():
        return _open_path(path, config)
    local = source.startswith((".", "/", "~")) or path.suffix.lower() in (".parquet", *_FILES)
    if not local and is_hub_name(source):
        return open_hub(source)
    if local or "/" in source:
        raise UserError(f"no file or folder '{source}' (allowed: {_allowed()}); mend the path")
    raise errors.unknown("data", source, (*EMBEDDED, *_OTHERS))


def _open_stacks(config: DataConfig) -> Splits:
    """Of each split of what follows the prefix."""
    changes = {
        "source": config.source.removeprefix(stacks.PREFIX),
        "classes": (),
        "channels": "grey",
        "stream": "never",
    }
    single = config.model_copy(update=changes)

    def opened(split: str) -> Callable[[], Found]:
        own = single.model_copy(update={"split": split})
        return lambda: stacks.open_stack(single.source, split, lambda: load_images(own))

    return {split: opened(split) for split in _open(single)}


def _need_stacks(config: DataConfig, grey: bool) -> None:
    """Refuse single grey images where stacks of three are asked for."""
    if grey and config.channels == "stacked":
        raise UserError(
            f"'{config.source}' holds single grey images, and what trains here takes three of them as the "
            f"channels of one; give --data {stacks.PREFIX}{config.source}"
        )


def _open_zip(path: Path, config: DataConfig) -> Splits:
    tree = open_zip(path)
    return labelled(tree) or open_tree(tree, config.classes)


def _open_arrays(path: Path, config: DataConfig) -> Splits:
    return arrays.open_arrays(path, config.range)


_FILES: dict[str, Callable[[Path, DataConfig], Splits]] = {
    ".npz": _open_arrays,
    ".npy": _open_arrays,
    ".zip": _open_zip,
}
"""A file's ending -> how it is opened."""


def _open_path(path: Path, config: DataConfig) -> Splits:
    if path.is_dir() and not parquet_files(path):
        return open_tree(walk(path), config.classes)
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".parquet":
        return open_parquet(path, 0 if config.stream == "always" else config.device_bytes)
    if suffix in _FILES:
        return _FILES[suffix](path, config)
    raise UserError(f"'{path}' holds no set of images (allowed: {_allowed()}); give one of these")


def _allowed() -> str:
    return ", ".join((*EMBEDDED, *_OTHERS))


def _name(config: DataConfig) -> str:
    path = files.expanded(config.source)
    return path.resolve().name if path.exists() and config.source not in EMBEDDED else config.source


def _streams(config: DataConfig, size: int) -> bool:
    return config.stream == "always" or (config.stream == "auto" and size > config.device_bytes)


def _held(found: Found, config: DataConfig) -> ImageSet:
    """A set that its source holds as an array."""
    assert isinstance(found.images, np.ndarray)
    _need_stacks(config, grey=found.images.shape[3] == 1)
    images = arrays.resize(found.images, config.resolution)
    images = arrays.recolour(images, COUNTS.get(config.channels) or images.shape[3])
    images.setflags(write=False)
    digest = digest_of("set", found.digest, str(images.shape), RULE)
    height, width = found.images.shape[1:3]
    account = Account(
        len(images),
        found.left_out,
        {found.stored or "uint8 array": len(images)},
        ((width, height),),
        (images.shape[2], images.shape[1]),
        images.shape[3],
        found.notes,
    )
    streamed = _streams(config, images.nbytes)
    return ImageSet(images, found.labels, found.classes, _name(config), digest, account, streamed=streamed)


def _decoded(found: Found, config: DataConfig) -> ImageSet:
    """A set of encoded images: decoded now, or when a batch needs them."""
    assert not isinstance(found.images, np.ndarray)
    headers = survey(found.images, found.digest)
    _need_stacks(config, headers.all_grey)
    channels = COUNTS.get(config.channels) or (1 if headers.all_grey else 3)
    decoder = make_decoder(found.images, config.resolution, channels)
    streamed = _streams(config, len(found) * math.prod(decoder.shape))
    arrays = _decode(found, decoder, config.skip_broken, keep=not streamed)
    kept = drop(found, arrays["broken"])
    assert not isinstance(kept.images, np.ndarray)
    if kept.labels is not None and config.classes:
        need_images(kept.labels, kept.classes)
    skipped = len(arrays["broken"])
    kind = () if channels == 3 else (f"{channels} channels",)
    return ImageSet(
        LazyImages(kept.images, decoder) if streamed else arrays["pixels"],
        kept.labels,
        kept.classes,
        _name(config),
        digest_of("set", found.digest, str(decoder.resolution), RULE, f"{skipped} skipped", *kind),
        account(kept, headers.part(np.delete(np.arange(len(found)), arrays["broken"])), decoder.shape),
        skipped,
        streamed,
    )


def account(kept: Found, headers: Survey, shape: tuple[int, ...]) -> Account:
    """Of encoded images that become pixels of ``shape: (H, W, C)``."""
    size, notes = (shape[1], shape[0]), kept.notes
    return Account(len(kept), kept.left_out, headers.counts, headers.stored, size, shape[2], notes)


def _decode(found: Found, decoder: Decoder, skip_broken: bool, keep: bool) -> cache.Arrays:
    """``pixels`` and the indices of ``broken`` images, from the cache when they were decoded before."""
    images = found.images
    assert not isinstance(images, np.ndarray)
    if not keep and not skip_broken:  # a broken image shows when its batch is due
        return {"pixels": np.zeros((0, 0, 0, 3), np.uint8), "broken": np.zeros(0, np.int64)}

    def make() -> cache.Arrays:
        pixels, broken = decode_all(images, decoder, skip_broken, keep)
        return {"pixels": pixels, "broken": broken}

    settings = (RULE, PIL.__version__, str(decoder), f"skip {skip_broken}", f"keep {keep}")
    return cache.remember(digest_of("decoded", found.digest, *settings), make)
