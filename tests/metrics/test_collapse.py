"""Collapse: samplers whose support is known, and what must not be called collapse."""

import math
from collections.abc import Callable
from statistics import median

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.metrics import neighbours
from visavis.metrics.clusters import kmeans
from visavis.metrics.collapse import (
    bins_that_differ,
    birthday,
    class_balance,
    class_diversity,
    closest_pairs,
    duplicate_threshold,
    jensen_shannon,
)
from visavis.metrics.neighbours import among

Normal = Callable[..., Tensor]


def drawn(support: int, n: int, seed: int = 0) -> Tensor:
    return torch.randint(support, (n, 1), generator=torch.Generator().manual_seed(seed)).double()


def test_closest_pairs(normal: Normal) -> None:
    x = normal(60, 8)
    x[20] = x[50]
    x[31] = x[11] + 1e-3
    found = closest_pairs(among(x), 4)
    assert found.indices[:2].tolist() == [[20, 50], [11, 31]]
    assert_close(found.distances[:2], torch.tensor([0, 1e-3 * math.sqrt(8)], dtype=torch.float64))
    every = torch.pdist(x).sort().values
    assert_close(found.distances, every[:4], rtol=1e-9, atol=1e-12)


def test_birthday_of_an_even_support() -> None:
    runs = [birthday(drawn(200, 1500, seed), trials=300, seed=seed) for seed in range(6)]
    chance = 1 - math.prod(1 - i / 200 for i in range(17))
    assert_close(sum(run.chance(17) for run in runs) / 6, chance, rtol=0, atol=0.06)
    assert_close(sum(run.support or 0 for run in runs) / 6, 200.0, rtol=0.03, atol=0)
    halves = [run.half or 0 for run in runs]
    assert abs(median(halves) - math.sqrt(2 * 200 * math.log(2))) <= 2
    assert all(run.support_at_least < (run.support or 0) < 1.2 * run.support_at_least for run in runs)


def test_birthday_by_hand() -> None:
    found = birthday(torch.tensor([[0.0], [1.0], [5.0], [1.5]]), threshold=0.5, trials=6000)
    assert found.duplicates == 1  # 1.0 and 1.5 only, the rim included
    assert_close(found.collision_rate, 1 / 6)
    # both of one pair are among 2 of 4 with chance 1/6, among 3 of 4 with 1/2
    assert_close(found.chance(2), 1 / 6, rtol=0, atol=0.02)
    assert_close(found.chance(3), 1 / 2, rtol=0, atol=0.03)
    assert found.chance(4) == 1 and found.half in (3, 4)


def test_birthday_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = drawn(20, 90)
    expected = birthday(x, trials=50)
    assert expected.duplicates == int((torch.pdist(x) == 0).sum())
    monkeypatch.setattr(neighbours, "BYTES", 8 * 90 * 7)  # seven rows at a time
    found = birthday(x, trials=50)
    assert found.duplicates == expected.duplicates and torch.equal(found.first, expected.first)


def test_birthday_without_a_duplicate(normal: Normal) -> None:
    found = birthday(normal(100, 4), trials=10)
    assert (found.duplicates, found.half, found.support) == (0, None, None)
    assert found.chance(100) == 0
    assert_close(found.support_at_least, 4950 / 3)


def test_birthday_of_a_collapsed_generator_in_bounded_memory() -> None:
    found = birthday(torch.zeros(900, 3), trials=20, most=5_000)
    assert found.samples < 101
    assert (found.half, found.support, found.chance(2)) == (2, 1.0, 1.0)


def test_threshold_is_a_quantile_of_nearest_distances() -> None:
    real = among(torch.tensor([[0.0], [1.0], [3.0], [7.0]]))  # nearest: 1, 1, 2, 4
    assert [duplicate_threshold(real, q) for q in (0, 1)] == [1.0, 4.0]
    assert_close(duplicate_threshold(real, 0.5), 1.5)


def test_bins_of_one_distribution_and_of_another(normal: Normal) -> None:
    train = normal(2000, 6)
    cells = kmeans(train, 50)
    null = bins_that_differ(normal(2000, 6, 1), train, cells)
    assert null.cells == 50 and int(null.made.sum()) == int(null.trained.sum()) == 2000
    assert null.bins <= 8  # binomial(50, 0.05): above with chance 0.0008
    assert_close(null.js_null, 49 / 8 / 1000)
    assert 0.5 < null.js / null.js_null < 1.7
    shifted = bins_that_differ(normal(2000, 6, 1) + 0.5, train, cells)
    assert shifted.bins > 20 and shifted.js > 3 * null.js
    one = bins_that_differ(train[:1].expand(2000, -1), train, cells)
    assert one.bins >= 45 and one.js > 0.6
    assert bins_that_differ(train, train, 50).bins == 0


def test_the_z_test_of_bins_by_hand() -> None:
    # of 100: 50 against 64 gives z = -2.0, 50 against 63 z = -1.85
    line = kmeans(torch.tensor([[0.0], [1.0]]), 2)
    for count, differs in ((64, 2), (63, 0)):
        made = (torch.arange(100) < 50).double()[:, None]
        train = (torch.arange(100) < count).double()[:, None]
        assert bins_that_differ(made, train, line).bins == differs


def test_jensen_shannon_is_scipys() -> None:
    a, b = torch.tensor([3, 0, 5, 2]), torch.tensor([1, 4, 5, 0])
    assert_close(jensen_shannon(a, b), float(jensenshannon(a, b) ** 2), rtol=1e-9, atol=0)
    assert jensen_shannon(a, 7 * a) == 0
    assert_close(jensen_shannon(torch.tensor([1, 0]), torch.tensor([0, 1])), math.log(2))


def test_classes_by_name() -> None:
    real = torch.arange(5).repeat(100)
    counts = torch.tensor([200, 0, 30, 120, 150])
    made = torch.arange(5).repeat_interleave(counts)
    shares = class_balance(made, real, list("abcde"))
    assert [share.verdict for share in shares] == ["present", "missing", "thinned", "present", "present"]
    assert [share.images for share in shares] == counts.tolist()
    assert_close(shares[2].share, 30 / 500)
    assert_close(shares[2].share_real, 0.2)
    many, fewer = torch.arange(2).repeat(5000), torch.tensor([0] * 4000 + [1] * 6000)
    some = class_balance(fewer, many, "ab")  # no chance, but no collapse either
    assert some[0].p < 1e-9 and some[0].verdict == "present"
    even = class_balance(real.flip(0), real, list("abcde"))
    assert {share.verdict for share in even} == {"present"} and even[0].p == 0.5


def test_chance_is_not_called_collapse() -> None:
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        made, real = (torch.randint(10, (200,), generator=generator) for _ in range(2))
        verdicts = {share.verdict for share in class_balance(made, real, list("abcdefghij"))}
        assert verdicts == {"present"}
    few = class_balance(torch.tensor([0]), torch.tensor([0, 1]), ["a", "b"])
    assert [share.verdict for share in few] == ["unknown", "unknown"]


def test_a_class_that_repeats_itself(normal: Normal) -> None:
    labels = torch.arange(3).repeat_interleave(100)
    real, made = normal(300, 6), normal(300, 6, 1)
    made[100:200] = made[100]  # the class b is one image
    made[200:300] = made[200:210].repeat(10, 1)  # c is ten images, as far apart as real ones
    found = class_diversity(made, labels, real, labels, "abc")
    assert [one.name for one in found] == ["a", "b", "c"]
    assert_close(found[0].spread, 1.0, rtol=0, atol=0.1)
    assert_close(found[0].gap, 1.0, rtol=0, atol=0.1)
    assert found[1].spread < 1e-6 and found[1].gap == 0
    assert found[2].spread > 0.75 and found[2].gap == 0
    shrunk = class_diversity(0.5 * real, labels, real, labels, "abc")
    for one in shrunk:
        assert_close((one.spread, one.gap), (0.5, 0.5))


def test_diversity_is_the_mean_distance(normal: Normal) -> None:
    real, made = normal(30, 4), 2 * normal(30, 4, 1)
    labels = torch.zeros(30, dtype=torch.int64)
    expected = float(torch.pdist(made).mean() / torch.pdist(real).mean())
    assert_close(class_diversity(made, labels, real, labels, ["a"])[0].spread, expected, rtol=1e-6, atol=0)


def test_as_many_images_of_both_are_compared(normal: Normal) -> None:
    real, made = normal(1500, 3), normal(100, 3, 1)
    a, b = torch.zeros(100, dtype=torch.int64), torch.zeros(1500, dtype=torch.int64)
    (found,) = class_diversity(made, a, real, b, ["a"])
    assert found.images == 100
    assert 0.8 < found.gap < 1.25  # of all 1500 the gap is 0.4 times as large
    assert class_diversity(made[:1], a[:1], real, b, ["a"]) == []


def test_what_is_refused(normal: Normal) -> None:
    x = normal(9, 2)
    for refused in (
        lambda: birthday(x, -1),
        lambda: birthday(x, trials=0),
        lambda: birthday(x[:1]),
        lambda: birthday(x, trials=1).chance(10),
        lambda: duplicate_threshold(among(x), 1.5),
        lambda: bins_that_differ(x, x, 10),
        lambda: closest_pairs(among(x), 0),
        lambda: class_balance(torch.tensor([3]), torch.tensor([0]), "abc"),
        lambda: class_balance(torch.tensor([0.5]), torch.tensor([0]), "abc"),
    ):
        with pytest.raises(UserError):
            refused()
