"""The attack: what is trained on the Fréchet distance of one representation gains there and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import generator_and_critic
from tiny import Cli
from torch import Tensor, nn

from visavis.data.digits import digits
from visavis.judge.evaluate import Options, evaluate
from visavis.judge.made import trained_in
from visavis.metrics.statistics import Moments
from visavis.models.snapshot import save_snapshot
from visavis.networks.classifier import load_digit_classifier

FLAT = f"{Path(__file__).parents[1] / 'flat_pixels.py'}:pixels"
BOTH = f"digitsr,{FLAT}"
N = 400
pytestmark = pytest.mark.xdist_group("several")
"""Its fixture takes long: once, in one of the test processes."""


def frechet(vectors: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """The Fréchet distance to moments, with a gradient (FD-loss): ``factor @ factor.T`` is the covariance."""
    centred = vectors - vectors.mean(0)
    covariance = centred.T @ centred / (len(vectors) - 1)
    roots = torch.linalg.eigvalsh(factor.T @ covariance @ factor).clamp(min=1e-10).sqrt()
    trace = covariance.diagonal().sum() + factor.square().sum() - 2 * roots.sum()
    return (vectors.mean(0) - mean).square().sum() + trace


class Shown(nn.Module):
    """A generator of N pictures: each is a fixed one, and what was learned to add to it."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.start, self.added = start, nn.Parameter(torch.zeros_like(start))

    def forward(self) -> Tensor:
        return (self.start + self.added).clamp(-1, 1)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Digits with noise, and what post-training on ``fd_digitsr`` made of them."""
    place = tmp_path_factory.mktemp("attack")
    network = load_digit_classifier()
    real = torch.from_numpy(digits("train")[0]).float().permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        moments = Moments.of(network.features(real).double())
    values, directions = torch.linalg.eigh(moments.covariance)
    factor = directions * values.clamp(min=0).sqrt()
    draws = torch.Generator().manual_seed(0)
    start = real[torch.randperm(len(real), generator=draws)[:N]]
    start = (start + 0.5 * torch.randn(start.shape, generator=draws)).clamp(-1, 1)
    made = Shown(start)
    optimiser = torch.optim.Adam(made.parameters(), 0.02)
    for _ in range(40):
        optimiser.zero_grad()
        frechet(network.features(made()).double(), moments.mean, factor).backward()
        optimiser.step()
    paths = place / "after.npz", place / "before.npz"
    for path, images in zip(paths, (made().detach(), start), strict=True):
        pixels = ((images + 1) * 127.5).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
        np.savez(path, images=pixels)
    return paths


def test_the_attacked_distance_falls_another_does_not_and_the_judge_says_so(
    attacked: tuple[Path, Path],
) -> None:
    after, before = attacked
    found = evaluate(after, Options(reference="digits", features=BOTH), before).result
    own, other = found["against"]["answers"]
    assert own["figure"] == "fd_digitsr" and own["better"] == "A" and own["a"] < own["b"] / 30
    assert other["a"] > 0.7 * other["b"]
    (gap,) = found["against"]["gaps"]
    assert gap["doubtful"] and gap["p"] < 0.01 and gap["gap"] > 0.6
    assert gap["interval"][0] < gap["gap"] < gap["interval"][1]
    assert "sees less than half, so A may have been tuned for fd_digitsr" in gap["text"]
    assert gap["text"] in found["warnings"]


def test_an_honest_gain_is_seen_by_both(tmp_path: Path) -> None:
    real = digits("test")[0][:N].astype(int)
    for name, amount in (("a", 20), ("b", 60)):
        noise = np.random.default_rng(amount).integers(-amount, amount + 1, real.shape)
        np.savez(tmp_path / f"{name}.npz", images=(real + noise).clip(0, 255).astype(np.uint8))
    options = Options(reference="digits", features=BOTH)
    found = evaluate(tmp_path / "a.npz", options, tmp_path / "b.npz").result
    assert [row["better"] for row in found["against"]["answers"]] == ["A", "A"]
    assert all(gain > 0.5 for gain in found["against"]["gaps"][0]["gains"])
    assert not any("tuned" in text for text in found["warnings"])
    same = evaluate(tmp_path / "a.npz", options, tmp_path / "a.npz").result["against"]["gaps"][0]
    assert not same["doubtful"] and same["gains"] == [0, 0] and "they agree" in same["text"]


def test_other_features_have_their_own_figures_nulls_and_record(tmp_path: Path, cli: Cli) -> None:
    np.savez(tmp_path / "real.npz", images=digits("test")[0][:100])
    done = cli("evaluate", tmp_path / "real.npz", "--reference", "digits", "--features", BOTH, "--json")
    (name,) = done.json["other_features"]
    more = done.json["other_features"][name]
    assert more["record"]["features"] == name and len(more["record"]["features_sha256"]) == 64
    figure = next(row for key, row in more.items() if key.startswith("fd_"))
    assert figure["interval"][0] < figure["value"] < figure["interval"][1] and figure["null"] is not None
    told = cli("evaluate", tmp_path / "real.npz", "--reference", "digits", "--features", BOTH).out
    assert "fd_digitsr" in told and f"swd_{name}" in told


@pytest.mark.parametrize(
    ("features", "told"),
    [("digitsr,none", "unknown features 'none'"), ("digitsr,digitsr", "names one of them twice")],
)
def test_features_that_are_not_there_are_told(cli: Cli, features: str, told: str) -> None:
    done = cli("evaluate", "digits", "--reference", "digits", "--features", features)
    assert done.status == 2 and told in done.err


def test_in_features_that_a_generator_was_trained_in_it_has_no_quality(tmp_path: Path) -> None:
    model = generator_and_critic()
    recipe = {**model.description.recipe, "objective": {"distance": {"features": "digitsr"}}}
    description = type(model.description)(**{**vars(model.description), "recipe": recipe})
    path = tmp_path / "snapshots" / "000000000005.safetensors"
    save_snapshot(path, model.networks, description)
    found = evaluate(tmp_path, Options(reference="digits", n=50)).result
    assert found["quality"]["value"] is None
    assert "no quality in digitsr, which the generator was trained in" in found["quality"]["why"]
    assert found["record"]["trained_in"] == ["digitsr"]
    assert any("every figure in them flatters it" in warning for warning in found["warnings"])
    elsewhere = evaluate(tmp_path, Options(reference="digits", n=50, features=FLAT)).result
    assert not any("flatters" in warning for warning in elsewhere["warnings"])


def test_features_are_found_however_deep_they_lie() -> None:
    assert trained_in(
        {"networks": {"D": {"branches": [{"features": "cifar10r"}]}, "G": {"features": 64}}}
    ) == {"cifar10r"}
    assert trained_in({"objective": {"features": "elsewhere"}, "watch": {"metric": "cifar10r"}}) == set()


def test_the_loss_of_the_attack_is_the_distance() -> None:
    from visavis.metrics.frechet import frechet_distance

    x, y = (
        torch.randn(50, 4, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in (0, 1)
    )
    moments = Moments.of(y)
    values, directions = torch.linalg.eigh(moments.covariance)
    found = frechet(x, moments.mean, directions * values.sqrt())
    assert float(found) == pytest.approx(frechet_distance(x, y).value, rel=1e-6)
