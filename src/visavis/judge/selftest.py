"""Every metric against a case whose answer is known, so that a figure can be believed on this machine.

Tolerances are about four deviations of the sampling noise at the N used, or rounding where nothing is random.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.metrics.bootstrap import mean_interval
from visavis.metrics.collapse import bins_that_differ, birthday, class_balance
from visavis.metrics.frechet import (
    Reference,
    expected_bias,
    frechet_distance,
    frechet_infinity,
    frechet_interval,
)
from visavis.metrics.image import ms_ssim, mse, psnr, ssim
from visavis.metrics.inception_score import inception_score
from visavis.metrics.kernel import kernel_distance
from visavis.metrics.manifold import manifold, null_coverage
from visavis.metrics.memorisation import authenticity, data_copying, exact_duplicates, near_copies
from visavis.metrics.modes import SAMPLES, gaussian_modes, mode_statistics, uniform_expectation
from visavis.metrics.neighbours import among
from visavis.metrics.sliced import sliced_distance
from visavis.metrics.statistics import Moments
from visavis.metrics.tables import seeded

Row = dict[str, str | float | bool]


class Check(NamedTuple):
    """One oracle: ``measured`` has to be within ``tolerance`` of ``expected``."""

    name: str
    expected: float
    measured: float
    tolerance: float

    def row(self) -> Row:
        """As JSON has it."""
        ok = abs(self.measured - self.expected) <= self.tolerance  # False for a NaN
        return {**self._asdict(), "ok": ok}


def selftest() -> list[Row]:
    """All oracles, as ``{"name", "expected", "measured", "tolerance", "ok"}``; some seconds on one core."""
    return [check.row() for oracle in ORACLES for check in oracle()]


def frechet_oracles() -> Iterator[Check]:
    """Bias of one distribution, closed forms, the low-rank form, the interval and the extrapolation."""
    d, identity = 64, torch.eye(64, dtype=torch.float64)
    for n, tolerance in ((2000, 0.12), (8000, 0.03)):
        generator = seeded(n)
        x, y = _normal(generator, n, d), _normal(generator, n, d)
        value = frechet_distance(x, y).value
        yield Check(f"fd bias, N(0, I), d 64, N {n}", expected_bias(identity, n, n), value, tolerance)
    x, y = _normal(seeded(0), 2000, d), _normal(seeded(1), 2000, d)
    moments = Moments.of(x)
    scaled = Moments.of(1.5 * x + 2.0)
    closed = float((0.5 * moments.mean + 2.0).square().sum() + 0.25 * moments.covariance.trace())
    yield Check("fd of x and 1.5 x + 2, closed form", closed, frechet_distance(scaled, moments).value, 1e-8)
    few = x[:50]
    full = frechet_distance(Moments.of(few), Moments.of(y[:40])).value
    yield Check("fd at N < d, low rank against moments", full, frechet_distance(few, y[:40]).value, 1e-5)
    collapsed = frechet_distance(x[:1].expand(2000, -1), y).value
    one = float((x[0] - y.mean(0)).square().sum() + y.var(0).sum())
    yield Check("fd of one image repeated, no NaN", one, collapsed, 1e-6)
    low, high, _ = frechet_interval(x, Reference.of(y), resamples=100)
    value = frechet_distance(x, y).value
    yield Check("fd interval holds the value", 1.0, float(low < value < high), 0)
    yield Check("fd at infinite N, one distribution", 0.0, frechet_infinity(x, y).value, 0.2)


def kernel_oracles() -> Iterator[Check]:
    """No bias for one distribution, and a case by hand."""
    generator = seeded(2)
    found = kernel_distance(_normal(generator, 2000, 64), _normal(generator, 2000, 64))
    yield Check("kd of one distribution, in its errors", 0.0, found.value / found.error, 4)
    x = torch.tensor([[1.0], [1.0], [1.0]])
    yield Check("kd by hand, 1 against 0: 8 + 1 - 2", 7.0, kernel_distance(x, 0 * x).value, 1e-12)


def sliced_oracles() -> Iterator[Check]:
    """Two normals, and what chance alone gives."""
    generator = seeded(9)
    x, y = _normal(generator, 4000, 8), _normal(generator, 4000, 8)
    yield Check("swd of N(0, I) and N(1, 4 I): 1 + 1", 2.0, sliced_distance(2 * x + 1, y).value, 0.1)
    uniform = torch.rand(2, 5000, 1, generator=generator)
    chance = sliced_distance(*uniform).value * 5000
    yield Check("swd of one uniform distribution, times N: 1/3 on average", 1 / 3, chance, 0.7)


def inception_oracles() -> Iterator[Check]:
    """K sure classes score K, an unsure classifier 1; sorted by class or not."""
    sure = torch.eye(10).repeat_interleave(1000, 0)
    yield Check("is of ten sure classes, sorted", 10.0, inception_score(sure, "oracle").value, 0.1)
    unsure = torch.full((1000, 10), 0.1)
    yield Check("is of no idea", 1.0, inception_score(unsure, "oracle").value, 1e-6)


def manifold_oracles() -> Iterator[Check]:
    """One distribution, and a generator collapsed to one real image that is in no other's ball."""
    n, d, k = 2000, 64, 5
    generator = seeded(3)
    generated, real = _normal(generator, n, d), _normal(generator, n, d)
    null = manifold(generated, real)
    yield Check("precision of one distribution, d 64, N 2000", 0.614, null.precision, 0.06)
    yield Check("recall of one distribution, d 64, N 2000", 0.614, null.recall, 0.06)
    yield Check("density of one distribution", 1.0, null.density, 0.15)
    yield Check("coverage of one distribution", null_coverage(n, n, k), null.coverage, 0.02)
    alone = torch.bincount(among(real, k).indices.flatten(), minlength=n).argmin()
    one = manifold(real[alone].expand(n, -1), real)
    yield Check("precision, collapsed to a real image", 1.0, one.precision, 0)
    yield Check("recall, collapsed to a real image", 1 / n, one.recall, 0)
    yield Check("density, collapsed to a real image", 1 / k, one.density, 1e-12)
    yield Check("coverage, collapsed to a real image", 1 / n, one.coverage, 1e-12)


def mode_oracles() -> Iterator[Check]:
    """The true sampler of 25 Gaussians, and a uniform one of the thousand stacked digits."""
    generator = seeded(4)
    grid = 2 * torch.cartesian_prod(torch.arange(-2.0, 3), torch.arange(-2.0, 3))
    n, runs = 2500, 16
    many = grid[torch.randint(25, (runs * n,), generator=generator)] + 0.05 * _normal(generator, runs * n, 2)
    every = [gaussian_modes(points) for points in many.chunk(runs)]
    found, good = every[0], 1 - math.exp(-4.5)
    yield Check("25 gaussians, modes", 25, found.modes, 0)
    tolerance = 4 * math.sqrt(good * (1 - good) / n)
    yield Check("25 gaussians, high quality", good, found.high_quality, tolerance)
    kl = sum(one.reverse_kl for one in every) / runs
    tolerance = 4 * math.sqrt(48 / runs) / (2 * n)
    yield Check("25 gaussians, reverse KL, mean of 16", 24 / (2 * n), kl, tolerance)
    labels = torch.randint(1000, (SAMPLES,), generator=generator)
    modes, kl, _ = mode_statistics(labels, 1000)
    yield Check("stacked digits, uniform sampler, modes", 1000, modes, 0)
    yield Check("stacked digits, uniform sampler, KL", uniform_expectation(SAMPLES, 1000)[1], kl, 0.0035)


def collapse_oracles() -> Iterator[Check]:
    """The birthday chances, bins that differ by chance, one class left out."""
    for support, batch in ((365, 23), (1000, 38)):
        images = torch.randint(support, (4000, 1), generator=seeded(support))
        found = birthday(images, trials=4000)
        due = 1 - math.prod(1 - i / support for i in range(batch))
        yield Check(f"birthday, support {support}, batch {batch}", due, found.chance(batch), 0.035)
        yield Check(f"birthday, support of {support}", support, found.support or math.inf, support / 10)
    generator = seeded(5)
    runs = [
        bins_that_differ(_normal(generator, 4000, 8), _normal(generator, 4000, 8), seed=seed)
        for seed in range(4)
    ]
    yield Check("ndb of one distribution, of 100 bins", 4.2, sum(run.bins for run in runs) / 4, 4 * 1.6 / 2)
    js = sum(run.js for run in runs) / 4
    yield Check("js of one distribution", runs[0].js_null, js, runs[0].js_null * 4 * math.sqrt(2 / 99) / 2)
    labels = torch.arange(1000) % 10
    verdicts = class_balance(labels[labels != 3], labels, [str(i) for i in range(10)])
    missing = [share.name for share in verdicts if share.verdict != "present"]
    yield Check("classes, the one left out", 3, float("".join(missing) or -1), 0)


def memorisation_oracles() -> Iterator[Check]:
    """Copies, originals and a stretched generator, beside held-out images."""
    for d, due in ((64, 0.816), (8, 0.566)):
        generator = seeded(d)
        train, other = _normal(generator, 2000, d), _normal(generator, 2000, d)
        found = authenticity(train, train, other)
        yield Check(f"authenticity of copies, d {d}", 0.0, found.value, 0)
        yield Check(f"authenticity of held-out images, d {d}", due, found.held_out, 0.05)
    generator, n = seeded(6), 1000
    train, held_out, fresh = (_normal(generator, size, 8) for size in (2000, n, n))
    sigma = math.sqrt(n * n * (2 * n + 1) / 12)
    originals = data_copying(fresh, train, held_out).value
    yield Check("c_t of originals", 0.0, originals, 4)
    everything = data_copying(train[:n], train, held_out).value
    yield Check("c_t of copies", -n * n / 2 / sigma, everything, 1e-9)
    tenth = torch.cat([train[: n // 10], fresh[n // 10 :]])
    value = data_copying(tenth, train, held_out).value
    due = -0.1 * n * n / 2 / sigma
    yield Check("c_t of one copy in ten, less that of originals", due, value - originals, 1)
    stretched = data_copying(1.2 * fresh, train, held_out).value
    yield Check("c_t of a stretched generator: above 4", 1.0, float(stretched > 4), 0)
    near = near_copies(tenth, train, held_out)
    yield Check("near copies, one copy in ten", 0.9 * near.expected + 0.1, near.value, 0.02)
    yield Check("near copies of originals, p above 0.001", 1.0, float(_p(fresh, train, held_out) > 1e-3), 0)
    images = torch.arange(20 * 12, dtype=torch.int64).to(torch.uint8).view(20, 2, 2, 3)
    pairs = exact_duplicates(images[:4], images[2:]).pairs
    yield Check("exact duplicates", 2, len(pairs), 0)


def image_oracles() -> Iterator[Check]:
    """Equal images, and a constant error whose figures follow by hand."""
    x = torch.randint(0, 200, (2, 3, 176, 176), generator=seeded(7)).to(torch.uint8)
    y = x + 51  # a fifth of the range
    yield Check("mse of a fifth of the range", 0.04, float(mse(x, y).mean()), 1e-12)
    yield Check("psnr of a fifth of the range", -10 * math.log10(0.04), float(psnr(x, y).mean()), 1e-9)
    flat = torch.full((1, 1, 16, 16), 51, dtype=torch.uint8)
    by_hand = (2 * 0.2 * 0.4 + 1e-4) / (0.2**2 + 0.4**2 + 1e-4)
    yield Check("ssim of two flat images", by_hand, float(ssim(flat, 2 * flat)), 1e-9)
    yield Check("ms-ssim of equal images", 1.0, float(ms_ssim(x, x).mean()), 1e-9)


def bootstrap_oracles() -> Iterator[Check]:
    """The interval of a mean against the normal one."""
    values = _normal(seeded(8), 1000, 1)[:, 0]
    low, high, _ = mean_interval(values, resamples=2000)
    width = 2 * 1.96 * float(values.std()) / math.sqrt(1000)
    yield Check("bootstrap interval of a mean, width", width, high - low, width / 10)


ORACLES: tuple[Callable[[], Iterator[Check]], ...] = (
    frechet_oracles,
    kernel_oracles,
    sliced_oracles,
    inception_oracles,
    manifold_oracles,
    mode_oracles,
    collapse_oracles,
    memorisation_oracles,
    image_oracles,
    bootstrap_oracles,
)


def _normal(generator: torch.Generator, n: int, d: int) -> Tensor:
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def _p(generated: Tensor, train: Tensor, held_out: Tensor) -> float:
    return near_copies(generated, train, held_out).p
