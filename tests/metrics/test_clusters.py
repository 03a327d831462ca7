"""k-means against scikit-learn's; principal axes against its PCA."""

from collections.abc import Callable

import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics.clusters import kmeans, principal_axes

Normal = Callable[..., Tensor]


def inertia(x: Tensor, centres: Tensor) -> float:
    return float(torch.cdist(x, centres).square().min(1).values.sum())


def test_finds_separate_groups(normal: Normal) -> None:
    truth = torch.arange(5).repeat(40)
    x = normal(200, 3) + 50 * truth[:, None]
    cells = kmeans(x, 5, seed=1).of(x)
    assert len({(int(a), int(b)) for a, b in zip(truth, cells, strict=True)}) == 5


def test_as_tight_as_sklearn(normal: Normal) -> None:
    x = normal(600, 4)
    theirs = KMeans(20, n_init=1, init="k-means++", random_state=0).fit(x.numpy()).inertia_
    ours = [inertia(x, kmeans(x, 20, seed).centres) for seed in range(3)]
    assert all(0.93 < value / theirs < 1.07 for value in ours)


def test_centres_are_the_means_of_their_cells(normal: Normal) -> None:
    x = normal(300, 3)
    found = kmeans(x, 8)
    cells = found.of(x)
    for cell, centre in enumerate(found.centres):
        assert_close(centre, x[cells == cell].mean(0), rtol=1e-9, atol=1e-9)
    assert torch.equal(kmeans(x, 8).centres, found.centres)
    assert not torch.equal(kmeans(x, 8, seed=1).centres, found.centres)


def test_repeated_rows_and_as_many_cells_as_rows(normal: Normal) -> None:
    assert kmeans(torch.ones(10, 2), 4).centres.isfinite().all()
    x = normal(6, 2)
    for offset in (0, 1e8):  # far from 0, products of rows that differ by 1 are equal
        assert sorted(kmeans(x + offset, 6).of(x + offset).tolist()) == list(range(6))


def test_axes_are_sklearns(normal: Normal) -> None:
    x = normal(200, 5) @ normal(5, 5, 1)
    theirs = PCA(3).fit_transform(x.numpy())
    ours = principal_axes(x, 3).of(x)
    assert_close(ours.abs(), torch.from_numpy(theirs).abs(), rtol=1e-6, atol=1e-9)  # signs are free


def test_what_is_refused(normal: Normal) -> None:
    x = normal(5, 2)
    for k in (0, 6):
        with pytest.raises(UserError):
            kmeans(x, k)
    for components in (0, 3):
        with pytest.raises(UserError):
            principal_axes(x, components)


def test_random_starts_find_cells_that_rounding_of_the_features_does_not_move(normal: Normal) -> None:
    x = normal(3000, 8)
    moved = x + 1e-7 * normal(3000, 8, 1)
    one, other = (kmeans(features, 20, plus_plus=False) for features in (x, moved))
    assert (one.of(x) != other.of(moved)).double().mean() < 1e-3
    assert_close(one.centres, other.centres, rtol=0, atol=1e-2)
    assert len(one.of(x).unique()) == 20
