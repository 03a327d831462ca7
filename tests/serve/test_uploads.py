"""Pictures that strangers send: what is packed small in them is not unpacked."""

import struct
import tracemalloc
import zlib

import pytest

from visavis.errors import UserError
from visavis.serve.limits import Limits
from visavis.serve.uploads import picture

LARGE = 50_000_000
PACKED = zlib.compress(bytes(LARGE), 9)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*extra: bytes) -> bytes:
    """A black picture of 8 times 8 with these chunks before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Comment\0\0" + PACKED),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + PACKED),
        chunk(b"iCCP", b"profile\0\0" + PACKED),
    ],
    ids=["zTXt", "iTXt", "iCCP"],
)
def test_text_and_profiles_that_inflate_are_not_unpacked(extra: bytes) -> None:
    assert picture(png(chunk(b"tEXt", b"Comment\0a")), "image", Limits()).size == (8, 8)
    sent = png(extra)
    assert len(sent) < LARGE / 500
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="'image' is no picture that can be read"):
            picture(sent, "image", Limits())
        assert tracemalloc.get_traced_memory()[1] < LARGE / 10
    finally:
        tracemalloc.stop()
