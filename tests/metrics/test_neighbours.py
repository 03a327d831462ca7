"""Nearest neighbours against scikit-learn, exact where distances tie."""

from collections.abc import Callable

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics.neighbours import among, chunks, direct, nearest, within

Normal = Callable[..., Tensor]


def test_equals_sklearn(normal: Normal) -> None:
    queries, points = normal(80, 6), normal(150, 6, 1)
    distances, indices = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(points).kneighbors(queries)
    for rows in (None, 1, 13, 80):
        found = nearest(queries, points, 4, rows=rows)
        assert_close(found.distances.numpy(), distances, rtol=1e-9, atol=0)
        assert (found.indices.numpy() == indices).all()


def test_results_are_the_same_bits_for_every_chunk(normal: Normal) -> None:
    x = torch.cat([normal(90, 33), normal(90, 33)[:30]]) + 100
    expected = among(x, 5)
    for rows in (1, 7, 64):
        found = among(x, 5, rows)
        assert torch.equal(found.squared, expected.squared)


def test_a_point_is_not_its_own_neighbour_but_its_duplicate_is(normal: Normal) -> None:
    x = 1000 + normal(40, 256)  # far from 0, the product form gives distance 0.01 or so to itself
    x[7] = x[3]
    found = among(x, 1)
    assert found.squared[3, 0] == 0 and found.squared[7, 0] == 0
    assert (found.indices[3, 0], found.indices[7, 0]) == (7, 3)
    others = torch.ones(40, dtype=torch.bool)
    others[[3, 7]] = False
    assert (found.squared[others] > 1).all()
    copies = nearest(x[:5].float(), x.float())
    assert (copies.squared == 0).all()


def test_more_duplicates_than_candidates() -> None:
    found = among(torch.full((50, 3), 0.1), 2)
    assert (found.squared == 0).all()
    assert (found.indices != torch.arange(50)[:, None]).all()


def test_rims_are_inside_whatever_the_rounding(normal: Normal) -> None:
    x = 1000 + normal(60, 128)
    limit = among(x, 3).squared[:, 2]  # the third neighbour of each lies on the rim
    for rows in (1, 11, 60):
        count = torch.zeros(60, dtype=torch.int64)
        for chunk in chunks(x, x, rows):
            count += within(chunk, limit, x, x).sum(0)
        assert (count == 4).all()  # itself and three neighbours
    below = torch.nextafter(limit, torch.zeros(()).double())
    for chunk in chunks(x, x):
        assert (within(chunk, below, x, x).sum(0) == 3).all()


def test_the_distances_are_within_their_tolerance(normal: Normal) -> None:
    x, y = 1e4 + normal(50, 300), 1e4 + normal(40, 300, 1)
    for chunk in chunks(x, y):
        exact = direct(x[chunk.rows, None], y)
        assert ((chunk.squared - exact).abs() <= chunk.tolerance).all()
        assert (chunk.tolerance < 1e-8 * exact.mean()).all()


def test_what_is_refused(normal: Normal) -> None:
    x = normal(5, 2)
    with pytest.raises(UserError, match="allowed: 1 to 4"):
        among(x, 5)
    with pytest.raises(UserError):
        nearest(x, x, 0)
    with pytest.raises(UserError, match="one extractor"):
        nearest(x, x[:, :1])
    with pytest.raises(UserError, match="rows"):
        nearest(x, x, rows=0)


def test_float32_decides_nothing(normal: Normal) -> None:
    x = torch.cat(
        [normal(400, 40), normal(1, 40).expand(60, -1) + 1e-5 * normal(60, 40, 1), 99 + normal(3, 40, 2)]
    )
    exact = (x[:, None] - x).square().sum(2)  # among the 60 and beside the far ones, float32 sees nothing
    own = exact.clone().fill_diagonal_(torch.inf)
    for rows in (None, 50):
        assert_close(among(x, 7, rows).squared, own.topk(7, largest=False).values, rtol=1e-9, atol=0)
    limit = own.topk(3, largest=False).values[:, 2]
    for chunk in chunks(x, x, 70, torch.float32):
        assert chunk.squared.dtype == torch.float32
        assert ((chunk.squared - exact[chunk.rows]).abs() <= chunk.tolerance).all()
        assert torch.equal(within(chunk, limit, x, x), exact[chunk.rows] <= limit)


def test_more_than_float32_holds(normal: Normal) -> None:
    x = 1e22 * normal(60, 8)
    exact = (x[:, None] - x).square().sum(2).fill_diagonal_(torch.inf)
    limit = exact.topk(3, largest=False).values[:, 2]
    assert_close(among(x, 3).squared[:, 2], limit, rtol=1e-9, atol=0)
    for chunk in chunks(x, x, dtype=torch.float32):
        assert (within(chunk, limit, x, x).sum(0) == 4).all()


def test_settings_of_the_process_do_not_reach_the_product(normal: Normal) -> None:
    x = normal(50, 64)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            (chunk,) = chunks(x, x, dtype=torch.float32)
    finally:
        torch.set_float32_matmul_precision(before)
    assert chunk.squared.dtype == torch.float32
    assert ((chunk.squared - direct(x[:, None], x)).abs() <= chunk.tolerance).all()
