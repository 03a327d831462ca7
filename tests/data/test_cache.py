from pathlib import Path

import numpy as np
import pytest

from visavis.data import DataConfig, cache, load_images


def make() -> cache.Arrays:
    return {"a": np.arange(6).reshape(2, 3), "empty": np.zeros(0, np.int64)}


def never() -> cache.Arrays:
    raise AssertionError("made again")


def test_second_time_is_mapped(cache_folder: Path) -> None:
    first, second = cache.remember("k", make), cache.remember("k", never)
    np.testing.assert_array_equal(first["a"], second["a"])
    assert isinstance(second["a"], np.memmap) and second["empty"].shape == (0,)
    assert not first["a"].flags.writeable and not second["a"].flags.writeable
    assert [entry.name for entry in (cache_folder / "images").iterdir()] == ["k"]  # nothing left beside


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "sums", "no sums", "other json"])
def test_damaged_entry_is_made_again(cache_folder: Path, damage: str) -> None:
    cache.remember("k", make)
    file, sums = cache_folder / "images" / "k" / "a.npy", cache_folder / "images" / "k" / "blake2b.json"
    data = file.read_bytes()
    if damage == "flip":
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "truncate":
        file.write_bytes(data[:-9])
    elif damage == "remove":
        file.unlink()
    elif damage == "no sums":
        sums.unlink()
    else:
        sums.write_text("{" if damage == "sums" else "[1]")
    np.testing.assert_array_equal(cache.remember("k", make)["a"], make()["a"])
    np.testing.assert_array_equal(cache.remember("k", never)["a"], make()["a"])


def test_cache_that_cannot_be_written(cache_folder: Path) -> None:
    cache_folder.write_text("a file where the folder would be")
    np.testing.assert_array_equal(cache.remember("k", make)["a"], make()["a"])


def test_decoded_images_are_remembered(animals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DataConfig(source=str(animals), resolution=8)
    first = load_images(config)
    monkeypatch.setattr("visavis.data.sources.decode_all", never)
    second = load_images(config)
    np.testing.assert_array_equal(first.images, second.images)
    assert isinstance(second.images, np.memmap) and first.digest == second.digest
