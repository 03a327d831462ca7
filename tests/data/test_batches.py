from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from visavis.core import Images
from visavis.data import DataConfig, ImageSet, load_images, make_batches
from visavis.errors import UserError
from visavis.training import parallel


@pytest.fixture
def numbered() -> ImageSet:
    """Twenty 2x2 images; image i has the label i, its left half is 2i and its right half 2i + 1."""
    values = 2 * np.arange(20)[:, None] + np.array([0, 1])
    pixels = np.broadcast_to(values[:, None, :, None], (20, 2, 2, 3)).astype(np.uint8)
    return ImageSet(pixels, np.arange(20), tuple(str(i) for i in range(20)), "numbered", "0")


def labels(batch: Images) -> list[int]:
    assert batch.y is not None
    return batch.y.tolist()


def equal(a: Images, b: Images) -> bool:
    return torch.equal(a.x, b.x) and labels(a) == labels(b)


def test_values_shapes_and_types(numbered: ImageSet) -> None:
    batch = make_batches(numbered, 4, 3, seed=0)(0)
    assert batch.x.shape == (12, 3, 2, 2) and batch.x.dtype == torch.float32 and batch.x.is_contiguous()
    assert batch.y is not None and batch.y.dtype == torch.int64
    assert_close(batch.x[:, 0, 0, 0], 2 * batch.y / 127.5 - 1, check_dtype=False)
    last = make_batches(numbered, 4, 3, seed=0, channels_last=True)(0)
    assert last.x.is_contiguous(memory_format=torch.channels_last) and torch.equal(last.x, batch.x)


def test_each_epoch_has_every_image_once(numbered: ImageSet) -> None:
    batches = make_batches(numbered, 3, 2, seed=0)  # 6 a step: steps straddle epochs
    seen = [label for step in range(20) for label in labels(batches(step))]
    epochs = [seen[i : i + 20] for i in range(0, 120, 20)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_a_step_longer_than_an_epoch(numbered: ImageSet) -> None:
    one, many = make_batches(numbered, 20, 1, seed=0), make_batches(numbered, 20, 5, seed=0)
    assert labels(many(1)) == [label for step in range(5, 10) for label in labels(one(step))]


def test_a_function_of_seed_and_step(numbered: ImageSet) -> None:
    first = [make_batches(numbered, 4, 2, 5, flip=True)(step) for step in range(6)]
    torch.manual_seed(123)
    state, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    batches = make_batches(numbered, 4, 2, 5, flip=True)
    assert all(equal(batches(step), first[step]) for step in (5, 0, 3, 3, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == legacy).all()  # type: ignore[index]
    assert not equal(make_batches(numbered, 4, 2, 6, flip=True)(0), first[0])


def test_flips(numbered: ImageSet) -> None:
    plain, flipped = make_batches(numbered, 20, 1, 0), make_batches(numbered, 20, 1, 0, flip=True)
    mirrored = []
    for step in range(20):
        a, b = plain(step), flipped(step)
        assert labels(a) == labels(b)
        here = (a.x != b.x).flatten(1).any(1)
        assert torch.equal(torch.where(here[:, None, None, None], a.x.flip(-1), a.x), b.x)
        mirrored.append(here)
    share = torch.stack(mirrored).float().mean()
    assert 0.4 < share < 0.6
    assert len({tuple(m.tolist()) for m in mirrored}) == 20


@pytest.mark.parametrize("stream", [False, True])
def test_sharding(numbered: ImageSet, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    whole = make_batches(numbered, 8, 2, 0, flip=True)
    x = [whole(step).x.view(2, 8, 3, 2, 2) for step in range(4)]
    monkeypatch.setattr(parallel, "world_size", lambda: 4)
    for rank in range(4):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        part = make_batches(numbered, 8, 2, 0, flip=True, stream=stream)
        for step in range(4):
            mine = part(step)
            assert mine.x.shape[0] == 4
            for ours, real in zip(mine.x.chunk(2), x[step], strict=True):
                assert torch.equal(ours, real[2 * rank : 2 * rank + 2])
    with pytest.raises(UserError, match=r"batch size 6 does not divide among 4 processes"):
        make_batches(numbered, 6, 1, 0)


def test_batch_sizes(numbered: ImageSet) -> None:
    for size in (0, 21):
        with pytest.raises(UserError, match=rf"batch size {size} \(allowed: 1 to 20.*--batch-size"):
            make_batches(numbered, size, 1, 0)


def test_without_labels(numbered: ImageSet) -> None:
    bare = ImageSet(numbered.images, None, (), "bare", "0")
    for stream in (False, True):
        assert make_batches(bare, 4, 1, 0, stream=stream)(0).y is None


def test_streamed_equals_resident(animals: Path) -> None:
    held = load_images(DataConfig(source=str(animals), stream="never"))
    lazy = load_images(DataConfig(source=str(animals), stream="always"))

    def batches(images: ImageSet) -> Callable[[int], Images]:
        return make_batches(images, 5, 2, seed=3, flip=True)

    resident, streamed = batches(held), batches(lazy)
    for step in (0, 1, 2, 9, 8, 3, 3, 100, 0):  # in order, back, far ahead, twice
        assert equal(streamed(step), resident(step))
    assert equal(batches(lazy)(7), resident(7))  # resumed


def test_streamed_broken_image_is_told(animals: Path) -> None:
    (animals / "cat" / "1.png").write_bytes(b"broken")
    images = load_images(DataConfig(source=str(animals), stream="always"))
    with pytest.raises(UserError, match=r"cat/1\.png"):
        make_batches(images, 12, 1, seed=0)(0)


@pytest.mark.gpu
def test_on_a_gpu(animals: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    images = load_images(DataConfig(source=str(animals), stream="always"))
    here = make_batches(images, 5, 2, 0, flip=True)
    for stream in (False, True):
        there = make_batches(images, 5, 2, 0, flip=True, device="cuda", stream=stream)
        for step in range(3):
            assert torch.equal(there(step).x.cpu(), here(step).x) and labels(there(step)) == labels(
                here(step)
            )
