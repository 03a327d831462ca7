import pytest
import torch

from visavis.models.translate.tiles import Cuts, cut, weights, whole


@pytest.mark.parametrize(
    ("side", "tile", "stride"),
    [
        (64, 64, 4),
        (65, 64, 4),
        (1000, 64, 4),
        (300, 256, 256),
        (511, 256, 256),
        (130, 128, 32),
        (9, 3, 1),
        (20, 64, 4),
    ],
)
def test_tiles_cover_the_side_and_overlap(side: int, tile: int, stride: int) -> None:
    cuts = cut(side, tile, stride)
    assert max(side, tile) <= cuts.length < max(side, tile) + stride
    assert cuts.starts[0] == 0 and cuts.starts[-1] + cuts.tile == cuts.length
    assert cuts.tile % stride == 0
    shared = [a + cuts.tile - b for a, b in zip(cuts.starts, cuts.starts[1:], strict=False)]
    assert all(pixels >= tile // 4 for pixels in shared)


def test_what_fits_is_one_tile_padded() -> None:
    assert cut(50, 64, 16) == whole(50, 16) == Cuts(64, 64, (0,))
    assert cut(40, 64, 16) == whole(40, 16, least=64) == Cuts(64, 64, (0,))
    assert whole(40, 16) == Cuts(48, 48, (0,)) and whole(257, 256) == Cuts(512, 512, (0,))


def test_tiles_begin_on_the_grid_of_the_stride_where_there_is_room() -> None:
    assert cut(201, 64, 8).starts == (0, 48, 96, 144) and cut(201, 64, 8).length == 208
    assert cut(300, 256, 256) == Cuts(300, 256, (0, 44))


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(("side", "tile"), [(64, 64), (150, 64), (1001, 32), (40, 16), (9, 3)])
def test_weights_sum_to_one(side: int, tile: int, scale: int) -> None:
    cuts = cut(side, tile, 1)
    total = torch.zeros(cuts.length * scale)
    for row, start in zip(weights(cuts, scale), cuts.starts, strict=True):
        assert (row >= 0).all()
        total[start * scale : (start + tile) * scale] += row
    torch.testing.assert_close(total, torch.ones_like(total))


def test_weights_by_hand() -> None:
    """An overlap of 4 with a margin of 1: two steps of a cosine, at a quarter and three quarters."""
    left, right = weights(Cuts(28, 16, (0, 12)))
    quarter = (1 - 2**-0.5) / 2
    torch.testing.assert_close(left[:12], torch.ones(12))
    torch.testing.assert_close(left[12:], torch.tensor([1, 1 - quarter, quarter, 0]))
    torch.testing.assert_close(right[:4], torch.tensor([0, quarter, 1 - quarter, 1]))
    torch.testing.assert_close(right[4:], torch.ones(12))
