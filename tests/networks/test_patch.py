"""The PatchGAN: its logits, what a logit sees, what it refuses."""

import pytest
import torch
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import PatchGAN, parameters
from visavis.networks.norms import SpectralConv2d


def test_30_by_30_logits_at_256_on_the_six_channels_of_a_pair_and_five_spectral_layers() -> None:
    critic = PatchGAN().build(Shape(3, 256), 0)
    convs = [m for m in critic.modules() if isinstance(m, SpectralConv2d)]
    assert [(c.in_channels, c.out_channels, c.stride[0]) for c in convs] == [
        (6, 64, 2),
        (64, 128, 2),
        (128, 256, 2),
        (256, 512, 1),
        (512, 1, 1),
    ]
    with torch.no_grad():
        assert critic(torch.zeros(1, 3, 256, 256), torch.zeros(1, 3, 256, 256)).shape == (1, 30, 30)
    assert parameters(critic) == sum(
        16 * i * o + o for i, o in zip([6, 64, 128, 256, 512], [64, 128, 256, 512, 1], strict=True)
    )


@pytest.mark.parametrize(
    ("resolution", "halvings", "field", "logits"),
    [
        (256, None, 70, 30),
        (64, None, 34, 14),
        (32, None, 16, 14),
        (8, None, 16, 2),
        (64, 3, 70, 6),
        (32, 0, 7, 30),
    ],
)
def test_the_receptive_field_is_where_a_logit_has_gradient(
    resolution: int, halvings: int | None, field: int, logits: int
) -> None:
    torch.manual_seed(0)
    config = PatchGAN(width=2, halvings=halvings, sees="image", spectral=False, slope=1.0)
    critic = config.build(Shape(1, resolution), 0)
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.abs_()  # so that no two paths cancel
    side = max(resolution, 2 * field + 16)  # room around the middle patch
    x = torch.rand(1, 1, side, side, requires_grad=True)
    scores = critic(x)
    middle = scores.shape[-1] // 2
    (gradient,) = torch.autograd.grad(scores[0, middle, middle], x)
    seen = gradient[0, 0].nonzero()
    extent = seen.max(0).values - seen.min(0).values + 1
    assert extent.tolist() == [field, field]
    assert critic(torch.zeros(2, 1, resolution, resolution)).shape == (2, logits, logits)


def test_it_sees_the_input_beside_the_image_or_the_image_alone() -> None:
    torch.manual_seed(0)
    a, other, b = torch.randn(3, 2, 3, 16, 16).unbind()
    pair, alone = (PatchGAN(width=4, sees=sees).build(Shape(3, 16), 0).eval() for sees in ("pair", "image"))
    assert (pair(b, a) - pair(b, other)).abs().max() > 0
    assert torch.equal(alone(b, a), alone(b))
    with pytest.raises(UserError, match="beside the image"):
        pair(b)


def test_a_smaller_input_is_enlarged() -> None:
    critic = PatchGAN(width=4).build(Shape(3, 16), 0).eval()
    b = torch.randn(2, 3, 16, 16)
    small = torch.full((2, 3, 8, 8), 0.25)
    assert_close(critic(b, small), critic(b, torch.full_like(b, 0.25)))


def test_feature_maps_come_with_the_logits_and_logits_are_float32() -> None:
    critic = PatchGAN(width=4, widest=8).build(Shape(3, 64), 0)
    x = torch.randn(2, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        logits, maps = critic.judge(x, x)
    assert logits.dtype == torch.float32 and maps[0].dtype == torch.bfloat16
    assert [tuple(m.shape[1:]) for m in maps] == [(4, 32, 32), (8, 16, 16), (8, 15, 15)]
    critic.eval()
    assert torch.equal(critic(x, x), critic.judge(x, x)[0])


def test_no_image_depends_on_the_others_of_its_batch() -> None:
    critic = PatchGAN(width=4, norm="instance").build(Shape(3, 32), 0).eval()
    x = torch.randn(3, 3, 32, 32)
    assert_close(critic(x, x)[:1], critic(x[:1], x[:1]))


def test_refusals_name_the_mend() -> None:
    with pytest.raises(UserError, match=r"resolution 16 leaves no patch after 3 halvings; .*24 or more"):
        PatchGAN(halvings=3).build(Shape(3, 16), 0)
    with pytest.raises(UserError, match="--conditional false"):
        PatchGAN().build(Shape(3, 64), 10)
