"""Convolutions in groups: the numbers of torch's own to the second derivative, in one call for all groups."""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from visavis.networks import grouped
from visavis.networks.grouped import GroupedConv2d, doubled, grouped_conv2d
from visavis.networks.layers import Blur


@pytest.fixture(autouse=True)
def used_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped, "WHERE", {"cpu"})


def penalised(net: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradients of a loss with a penalty on the gradient of x."""
    x = x.clone().requires_grad_()
    y = net(x)
    (gradient,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
    (gradient.square().mean() + y.mean()).backward()
    return [y.detach(), x.grad, *(p.grad for p in net.parameters())]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("groups", "stride", "padding", "bias"), [(4, 1, 1, True), (8, 2, 0, False), (2, 2, 1, True)]
)
def test_numbers_of_torch(groups: int, stride: int, padding: int, bias: bool) -> None:
    torch.manual_seed(0)
    theirs = nn.Conv2d(8, 16, 3, stride, padding, groups=groups, bias=bias).double()
    ours = GroupedConv2d(8, 16, 3, stride, padding, groups=groups, bias=bias).double()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 8, 6, 6, dtype=torch.float64)
    for a, b in zip(penalised(ours, x), penalised(theirs, x), strict=True):
        torch.testing.assert_close(a, b)


def test_gradients_of_both_arguments() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    tap = torch.randn(4, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: grouped_conv2d(x, w, (1, 1), (1, 1), 2), (x, w))
    assert torch.autograd.gradgradcheck(lambda x, w: doubled(x, w, 4), (x, tap))
    with torch.no_grad():
        expected = nn.functional.conv_transpose2d(x, tap, stride=2, padding=1, output_padding=1, groups=4)
    torch.testing.assert_close(doubled(x, tap, 4), expected)


def test_autocast_computes_in_bf16_and_keeps_the_gradients_type() -> None:
    net, x = GroupedConv2d(8, 8, 3, 1, 1, groups=4), torch.randn(2, 8, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
    y.float().square().sum().backward()
    assert (
        y.dtype == torch.bfloat16 and net.weight.grad is not None and net.weight.grad.dtype == torch.float32
    )
    torch.testing.assert_close(y.float(), net(x), atol=0.05, rtol=0.05)


class Convolutions(TorchDispatchMode):
    """Counts the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "make", [lambda c: GroupedConv2d(c, c, 3, 1, 1, groups=c), lambda c: Blur("down"), lambda c: Blur("up")]
)
def test_calls_do_not_grow_with_the_groups(make) -> None:  # type: ignore[no-untyped-def]
    calls = []
    for channels in (4, 16):
        with Convolutions() as count:
            penalised(make(channels), torch.randn(2, channels, 4, 4))
        calls.append(sum(n for name, n in count.calls.items() if "convolution" in name))
    assert calls[0] == calls[1] <= 10


def test_a_penaltys_pass_computes_no_gradient_of_the_weights() -> None:
    net, x = GroupedConv2d(8, 8, 3, 1, 1, groups=2), torch.randn(2, 8, 4, 4, requires_grad=True)
    y = net(x).sum()
    with Convolutions() as count:
        torch.autograd.grad(y, x, create_graph=True)
    assert count.calls["convolution_backward"] == 1
