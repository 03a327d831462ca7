from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import visavis
from visavis.core import Shape
from visavis.errors import UserError
from visavis.models.generator import latents
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.paths import lerp, slerp
from visavis.networks import (
    BigGANGenerator,
    DCGANGenerator,
    GeneratorConfig,
    StyleGAN2Generator,
    UpsamplingGenerator,
)


@pytest.fixture
def model(digits_run: Path) -> Model:
    return visavis.load(digits_run)


def test_pictures(model: Model) -> None:
    pictures = model.sample(16, label="3", seed=0)
    assert len(pictures) == 16 and all(isinstance(picture, Image.Image) for picture in pictures)
    assert pictures[0].size == (8, 8) and pictures[0].mode == "L"
    again = model.sample(16, label=3, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, again, strict=True))
    assert not np.array_equal(pictures[0], model.sample(1, label="3", seed=1)[0])
    assert not np.array_equal(pictures[0], model.sample(1, label="4", seed=0)[0])
    for label in ("cat", 10):
        with pytest.raises(UserError, match="unknown label"):
            model.sample(1, label=label)
    with pytest.raises(UserError, match="1 or more"):
        model.sample(0)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 130])
def test_an_image_is_the_same_whatever_batch_it_is_made_in(n: int, model: Model) -> None:
    many = model.pixels(140, seed=5).astype(int)
    assert np.abs(model.pixels(n, seed=5).astype(int) - many[:n]).max() <= 1


def test_latents_of_an_image_are_its_own() -> None:
    assert torch.equal(latents(1, 0, 10, 4)[7:], latents(1, 7, 3, 4))
    assert not torch.equal(latents(1, 0, 1, 4), latents(2, 0, 1, 4))
    drawn = latents(0, 0, 2000, 4)
    assert abs(drawn.mean()) < 0.05 and abs(drawn.std() - 1) < 0.05


def test_the_global_generator_is_left_alone(model: Model) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    model.pixels(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds(model: Model) -> None:
    """The first image of each seed."""
    made = model.seeds([4, 9], None)
    assert np.abs(made[1:].astype(int) - model.pixels(1, seed=9)).max() <= 1


def test_slerp_goes_along_the_circle() -> None:
    a, b, t = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), torch.tensor([[0.0], [1 / 3], [0.5], [1.0]])
    expected = 2 * torch.tensor([[1.0, 0.0], [3**0.5 / 2, 0.5], [0.5**0.5, 0.5**0.5], [0.0, 1.0]])
    torch.testing.assert_close(slerp(a, b, t), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(lerp(a, b, t)[2], torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(slerp(a, a, t), a.expand(4, 2), rtol=1e-3, atol=1e-3)


def test_interpolation_ends_at_the_images_of_its_latents(model: Model) -> None:
    walks = model.interpolate(rows=2, steps=5, label="3", seed=2).reshape(2, 5, 8, 8, 1).astype(int)
    ends = model.pixels(4, "3", seed=2).astype(int).reshape(2, 2, 8, 8, 1)
    assert np.abs(walks[:, [0, -1]] - ends).max() <= 1
    with pytest.raises(UserError, match="2 or more"):
        model.interpolate(rows=1, steps=1)


def test_a_morph_begins_and_ends_at_the_samples_of_both_classes(model: Model) -> None:
    morph = model.morph("3", 5, rows=3, steps=4, seed=2).reshape(3, 4, 8, 8, 1).astype(int)
    for end, label in ((0, "3"), (-1, "5")):
        assert np.abs(morph[:, end] - model.pixels(3, label, seed=2)).max() <= 1
    assert not np.array_equal(morph[:, 1], morph[:, 0]) and not np.array_equal(morph[:, 1], morph[:, -1])
    with pytest.raises(UserError, match="unknown label 'x'"):
        model.morph("3", "x")
    with pytest.raises(UserError, match="2 or more"):
        model.morph("3", "5", steps=1)


@pytest.mark.parametrize(
    "config",
    [
        DCGANGenerator(width=4, widest=8, z_dim=3, conditioning="norm"),
        BigGANGenerator(width=4, z_dim=6, class_dim=3),
        StyleGAN2Generator(width=4, widest=8, z_dim=5, w_dim=5, mapping=1),
    ],
    ids=lambda config: str(config.kind),
)
def test_classes_that_are_in_the_norms_or_in_w_morph_too(model: Model, config: GeneratorConfig) -> None:
    torch.manual_seed(0)
    net = config.build(Shape(1, 8), 10)
    with torch.no_grad():
        for parameter in net.parameters():  # gains of norms begin at 1 for every class
            parameter.add_(0.3 * torch.randn_like(parameter))
    other = model_of({"G": net}, model.description)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    morph = other.morph("1", "8", rows=2, steps=3).reshape(2, 3, 8, 8, 1).astype(int)
    ends = [other.pixels(2, label).astype(int) for label in ("1", "8")]
    assert np.abs(ends[0] - ends[1]).max() > 3
    assert np.abs(morph[:, 0] - ends[0]).max() <= 1 and np.abs(morph[:, 2] - ends[1]).max() <= 1
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_class_that_is_a_number_does_not_morph(model: Model) -> None:
    net = UpsamplingGenerator(widths=(4, 4, 4, 4, 4), conditioning="number").build(Shape(1, 8), 10)
    with pytest.raises(UserError, match="no embedding of its classes"):
        model_of({"G": net}, model.description).morph("1", "8")


def test_truncation_draws_to_the_mean_and_is_over_afterwards(model: Model) -> None:
    torch.manual_seed(0)
    net = StyleGAN2Generator(width=4, widest=8, z_dim=5, w_dim=5, mapping=1).build(Shape(1, 8), 10)
    net.w_mean.normal_()
    styled = model_of({"G": net}, model.description)
    whole = styled.pixels(6, "3")
    assert np.array_equal(styled.pixels(6, "3", truncation=1.0), whole)
    mean = styled.pixels(6, "3", truncation=0.0)
    assert (mean == mean[0]).all() and not (whole == whole[0]).all()
    half = np.asarray([np.asarray(picture) for picture in styled.sample(6, "3", truncation=0.5)])
    assert not np.array_equal(half[..., None], whole) and not np.array_equal(half[..., None], mean)
    assert np.array_equal(styled.seeds([0, 1], "3", truncation=0.0), mean[:2])
    assert np.array_equal(styled.pixels(6, "3"), whole)
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(UserError, match=r"--truncation .* \(allowed: 0"):
            styled.sample(1, truncation=wrong)
    with pytest.raises(UserError, match="no mapping network"):
        model.sample(1, truncation=0.5)


def test_compare_takes_pictures_and_paths(model: Model, tmp_path: Path) -> None:
    a, b = (Image.fromarray(np.full((20, 30, 3), level, np.uint8)) for level in (40, 200))
    a.save(tmp_path / "a.png")
    found = model.compare(a, b)
    assert found.kind == "margin" and found.value == -model.compare(b, a).value != 0
    assert model.compare(tmp_path / "a.png", b) == found == model.compare(str(tmp_path / "a.png"), b)
    assert model.compare(a, a.copy()).value == 0


def test_a_conditional_critic_without_a_label_gives_the_mean_over_classes(model: Model) -> None:
    a, b = model.sample(2, seed=3)
    each = [model.compare(a, b, label=str(label)).value for label in range(10)]
    assert model.compare(a, b).value == pytest.approx(np.mean(each), abs=1e-5)
    assert np.std(each) > 0


def test_a_snapshot_without_a_critic_does_not_compare(model: Model) -> None:
    alone = model_of({"G": model.networks["G"]}, model.description)
    with pytest.raises(UserError, match="no critic"):
        alone.compare(*alone.sample(2))


def test_a_device_that_is_not_here(digits_run: Path) -> None:
    for device in ("x", "cpu:1", "cuda:x", "cuda:99"):
        with pytest.raises(UserError, match=f"device '{device}'"):
            visavis.load(digits_run, device=device)
    assert visavis.load(digits_run, device="auto").device.type in ("cpu", "cuda", "mps")


def test_pictures_are_for_autoencoders_before_any_is_read(model: Model, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    for ask in (
        lambda: model.reconstruct([missing]),
        lambda: model.reconstruct(str(missing)),
        lambda: model.between(missing, missing),
        lambda: model.traverse(missing),
    ):
        with pytest.raises(UserError, match=r"cannot reconstruct \(it can: sample, compare\)"):
            ask()
