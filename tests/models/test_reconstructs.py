"""Encode, reconstruct, interpolate between pictures, traverse: with a trained and with untrained models."""

from pathlib import Path

import pytest
import torch

from visavis.core import Shape
from visavis.data import DataConfig, load_images
from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.losses.latent import kl_to_standard
from visavis.models.autoencoder import decode, encode, interpolate, posterior, reconstruct, traverse
from visavis.models.load import model_of
from visavis.models.model import Model, pictures
from visavis.models.snapshot import Description
from visavis.networks import ConvDecoder, ConvEncoder, build

SIZES = {"z_dim": 12, "widths": (8, 6), "base": 2}


def make_model(classes: int = 0) -> Model:
    torch.manual_seed(0)
    configs = {"E": ConvEncoder(**SIZES), "G": ConvDecoder(**SIZES)}
    names = tuple(str(i) for i in range(classes))
    about = Description(
        {name: config.model_dump() for name, config in configs.items()},
        Shape(1, 8),
        names,
        bool(classes),
        0,
        {},
        "test",
        task="reconstruct",
    )
    return model_of(build(configs, about.shape, classes), about)


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.from_numpy(load_images(DataConfig(source="digits")).images[:70].copy())


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    """To one grey level, which rounding may cost."""
    return a.shape == b.shape and (a.int() - b.int()).abs().max() <= 1


def test_encode_gives_the_means_whatever_the_batch(pixels: torch.Tensor) -> None:
    model = make_model()
    mean, log_variance = posterior(model, pixels)
    with torch.no_grad():
        expected = model.networks["E"](to_float(pixels[66:]).permute(0, 3, 1, 2))
    torch.testing.assert_close(mean[66:], expected[0])
    torch.testing.assert_close(log_variance[66:], expected[1])
    assert torch.equal(encode(model, pixels), mean)
    assert not mean.requires_grad


def test_reconstruct_decodes_the_means(pixels: torch.Tensor) -> None:
    model = make_model()
    made = reconstruct(model, pixels)
    assert made.dtype == torch.uint8 and made.shape == pixels.shape
    assert torch.equal(made, decode(model, encode(model, pixels)))
    assert close(reconstruct(model, pixels[5:6]), made[5:6])


@pytest.mark.parametrize("linear", [False, True])
def test_interpolation_ends_at_the_reconstructions(pixels: torch.Tensor, linear: bool) -> None:
    model = make_model()
    walk = interpolate(model, pixels[0], pixels[1], steps=5, linear=linear)
    assert walk.shape == (5, 8, 8, 1)
    assert close(walk[[0, -1]], reconstruct(model, pixels[:2]))
    if linear:
        middle = encode(model, pixels[:2]).mean(0, keepdim=True)
        assert close(walk[2:3], decode(model, middle))


def test_traversal_moves_one_latent_a_row(pixels: torch.Tensor) -> None:
    model = make_model()
    sheet = traverse(model, pixels[0], dimensions=(3, 0), span=2.0, steps=5)
    z = encode(model, pixels[:1]).repeat(10, 1)
    z[:5, 3] = z[5:, 0] = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert close(sheet, decode(model, z))
    assert not close(sheet[:1], sheet[4:5])


def test_traversal_shows_the_latents_that_say_most(pixels: torch.Tensor) -> None:
    model = make_model()
    kl = kl_to_standard(*posterior(model, pixels[:1]))[0]
    best = kl.argsort(descending=True)[:8].tolist()
    assert close(traverse(model, pixels[0], steps=3), traverse(model, pixels[0], best, steps=3))


def test_a_conditional_model_takes_labels(pixels: torch.Tensor) -> None:
    model = make_model(classes=3)
    z = encode(model, pixels[:2])
    made = reconstruct(model, pixels[:2], torch.tensor([0, 2]))
    assert torch.equal(made, decode(model, z, torch.tensor([0, 2])))
    assert not torch.equal(made[1], decode(model, z, torch.tensor([0, 0]))[1])
    with pytest.raises(UserError, match="labels"):
        reconstruct(model, pixels[:2])


def test_what_does_not_fit_is_refused(pixels: torch.Tensor) -> None:
    model = make_model()
    for wrong in (pixels.float(), pixels[0], pixels[:, :7], pixels.expand(-1, -1, -1, 3), pixels[:0]):
        with pytest.raises(UserError, match=r"uint8 \[N, 8, 8, 1\]"):
            encode(model, wrong)
    with pytest.raises(UserError, match=r"latent 12 .*0 to 11"):
        traverse(model, pixels[0], (12,))
    alone = model_of({"G": model.networks["G"]}, model.description)
    with pytest.raises(UserError, match="no encoder"):
        reconstruct(alone, pixels)


def test_one_picture_or_several(pixels: torch.Tensor, tmp_path: Path) -> None:
    model, (picture,) = make_model(), pictures(pixels[:1].numpy())
    path = tmp_path / "digit.png"
    picture.save(path)
    (expected,) = pictures(reconstruct(model, pixels[:1]).numpy())
    for given in (picture, path, str(path), [picture], (str(path),)):
        (made,) = model.reconstruct(given)
        assert made.tobytes() == expected.tobytes()
    assert len(model.reconstruct([picture, path])) == 2
    with pytest.raises(UserError, match="no pictures"):
        model.reconstruct([])
