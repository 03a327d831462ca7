"""The browser's runtime, onnxruntime-web: two files of one release of its npm package, checked by hash.

A wheel of visavis carries them where its builder ran ``make web-runtime``; elsewhere they are fetched once
into the cache.  ``python -m visavis.export.web.runtime TARBALL`` takes them from a tarball that is here.
"""

import base64
import gzip
import hashlib
import io
import logging
import os
import sys
import tarfile
import urllib.request
from pathlib import Path

from visavis.data import cache
from visavis.errors import UserError
from visavis.files import write_atomic

LOG = logging.getLogger("visavis")
VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the npm tarball, in base64 as npm's "integrity" has it."""
TAKEN = {
    "ort.mjs": "package/dist/ort.webgpu.bundle.min.mjs",
    "ort.wasm": "package/dist/ort-wasm-simd-threaded.asyncify.wasm",
}
"""Name here -> name in the tarball: the build that knows wasm and WebGPU."""
LICENCE = Path(__file__).with_name("onnxruntime-licence.txt")
OWN = Path(__file__).with_name("runtime")
"""Where a wheel has the files."""


def runtime() -> dict[str, bytes]:
    """The files of ``TAKEN``, gzipped; fetched where they are not here yet.

    Raises :class:`UserError` where they cannot be had, saying how to bring them.
    """
    for folder in (OWN, _cached()):
        found = {name: folder / f"{name}.gz" for name in TAKEN}
        if all(path.is_file() for path in found.values()):
            return {name: path.read_bytes() for name, path in found.items()}
    return unpack(_fetched(), _cached())


def unpack(tarball: bytes, folder: Path) -> dict[str, bytes]:
    """Take the files out of the npm tarball into ``folder``; raises :class:`UserError` for other bytes."""
    if base64.b64encode(hashlib.sha512(tarball).digest()).decode() != SHA512:
        raise UserError(
            f"this is not the npm tarball of onnxruntime-web {VERSION}: its SHA-512 differs; fetch it again"
        )
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        for name, inside in TAKEN.items():
            member = archive.extractfile(inside)
            assert member is not None
            found[name] = gzip.compress(member.read(), 9, mtime=0)
    for name, data in found.items():
        write_atomic(folder / f"{name}.gz", data)
    return found


def _cached() -> Path:
    return cache.folder() / f"onnxruntime-web-{VERSION}"


def _fetched() -> bytes:
    registry = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")
    name = f"onnxruntime-web-{VERSION}.tgz"
    url = f"{registry}/onnxruntime-web/-/{name}"
    LOG.info("fetching the browser's runtime once: %s", url)
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            data: bytes = answer.read()
    except OSError as error:
        raise UserError(
            f"cannot fetch {url} ({getattr(error, 'reason', error)}); get {name} on another machine, then: "
            f"python -m visavis.export.web.runtime {name}"
        ) from None
    return data


def _main() -> None:
    given, *into = (Path(word) for word in sys.argv[1:])
    unpack(given.read_bytes(), into[0] if into else _cached())


if __name__ == "__main__":
    _main()
