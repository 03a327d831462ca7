"""A batch in parts: the same step as the whole, to rounding; and what cannot be taken so."""

from pathlib import Path

import pytest
import torch
from tiny import NETWORKS, Cli, assert_like_run

from visavis.core import Images
from visavis.training import parallel
from visavis.training.loop import _parts

TRAIN = [
    *("train", "digits", *NETWORKS, "--batch-size", "16", "--tick", "16", "--images", "64", "--metrics", ""),
    *("--adam.G.eps", "1e-3", "--adam.D.eps", "1e-3", "--snapshot-every", "100000", "--device", "cpu"),
]


@pytest.mark.parametrize(
    "more", [[], ["--objective.augment.policy", "flip,translation"], ["--objective.d_steps", "2"]]
)
def test_parts_give_the_run_of_the_whole(tmp_path: Path, cli: Cli, more: list[str]) -> None:
    for parts in (1, 4):
        done = cli(*TRAIN, *more, "--accumulate", parts, "--out", tmp_path / str(parts))
        assert done.status == 0, done.err
    assert_like_run(tmp_path / "1", tmp_path / "4", rtol=1e-3)


def test_a_part_has_its_share_of_each_batch_of_a_step() -> None:
    x = torch.arange(8.0)[:, None, None, None]  # two batches of four
    parts = list(_parts(Images(x, torch.arange(8)), 4, 2))
    assert [part.x.flatten().tolist() for part in parts] == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert [part.y.tolist() for part in parts] == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert next(_parts(Images(x), 4, 1)).x is x


def test_parts_draw_what_their_images_have_in_the_whole() -> None:
    torch.manual_seed(1)
    whole = parallel.randn(6, 2)
    found = []
    for number in range(3):
        torch.manual_seed(1)
        with parallel.part(number, 3):
            found.append(parallel.randn(2, 2))
    assert torch.equal(torch.cat(found), whole)
    assert parallel.world_size() == 1 and not parallel.apart()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--networks.D.minibatch", "stddev"], "looks at the batch as a whole"),
        (["--objective.augment.policy", "flip", "--objective.augment.target", "0.6"], "as a whole"),
        (["--objective.pairing", "all"], "as a whole"),
        (["--accumulate", "3"], "has no 3 equal parts"),
        (["--accumulate", "0"], "greater than 0"),
    ],
)
def test_what_needs_the_whole_batch_is_one_line(
    tmp_path: Path, cli: Cli, words: list[str], told: str
) -> None:
    given = words if "--accumulate" in words else ["--accumulate", "2", *words]
    done = cli(*TRAIN, *given, "--out", tmp_path / "run")
    assert done.status == 2, done.out
    assert told in done.err.splitlines()[-1]
