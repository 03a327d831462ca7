"""The arranged layers have the numbers, gradients and second gradients of torch's own."""

from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from visavis.networks import cpu
from visavis.networks.cpu import CACHED, Doubling, Flatten, Halving, Linear, laid_out_like, product

LAST = torch.channels_last


def twin(layer: nn.Module, plain: nn.Module) -> nn.Module:
    plain.load_state_dict(layer.state_dict())
    return plain


def results(layer: nn.Module, x: Tensor, g: Tensor, bf16: bool = False) -> list[Tensor]:
    """Output, gradients of x and the parameters, and of these gradients' norms once more."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        y = layer(x)
    inputs = [x, *layer.parameters()]
    first = torch.autograd.grad((y.float() * g).sum(), inputs, create_graph=True)
    second = torch.autograd.grad(first[0].float().square().sum(), inputs[1], retain_graph=True)
    return [y, *first, *second]


@pytest.mark.parametrize("training", [True, False])
def test_linear(training: bool) -> None:
    torch.manual_seed(0)
    layer = Linear(48, 40).train(training)
    x, g = torch.randn(24, 48), torch.randn(24, 40)
    for mine, theirs in zip(results(layer, x, g), results(twin(layer, nn.Linear(48, 40)), x, g), strict=True):
        assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_product() -> None:
    torch.manual_seed(0)
    x, w = torch.randn(7, 5), torch.randn(3, 5)
    assert_close(product(x, w), x @ w.t())
    assert_close(product(x.double(), w.double()), x.double() @ w.double().t())
    parts = x[:, ::2], w[:, 2:]
    assert_close(product(*parts), parts[0] @ parts[1].t())


@pytest.mark.parametrize("memory", [LAST, torch.contiguous_format])
@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 2e-2)])
@pytest.mark.parametrize("width", [6, 3])
def test_doubling(width: int, memory: torch.memory_format, bf16: bool, tolerance: float) -> None:
    torch.manual_seed(0)
    layer = Doubling(12, width).to(memory_format=memory)
    x, g = torch.randn(5, 12, 4, 4).contiguous(memory_format=memory), torch.randn(5, width, 8, 8)
    plain = twin(layer, nn.ConvTranspose2d(12, width, 4, 2, 1))
    for mine, theirs in zip(results(layer, x, g, bf16), results(plain, x, g), strict=True):
        assert mine.shape == theirs.shape
        assert (mine - theirs).norm() < tolerance * theirs.norm()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_small_images_are_doubled_without_their_padding(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = Doubling(12, 6).to(memory_format=LAST)
    x, g = (
        torch.randn(5, 12, size, size).contiguous(memory_format=LAST),
        torch.randn(5, 6, 2 * size, 2 * size),
    )
    without_padding = Mock(side_effect=cpu._without_padding)
    monkeypatch.setattr(cpu, "_without_padding", without_padding)
    monkeypatch.setattr(cpu, "MUCH", 5 * size**2 * 12 * 6)
    plain = twin(layer, nn.ConvTranspose2d(12, 6, 4, 2, 1))
    for mine, theirs in zip(results(layer, x, g), results(plain, x, g), strict=True):
        assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    without_padding.assert_called_once()
    assert layer(x).is_contiguous(memory_format=LAST)


def test_gradients_are_summed_over_parts_of_the_batch() -> None:
    torch.manual_seed(0)
    n, width = 10, 40
    assert n * 64**2 * 16 * width * 2 > 2 * CACHED  # three parts, of unlike sizes
    layer = Doubling(4, width).to(memory_format=LAST)
    x, g = torch.randn(n, 4, 64, 64).contiguous(memory_format=LAST), torch.randn(n, width, 128, 128)
    plain = twin(layer, nn.ConvTranspose2d(4, width, 4, 2, 1))
    for mine, theirs in zip(results(layer, x, g, bf16=True), results(plain, x, g), strict=True):
        assert mine.shape == theirs.shape
        assert (mine - theirs).norm() < 2e-2 * theirs.norm()


@pytest.mark.parametrize("memory", [LAST, torch.contiguous_format])
@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 2e-2)])
@pytest.mark.parametrize("width", [6, 3])
def test_halving(width: int, memory: torch.memory_format, bf16: bool, tolerance: float) -> None:
    torch.manual_seed(0)
    layer = Halving(width, 12).to(memory_format=memory)
    x, g = torch.randn(5, width, 8, 8).contiguous(memory_format=memory), torch.randn(5, 12, 4, 4)
    plain = twin(layer, nn.Conv2d(width, 12, 4, 2, 1))
    for mine, theirs in zip(results(layer, x, g, bf16), results(plain, x, g), strict=True):
        assert mine.shape == theirs.shape
        assert (mine - theirs).norm() < tolerance * theirs.norm()


def test_gradients_keep_the_layout_of_the_images() -> None:
    x = torch.randn(2, 3, 4, 4).contiguous(memory_format=LAST).requires_grad_()
    seen: list[Tensor] = []
    y = x * 1
    y.register_hook(seen.append)
    flat = Flatten()(y)
    assert torch.equal(flat, x.flatten(1))
    g = torch.randn(2, 48)
    flat.backward(g)
    assert seen[0].is_contiguous(memory_format=LAST)
    assert torch.equal(seen[0].flatten(1), g)
    weight = torch.randn(3, 5, 4, 4)
    assert laid_out_like(x.detach(), weight).is_contiguous()
    assert laid_out_like(torch.randn(2, 3, 4, 4), weight.to(memory_format=LAST)).is_contiguous(
        memory_format=LAST
    )
