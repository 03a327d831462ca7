"""The Inception network of 2015: its size, the shapes on its way, and what its pools do."""

import torch
from torch.nn.functional import avg_pool2d
from torch.testing import assert_close

from visavis.networks import parameters
from visavis.networks.inception import Conv, Inception, average, maximum


def test_parameters_are_those_of_inception_v3_with_1008_logits() -> None:
    # Without auxiliary head and with 1,000 classes: 23,834,568 (27,161,264 - 3,326,696).
    assert parameters(Inception()) == 23_834_568 + 8 * 2049


def test_layers_carry_the_ports_names() -> None:
    state = Inception().state_dict()
    shapes = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Conv2d_4a_3x3.bn.running_var": (192,),
        "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
        "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
        "Mixed_6b.branch7x7dbl_5.conv.weight": (192, 128, 1, 7),
        "Mixed_6d.branch7x7_3.conv.weight": (192, 160, 7, 1),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7b.branch_pool.conv.weight": (192, 1280, 1, 1),
        "Mixed_7c.branch3x3dbl_3b.bn.bias": (384,),
        "fc.weight": (1008, 2048),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert sum(name.endswith("conv.weight") for name in state) == 94  # the paper's network


@torch.no_grad()
def test_shapes_and_range_of_features() -> None:
    torch.manual_seed(0)
    network = Inception().eval()
    seen: dict[str, tuple[int, ...]] = {}
    for name, module in network.named_children():
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: tuple(out.shape[1:])}))
    x = torch.randn(1, 3, 299, 299)
    features = network.features(x)
    assert features.shape == (1, 2048)
    assert (features >= 0).all()
    assert seen["Conv2d_2b_3x3"] == (64, 147, 147)
    assert seen["Mixed_5d"] == (288, 35, 35)
    assert seen["Mixed_6e"] == (768, 17, 17)
    assert seen["Mixed_7c"] == (2048, 8, 8)
    assert network.fc(features).shape == (1, 1008)


def test_averages_leave_the_padding_out_and_the_last_block_takes_the_maximum() -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert_close(average(ones), ones)
    assert not torch.equal(avg_pool2d(ones, 3, 1, 1), ones)
    ramp = torch.arange(9.0).view(1, 1, 3, 3)
    assert_close(average(ramp)[0, 0, 0], torch.tensor([2.0, 2.5, 3.0]))  # corner: mean of 0, 1, 3, 4
    assert_close(maximum(ramp)[0, 0, 0], torch.tensor([4.0, 5.0, 5.0]))
    network = Inception()
    assert (network.Mixed_7b.pool, network.Mixed_7c.pool) == (average, maximum)


def test_normalisation_is_inceptions() -> None:
    assert {m.bn.eps for m in Inception().modules() if isinstance(m, Conv)} == {0.001}
