"""The arranged layers have the numbers, gradients and second gradients of torch's own."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from visavis.networks.cpu import Doubling, Flatten, Linear, laid_out_like

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


@pytest.mark.parametrize("memory", [LAST, torch.contiguous_format])
@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 2e-2)])
def test_doubling(memory: torch.memory_format, bf16: bool, tolerance: float) -> None:
    torch.manual_seed(0)
    layer = Doubling(12, 6).to(memory_format=memory)
    x, g = torch.randn(5, 12, 4, 4).contiguous(memory_format=memory), torch.randn(5, 6, 8, 8)
    plain = twin(layer, nn.ConvTranspose2d(12, 6, 4, 2, 1))
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
