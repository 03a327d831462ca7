"""Networks that know how many images have been seen."""

from copy import deepcopy

from torch import nn

from visavis.networks.growth import Growing, set_progress


def test_progress_is_told_to_every_part_and_kept_in_the_state() -> None:
    net = nn.Sequential(Growing(), nn.ReLU(), nn.Sequential(Growing()))
    set_progress(net, 700)
    assert [part.progress() for part in net.modules() if isinstance(part, Growing)] == [700, 700]
    other = nn.Sequential(Growing(), nn.ReLU(), nn.Sequential(Growing()))
    other.load_state_dict(net.state_dict())
    assert other[0].progress() == other[0]._told == 700
    copy = deepcopy(net)
    copy[0].images.copy_(net[0].images + 1)  # as an average does
    assert (copy[0].progress(), net[0].progress()) == (701, 700)
