from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.core import Pairs
from visavis.data.pairs.batches import make_pair_batches
from visavis.data.pairs.set import PairSet
from visavis.data.pixels import to_uint8
from visavis.errors import UserError
from visavis.training import parallel


def numbered(n: int, side: int, channel: int, scale: int = 1) -> np.ndarray:
    """``[n, side, side, 3]``: the image's number, the row and the column, both / scale, in some order."""
    y, x = np.mgrid[:side, :side] // scale
    pixels = [np.stack([np.full_like(y, i), y, x], axis=-1) for i in range(n)]
    return np.roll(np.array(pixels, np.uint8), channel, axis=3)


def make(
    n: int = 20, m: int = 20, side: int = 4, factor: int = 1, jitter: int = 0, paired: bool = True
) -> PairSet:
    """a is (number, row, column), b is (column, number, row) in a's pixels."""
    a = numbered(n, (side + jitter) // factor, 0)
    b = numbered(m, side + jitter, 1, factor)
    names = [tuple(map(str, range(k))) for k in (n, m)]
    return PairSet(a, b, names[0], names[1], paired, "numbered", "0", jitter=jitter)


def number(x: Tensor, channel: int) -> list[int]:
    return to_uint8(x)[:, channel, 0, 0].tolist()


def same(one: Pairs, other: Pairs) -> bool:
    return torch.equal(one.a, other.a) and torch.equal(one.b, other.b)


def test_values_shapes_and_types() -> None:
    batch = make_pair_batches(make(), 4, 3, seed=0)(0)
    for x in batch:
        assert x.shape == (12, 3, 4, 4) and x.dtype == torch.float32 and x.is_contiguous()
    assert_close(batch.a[:, 0, 0, 0], torch.tensor(number(batch.a, 0)) / 127.5 - 1)
    last = make_pair_batches(make(), 4, 3, seed=0, channels_last=True)(0)
    assert last.a.is_contiguous(memory_format=torch.channels_last) and same(last, batch)


def test_partners_stay_together_and_each_epoch_has_every_pair_once() -> None:
    batches = make_pair_batches(make(), 3, 2, seed=0, flip=True)  # 6 a step: steps straddle epochs
    seen = []
    for step in range(20):
        a, b = batches(step)
        assert number(a, 0) == number(b, 1)
        seen += number(a, 0)
    epochs = [seen[i : i + 20] for i in range(0, 120, 20)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_one_crop_and_one_flip_for_both_sides(factor: int) -> None:
    pairs = make(side=8, factor=factor, jitter=8)
    batches = make_pair_batches(pairs, 20, 1, seed=0, flip=True)
    places, flips = [], []
    for step in range(30):
        a, b = (to_uint8(x).long() for x in batches(step))
        assert a.shape == (20, 3, 8 // factor, 8 // factor) and b.shape == (20, 3, 8, 8)
        large = a.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        assert torch.equal(large, b.roll(-1, 1))  # rows and columns agree at every pixel
        places += [tuple(p) for p in torch.stack([a[:, 1].amin((1, 2)), a[:, 2].amin((1, 2))], 1).tolist()]
        flips += (a[:, 2, 0, 0] > a[:, 2, 0, -1]).tolist() if factor < 8 else []
    assert len(set(places)) == (8 // factor + 1) ** 2  # every crop, both ends included
    assert 0.4 < np.mean(flips) < 0.6


def test_without_flip_nothing_is_mirrored() -> None:
    a, b = make_pair_batches(make(), 20, 1, seed=0)(0)
    assert (a[:, 2, :, 0] < a[:, 2, :, -1]).all() and (b[:, 0, :, 0] < b[:, 0, :, -1]).all()


def test_unpaired_sides_are_drawn_independently() -> None:
    pairs = make(n=20, m=30, side=4, jitter=4, paired=False)
    batches = make_pair_batches(pairs, 10, 2, seed=0, flip=True)
    steps = [batches(step) for step in range(6)]
    for side, channel, n in ((0, 0, 20), (1, 1, 30)):
        seen = [i for step in steps for i in number(step[side], channel)]
        assert sorted(seen) == sorted(list(range(n)) * (120 // n))
    a = torch.cat([to_uint8(step.a) for step in steps]).long()
    b = torch.cat([to_uint8(step.b) for step in steps]).long().roll(-1, 1)
    for channel in (0, 1):  # number, row
        agree = (a[:, channel].amin((1, 2)) == b[:, channel].amin((1, 2))).float().mean()
        assert agree < 0.4
    mirrored_a, mirrored_b = (x[:, 2, 0, 0] > x[:, 2, 0, -1] for x in (a, b))
    assert 0.3 < (mirrored_a == mirrored_b).float().mean() < 0.7


def test_a_function_of_seed_and_step() -> None:
    pairs = make(jitter=2, paired=False)
    first = [make_pair_batches(pairs, 4, 2, 5, flip=True)(step) for step in range(6)]
    torch.manual_seed(123)
    state = torch.get_rng_state()
    batches = make_pair_batches(pairs, 4, 2, 5, flip=True)
    assert all(same(batches(step), first[step]) for step in (5, 0, 3, 3, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert not same(make_pair_batches(pairs, 4, 2, 6, flip=True)(0), first[0])


@pytest.mark.parametrize("paired", [True, False])
def test_any_number_of_processes(monkeypatch: pytest.MonkeyPatch, paired: bool) -> None:
    pairs = make(jitter=2, paired=paired)
    whole = make_pair_batches(pairs, 8, 3, 1, flip=True)(7)
    monkeypatch.setattr(parallel, "world_size", lambda: 4)
    parts = []
    for rank in range(4):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        parts.append(make_pair_batches(pairs, 8, 3, 1, flip=True)(7))
    for side in (0, 1):
        joined = [torch.cat([part[side].chunk(3)[k] for part in parts]) for k in range(3)]
        assert torch.equal(torch.cat(joined), whole[side])


def test_batches_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make(n=20, m=5, paired=False)
    with pytest.raises(UserError, match=r"batch size 6 \(allowed: 1 to 5"):
        make_pair_batches(pairs, 6, 1, 0)
    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    with pytest.raises(UserError, match="does not divide among 2 processes"):
        make_pair_batches(pairs, 3, 1, 0)


def test_read_only_pixels(recwarn: pytest.WarningsRecorder) -> None:
    pairs = make()
    pairs.a.setflags(write=False)
    make_pair_batches(replace(pairs), 4, 1, 0)(0)
    assert not recwarn.list
