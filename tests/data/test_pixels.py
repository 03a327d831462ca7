import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from visavis.data.pixels import to_float, to_pil, to_uint8
from visavis.errors import UserError


def test_round_trip_of_every_grey_level() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    x = to_float(levels)
    assert x.dtype == torch.float32
    assert_close(x[[0, 255]], torch.tensor([-1.0, 1.0]))
    assert torch.equal(to_uint8(x), levels)
    assert torch.equal(to_uint8(x.double()), levels)


def test_rounds_and_clamps() -> None:
    x = torch.tensor([-7.0, -1 + 0.6 / 127.5, -1 + 1.4 / 127.5, 1 - 0.6 / 127.5, 7.0])
    assert to_uint8(x).tolist() == [0, 1, 1, 254, 255]


def test_to_pil() -> None:
    x = torch.full((2, 3, 4, 5), -1.0)
    x[:, 0] = 1
    pictures = to_pil(x.requires_grad_())
    assert len(pictures) == 2 and pictures[0].mode == "RGB" and pictures[0].size == (5, 4)
    assert pictures[0].getpixel((0, 0)) == (255, 0, 0)
    assert to_pil(torch.zeros(1, 1, 2, 2))[0].mode == "L"
    with pytest.raises(UserError, match="2 channels"):
        to_pil(torch.zeros(1, 2, 2, 2))


def test_importing_the_room_is_light() -> None:
    code = "import sys, visavis.data, visavis.data.pixels; print({'datasets', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
