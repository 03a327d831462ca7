"""``inception``: the 2015 weights, from a file or downloaded once; never shipped.

With these weights, and only with them, a Fréchet distance is called ``fid``.  It is one of three, by how 32
(or any other number of) pixels become 299: name the rule with it.
"""

import contextlib
import hashlib
import os
import pickle
import tempfile
import urllib.request
from pathlib import Path

import torch

from visavis.data import cache
from visavis.errors import UserError, unknown
from visavis.files import writing
from visavis.metrics.features.extractor import Extractor, in_colour, resized, takes_pictures
from visavis.metrics.features.resize import RESIZE
from visavis.networks.inception import DIMS, LOGITS, SIZE, Inception
from visavis.networks.shipped import filled, verified

FILE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
SHA256 = "6726825d"
"""The beginning of the file's SHA-256, by the custom of its name; the record holds all of it."""

TENSORFLOW_SCALE = ("tf1-bilinear", "bicubic-pil")
"""Rules whose programs feed the network (x - 128) / 128, as its graph does; the other feeds x / 127.5 - 1."""

_PATIENCE = 20.0  # seconds without a byte
_MEND = f"delete it and give the right one with --weights: {URL}"


def inception(weights: Path | None, resize: str | None, device: str) -> Extractor:
    """The extractor: 2,048 features ("pool3") and the 1,008 logits without their bias, as the Inception score
    of Salimans et al. 2016 takes them.

    ``resize``: ``tf1-bilinear`` (the default, that of the first FID), ``bilinear`` or ``bicubic-pil``.
    ``weights``: the file :data:`FILE`, else the copy in the cache, else a download into it.  Raises
    :class:`UserError` for another rule or file, and where there is no network.
    """
    rule = resize or "tf1-bilinear"
    if rule not in RESIZE:
        raise unknown("resize rule of features 'inception'", rule, RESIZE)
    path = weights or weights_file()
    sha256 = hashlib.sha256(verified(path, SHA256, _MEND)).hexdigest()
    network = load_inception(path).to(device)

    def read(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = resized(in_colour(x).float(), SIZE, rule)
        images = (pixels - 128) / 128 if rule in TENSORFLOW_SCALE else pixels / 127.5 - 1
        vectors = network.features(images)
        return vectors, vectors @ network.fc.weight.T

    classes = tuple(str(k) for k in range(LOGITS))
    return Extractor("inception", sha256, DIMS, classes, rule, 32, read, takes_pictures, device)


def load_inception(path: Path) -> Inception:
    """The network on the CPU with the state dict in ``path``, in evaluation mode, without gradients.

    Raises :class:`UserError` for a file that is no state dict of :class:`Inception`.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return filled(Inception(), state)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, TypeError, AttributeError) as error:
        why = " ".join(str(error).split())[:200]
        raise UserError(f"'{path}' holds no weights of Inception: {why}; {_MEND}") from error


def weights_file() -> Path:
    """The weights in the cache folder, downloaded if they are not there yet.

    Raises :class:`UserError` where there is no network, or what came has another hash.
    """
    path = cache.folder() / "weights" / FILE
    if not path.exists():
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        _download(URL, path)
    return path


def _download(url: str, path: Path) -> None:
    """Write beside, verify, rename."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            try:
                with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
                    while part := answer.read(1 << 20):
                        with writing(path):
                            file.write(part)
            except OSError as error:
                raise UserError(
                    f"no weights for features 'inception' at '{path}', and the download fails ({error}); "
                    f"fetch {url} elsewhere and give it with --weights FILE"
                ) from error
        verified(beside, SHA256, f"what {url} sent is not kept; try again, or give --weights FILE")
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
