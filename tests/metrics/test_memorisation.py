"""Memorisation: copies are found, held-out images are not blamed."""

import math
from collections.abc import Callable

import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics.memorisation import (
    authentic,
    authenticity,
    data_copying,
    data_copying_null,
    exact_duplicates,
    mann_whitney_z,
    near_copies,
    pixel_hashes,
)

Normal = Callable[..., Tensor]


def test_authentic_by_hand() -> None:
    train = torch.tensor([[0.0], [1.0], [10.0]])  # nearest: 1, 1, 9
    generated = torch.tensor([[0.0], [-0.9], [-1.1], [18.0], [19.5], [2.0]])
    # at the very distance of the neighbour's neighbour (2.0 from 1.0) it is not authentic
    assert authentic(generated, train).tolist() == [False, False, True, False, True, False]


def test_copies_are_not_authentic_wherever_they_lie(normal: Normal) -> None:
    train = normal(200, 64) + 1000
    train[7] = train[8]  # the copied image has a duplicate in train
    found = authenticity(train[:100], train, normal(200, 64, 1) + 1000)
    assert found.value == 0
    assert found.held_out > 0.6


def test_authenticity_of_held_out_images_depends_on_the_dimension(normal: Normal) -> None:
    for d, expected in ((64, 0.816), (8, 0.566)):
        train, fresh, held_out = (normal(2000, d, seed) for seed in range(3))
        found = authenticity(fresh, train, held_out)
        assert_close(found.held_out, expected, rtol=0, atol=0.05)
        assert_close(found.value, found.held_out, rtol=0, atol=0.05)


def test_mann_whitney_is_scipys(normal: Normal) -> None:
    a, b = normal(40, 1)[:, 0], 1.5 * normal(70, 1, 1)[:, 0] + 0.3
    theirs = scipy.stats.mannwhitneyu(a, b)
    middle, deviation = 40 * 70 / 2, math.sqrt(40 * 70 * 111 / 12)
    assert_close(mann_whitney_z(a, b), float(theirs.statistic - middle) / deviation, rtol=1e-12, atol=0)
    assert_close(mann_whitney_z(b, a), -mann_whitney_z(a, b))
    ties = torch.tensor([1.0, 1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 2.0])
    u = float(scipy.stats.mannwhitneyu(*ties).statistic)
    assert_close(mann_whitney_z(*ties), (u - 6) / math.sqrt(12 * 8 / 12))


@pytest.mark.parametrize(("cells", "components"), [(1, None), (5, None), (1, 4), (5, 4)])
def test_data_copying(normal: Normal, cells: int, components: int | None) -> None:
    train, held_out, fresh = normal(1500, 8), normal(800, 8, 1), normal(800, 8, 2)
    settings = {"cells": cells, "components": components}
    null = data_copying(fresh, train, held_out, **settings)
    assert abs(null.z) < 4 and null.cells == cells
    assert abs(data_copying_null(train, held_out, **settings).z) < 4
    copies = data_copying(train[:800], train, held_out, **settings)
    assert copies.value < -10 and copies.z < -20
    half = data_copying(torch.cat([train[:400], fresh[400:]]), train, held_out, **settings)
    assert copies.z < half.z < -4
    if components is None:
        assert data_copying(1.2 * fresh, train, held_out, **settings).z > 4


def test_data_copying_of_copies_is_exact(normal: Normal) -> None:
    train, held_out = normal(1000, 4) + 500, normal(1000, 4, 1) + 500
    found = data_copying(train, train, held_out)
    assert_close(found.value, -38.72, rtol=0, atol=0.005)
    assert found.z == found.value


def test_z_is_standard_normal_in_cells(normal: Normal) -> None:
    found = torch.tensor(
        [
            data_copying(normal(300, 3, i), normal(300, 3, i + 100), normal(300, 3, i + 200), cells=6).z
            for i in range(60)
        ]
    )
    assert abs(float(found.mean())) < 0.7
    assert 0.7 < float(found.std()) < 1.5  # the same training images make the distances dependent


def test_cells_without_enough_images_are_left_out(normal: Normal) -> None:
    train = torch.cat([normal(100, 2), normal(100, 2, 1) + 100])
    held_out = torch.cat([normal(60, 2, 2), normal(60, 2, 3) + 100])
    found = data_copying(normal(60, 2, 4), train, held_out, cells=2)
    assert (found.cells, found.cells_asked) == (1, 2)
    with pytest.raises(UserError, match="no cell"):
        data_copying(normal(60, 2, 4), train, held_out, cells=2, least=61)


def test_one_copy_in_ten_is_flagged_and_held_out_images_are_not(normal: Normal) -> None:
    train, images = normal(1000, 16), normal(12_000, 16, 1)
    flagged = {"copies": 0, "held-out": 0}
    for draw in range(20):
        held_out, fresh = images[600 * draw : 600 * draw + 300], images[600 * draw + 300 : 600 * (draw + 1)]
        tenth = torch.cat([train[30 * draw : 30 * (draw + 1)], fresh[30:]])
        flagged["copies"] += near_copies(tenth, train, held_out).p < 1e-3
        flagged["held-out"] += near_copies(fresh, train, held_out).p < 1e-3
    assert flagged == {"copies": 20, "held-out": 0}


def test_near_copies_by_hand() -> None:
    train = torch.tensor([[0.0]])
    held_out = torch.arange(1.0, 10.0)[:, None]  # nine distances: 1 to 9
    generated = torch.tensor([[0.5], [2.0], [2.5], [50.0]])
    found = near_copies(generated, train, held_out, quantile=0.2)  # the second nearest: 2
    assert (found.value, found.threshold) == (0.5, 2.0)
    assert found.copies.tolist() == [True, True, False, False]
    assert_close(found.expected, 0.2)
    # two of four below the second of nine: at least two of the first three of thirteen are generated
    expected = scipy.stats.hypergeom(13, 4, 3).sf(1)
    assert_close(found.p, float(expected), rtol=1e-9, atol=0)


def test_p_of_near_copies_is_honest(normal: Normal) -> None:
    train = normal(200, 4)
    p = torch.tensor(
        [near_copies(normal(100, 4, i), train, normal(100, 4, i + 500), 0.05).p for i in range(1, 400)]
    )
    for level in (0.05, 0.2):
        share, error = float((p <= level).double().mean()), math.sqrt(level / 400)
        assert level / 4 < share < level + 3 * error
    assert near_copies(normal(100, 4) + 50, train, normal(100, 4, 1)).p == 1


def test_exact_duplicates() -> None:
    images = torch.randint(256, (50, 4, 4, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    off = images[30:32].clone()
    off[:, 0, 0, 0] ^= 1  # one grey level in one pixel
    generated = torch.cat([images[3:5], off, images[40:41], images[3:4]])
    found = exact_duplicates(generated, images, held_out=torch.cat([off, images[9:10]]))
    assert found.pairs == ((0, 3), (1, 4), (4, 40), (5, 3))
    assert (found.samples, found.repeats, found.held_out) == (6, 1, 1)
    assert_close(found.rate, 4 / 6)
    assert exact_duplicates(off, images).pairs == ()


def test_hashes_are_of_the_pixels_not_of_their_layout() -> None:
    images = torch.randint(256, (3, 4, 5, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    turned = images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert pixel_hashes(turned) == pixel_hashes(images)
    assert len(set(pixel_hashes(images))) == 3


def test_what_is_refused(normal: Normal) -> None:
    x = normal(30, 2)
    images = torch.zeros(2, 4, 4, 3, dtype=torch.uint8)
    for refused in (
        lambda: authentic(x, x[:1]),
        lambda: authentic(x, normal(30, 3)),
        lambda: near_copies(x, x, x, quantile=0),
        lambda: data_copying(x / 0, x, x),
        lambda: data_copying(x, x, normal(30, 3)),
        lambda: data_copying_null(x, x[:1]),
        lambda: pixel_hashes(images.float()),
        lambda: pixel_hashes(images[:0]),
        lambda: exact_duplicates(images, images[:, :2]),
    ):
        with pytest.raises(UserError):
            refused()
