import io

import numpy as np
import pytest
from PIL import Image

from visavis.data.encoded import Encoded
from visavis.data.survey import survey


def encoded(*pictures: bytes) -> Encoded:
    return Encoded(lambda row: pictures[row], lambda row: f"row {row}", np.arange(len(pictures)))


def file(mode: str, form: str = "PNG", size: tuple[int, int] = (6, 4)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 1).save(buffer, form)
    return buffer.getvalue()


def grey_palette(colour: tuple[int, int, int]) -> bytes:
    image = Image.new("P", (4, 4))
    image.putpalette([7, 7, 7, *colour])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_formats_sizes_and_what_is_no_picture() -> None:
    found = survey(encoded(file("RGB"), file("L", "JPEG", (3, 9)), b"none", file("RGB", "BMP")), "a")
    assert found.counts == {"PNG": 1, "JPEG": 1, "BMP": 1}
    assert found.sizes.tolist() == [[6, 4], [3, 9], [0, 0], [6, 4]]
    assert found.grey.tolist() == [False, True, True, False] and not found.all_grey


@pytest.mark.parametrize(
    ("data", "grey"),
    [
        *((file(mode), True) for mode in ("1", "L", "LA", "I;16")),
        *((file(mode), False) for mode in ("RGB", "RGBA")),
        *((file(mode, "JPEG"), mode == "L") for mode in ("L", "RGB", "CMYK")),
        (grey_palette((200, 200, 200)), True),
        (grey_palette((200, 200, 201)), False),
    ],
)
def test_grey_by_mode_or_palette(data: bytes, grey: bool) -> None:
    assert survey(encoded(data), "a").all_grey == grey


def test_no_picture_at_all_is_not_grey() -> None:
    assert not survey(encoded(b"", b"x"), "a").all_grey


def test_remembered_by_digest() -> None:
    assert survey(encoded(file("L")), "a").all_grey
    assert survey(encoded(file("RGB")), "a").all_grey  # as remembered
    assert not survey(encoded(file("RGB")), "b").all_grey
