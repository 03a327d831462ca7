"""Encoders and decoders: shapes, ranges, what they refuse, and that a pair has room for an image."""

import pytest
import torch
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import ConvDecoder, ConvEncoder, ResidualDecoder, ResidualEncoder

PAIRS = [
    (ConvEncoder(z_dim=6, widths=(8, 6), base=2), ConvDecoder(z_dim=6, widths=(8, 6), base=2), Shape(1, 8)),
    (ConvEncoder(z_dim=6, widths=(8, 6, 4)), ConvDecoder(z_dim=6, widths=(8, 6, 4)), Shape(3, 32)),
    (ConvEncoder(z_dim=6, widths=(4,) * 4), ConvDecoder(z_dim=6, widths=(4,) * 4), Shape(3, 64)),
    (ResidualEncoder(z_dim=6, widths=(8, 6)), ResidualDecoder(z_dim=6, widths=(8, 6)), Shape(1, 8)),
    (ResidualEncoder(z_dim=6, widths=(8, 6, 4, 4)), ResidualDecoder(z_dim=6, widths=(8,) * 4), Shape(3, 32)),
]


@pytest.mark.parametrize(("encoder", "decoder", "shape"), PAIRS, ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shapes_and_ranges(encoder, decoder, shape: Shape, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    e, g = (config.build(shape, 0).to(memory_format=layout) for config in (encoder, decoder))
    assert e.z_dim == g.z_dim == 6
    x = torch.rand(3, shape.channels, shape.resolution, shape.resolution).mul(2).sub(1)
    mean, log_variance = e(x.contiguous(memory_format=layout))
    assert mean.shape == log_variance.shape == (3, 6)
    made = g(mean)
    assert made.shape == x.shape and made.abs().max() <= 1
    made.square().mean().backward()
    assert all(p.grad is not None for p in g.parameters())


@pytest.mark.parametrize(("encoder", "decoder", "shape"), PAIRS, ids=str)
def test_bf16_gives_moments_and_images_in_fp32(encoder, decoder, shape: Shape) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        mean, log_variance = encoder.build(shape, 0)(torch.zeros(2, *shape[:1], shape[1], shape[1]))
        made = decoder.build(shape, 0)(mean)
    assert mean.dtype == log_variance.dtype == made.dtype == torch.float32


def test_the_default_latent_is_s4s() -> None:
    assert {c().z_dim for c in (ConvEncoder, ConvDecoder, ResidualEncoder, ResidualDecoder)} == {128}
    assert ConvEncoder().build(Shape(3, 32), 0)(torch.zeros(2, 3, 32, 32))[0].shape == (2, 128)


@pytest.mark.parametrize("make", [ConvEncoder, ConvDecoder, ResidualEncoder, ResidualDecoder])
def test_resolutions_that_do_not_fit_are_refused(make) -> None:
    with pytest.raises(UserError, match=r"resolution 46 .* --data.resolution"):
        make().build(Shape(3, 46), 0)


@pytest.mark.parametrize("make", [ConvDecoder, ResidualDecoder])
def test_a_conditional_decoder_needs_labels_and_obeys_them(make) -> None:
    torch.manual_seed(0)
    config = make(z_dim=6, widths=(8, 6), base=2 if make is ConvDecoder else 4)
    decoder = config.build(Shape(1, 8), 3).eval()
    z = torch.randn(1, 6)
    one, other = (decoder(z, torch.tensor([label])) for label in (0, 2))
    assert (one - other).abs().max() > 1e-3
    with pytest.raises(UserError, match="labels"):
        decoder(z)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_no_image_depends_on_the_others_of_its_batch_when_used(norm: str) -> None:
    encoder = ConvEncoder(z_dim=6, widths=(8, 6), base=2, norm=norm).build(Shape(1, 8), 0).eval()
    decoder = ConvDecoder(z_dim=6, widths=(8, 6), base=2, norm=norm).build(Shape(1, 8), 0).eval()
    x = torch.randn(4, 1, 8, 8)
    mean, _ = encoder(x)
    assert_close(encoder(x[1:2])[0], mean[1:2])
    assert_close(decoder(mean[2:]), decoder(mean)[2:])


def test_a_far_log_variance_is_cut() -> None:
    encoder = ConvEncoder(z_dim=2, widths=(4, 4), base=2, norm="none").build(Shape(1, 8), 0)
    with torch.no_grad():
        encoder.posterior.bias.fill_(1e6)
    assert encoder(torch.zeros(1, 1, 8, 8))[1].exp().isfinite().all()
