"""Stages follow from the resolution."""

from typing import get_args

import pytest

from visavis.errors import UserError
from visavis.networks import NetworkConfig
from visavis.networks.roles import IN_WORDS
from visavis.networks.stages import stages_of, widths_of


@pytest.mark.parametrize(
    ("resolution", "stages"),
    [
        (4, (4, 1)),
        (8, (4, 2)),
        (28, (7, 3)),
        (32, (4, 4)),
        (48, (6, 4)),
        (64, (4, 5)),
        (80, (5, 5)),
        (96, (6, 5)),
    ],
)
def test_base_and_number_of_stages(resolution: int, stages: tuple[int, int]) -> None:
    assert stages_of(resolution) == stages


@pytest.mark.parametrize(
    ("resolution", "nearest"), [(30, "28, 32"), (100, "96, 112"), (3, "4, 4"), (33, "32, 40")]
)
def test_others_are_refused_with_the_nearest(resolution: int, nearest: str) -> None:
    with pytest.raises(UserError, match=f"nearest: {nearest}"):
        stages_of(resolution)


def test_widths_double_downward_to_a_limit() -> None:
    assert widths_of(16, 4, 128) == (128, 64, 32, 16)
    assert widths_of(64, 3, 128) == (128, 128, 64)


def test_every_network_says_what_it_is_for() -> None:
    for config in get_args(get_args(NetworkConfig)[0]):
        assert config.role in IN_WORDS, config
