import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.data.digits import digits
from visavis.data.filters import untinted
from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.load import load_pairs

SHARED = Path(__file__).parents[3] / "shared" / "data"


def flat(path: Path, colour: tuple[int, int, int] | int, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(colour, int) else "RGB", size, colour).save(path)


@pytest.fixture
def sketches(tmp_path: Path) -> Path:
    """Grey sketches of value i and photos (i, 0, 9): 10 to train on, 4 val, 4 test."""
    i = 0
    for split, count in (("train", 10), ("val", 4), ("test", 4)):
        for _ in range(count):
            flat(tmp_path / "set" / split / "sketch" / f"face{i:02}.png", i, (20, 25))
            flat(tmp_path / "set" / split / "photo" / f"face{i:02}.bmp", (i, 0, 9), (16, 20))
            i += 1
    return tmp_path / "set"


def stems(source: Path, **fields: Any) -> PairsConfig:
    return PairsConfig(**{"source": str(source), "a": "sketch", "b": "photo", "resolution": 8, **fields})


def test_stems(sketches: Path) -> None:
    pairs = load_pairs(stems(sketches))
    assert len(pairs) == 10 and pairs.paired and pairs.skipped == 0 and pairs.name == "set"
    assert pairs.a.shape == pairs.b.shape == (10, 8, 8, 3) and pairs.a.dtype == np.uint8
    assert pairs.names_a == pairs.names_b == tuple(f"face{i:02}" for i in range(10))
    for i in range(10):
        assert (pairs.a[i] == i).all() and (pairs.b[i] == [i, 0, 9]).all()
    assert pairs.shape == pairs.shape_a == (3, 8) and pairs.labels is None and pairs.classes == ()
    test = load_pairs(stems(sketches), "test")
    assert test.names_a == ("face14", "face15", "face16", "face17") and test.digest != pairs.digest


def test_the_sides_by_the_alphabet_and_by_direction(sketches: Path) -> None:
    photo_first = load_pairs(stems(sketches, a="", b=""))
    assert (photo_first.a[3] == [3, 0, 9]).all()
    one_named = load_pairs(stems(sketches, b=""))
    assert (one_named.a[3] == 3).all()
    turned = load_pairs(stems(sketches, direction="b-to-a"))
    np.testing.assert_array_equal(turned.a, photo_first.a)
    assert turned.digest != one_named.digest


def test_folders_without_splits_hold_some_out(tmp_path: Path) -> None:
    for i in range(20):
        flat(tmp_path / "A" / f"{i}.png", i)
        flat(tmp_path / "B" / "deep" / f"{i}.png", 2 * i)
        (tmp_path / "A" / "deep").mkdir(exist_ok=True)
        (tmp_path / "A" / f"{i}.png").rename(tmp_path / "A" / "deep" / f"{i}.png")
    config = PairsConfig(source=str(tmp_path), resolution=8)
    parts = {part: load_pairs(config, part) for part in ("train", "val", "test")}
    assert {part: len(pairs) for part, pairs in parts.items()} == {"train": 16, "val": 2, "test": 2}
    assert len({name for pairs in parts.values() for name in pairs.names_a}) == 20
    for pairs in parts.values():
        np.testing.assert_array_equal(2 * pairs.a, pairs.b)
        assert pairs.names_a[0].startswith("deep/")
    assert len(load_pairs(config)) == 16


def test_side_by_side_in_both_directions(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("val", 2)):
        for i in range(count):
            flat(tmp_path / split / f"{i}.png", (i, 1, 0), (40, 25))
            image = Image.open(tmp_path / split / f"{i}.png")
            image.paste((i, 2, 0), (20, 0, 40, 25))
            image.save(tmp_path / split / f"{i}.png")
    config = PairsConfig(source=str(tmp_path), resolution=8, layout="side-by-side")
    pairs = load_pairs(config)
    assert len(pairs) == 4 and pairs.a.shape == (4, 8, 8, 3) and len(load_pairs(config, "val")) == 2
    assert (pairs.a[..., 1] == 1).all() and (pairs.b[..., 1] == 2).all()
    np.testing.assert_array_equal(pairs.a[..., 0], pairs.b[..., 0])
    turned = load_pairs(config.model_copy(update={"direction": "b-to-a"}))
    assert (turned.a[..., 1] == 2).all() and (turned.b[..., 1] == 1).all()


@pytest.mark.parametrize("names", ["{split}/{side}", "{split}{side}"])
def test_unpaired(tmp_path: Path, names: str) -> None:
    for split, counts in (("train", (5, 7)), ("test", (2, 3)), ("val", (1, 1))):
        for side, count in zip("AB", counts, strict=True):
            for i in range(count):
                flat(tmp_path / names.format(split=split, side=side) / f"{side}{i}.png", i)
    pairs = load_pairs(PairsConfig(source=str(tmp_path), resolution=8, layout="unpaired"))
    assert len(pairs) == 7 and (len(pairs.a), len(pairs.b)) == (5, 7) and not pairs.paired
    assert pairs.names_a == ("A0", "A1", "A2", "A3", "A4") and pairs.names_b[6] == "B6"
    test = load_pairs(PairsConfig(source=str(tmp_path), resolution=8, layout="unpaired"), "test")
    assert (len(test.a), len(test.b), test.paired) == (2, 3, False)


def test_made_of_digits_keeps_the_known_answer() -> None:
    config = PairsConfig(source="digits", layout="made", made_by="colour", resolution=8, shuffled=True)  # type: ignore[arg-type]
    train, test = load_pairs(config), load_pairs(config, "test")
    assert not train.paired and test.paired  # trained on without partners, measured with them
    assert len(test) == 359 and len(train) + len(load_pairs(config, "val")) == 1438
    np.testing.assert_array_equal(test.b, np.repeat(digits("test")[0], 3, axis=3))
    np.testing.assert_array_equal(untinted(test.a), test.b[..., :1])
    grey = load_pairs(PairsConfig(source="digits", layout="made", made_by="invert", resolution=8), "test")  # type: ignore[arg-type]
    assert grey.shape == grey.shape_a == (1, 8)
    np.testing.assert_array_equal(grey.a, 255 - digits("test")[0])


def test_made_of_a_folder_and_shrunk(animals: Path) -> None:
    config = PairsConfig(
        source=str(animals),
        layout="made",
        made_by="shrink",
        resolution=8,
        jitter=4,
        classes=("emu", "cat"),  # type: ignore[arg-type]
    )
    pairs = load_pairs(config)
    assert pairs.a.shape == (6, 6, 6, 3) and pairs.b.shape == (6, 12, 12, 3)
    assert pairs.shape == (3, 8) and pairs.shape_a == (3, 4) and pairs.factor == 2 and pairs.jitter == 4
    assert {name.split("/")[0] for name in pairs.names_b} == {"emu", "cat"}
    measured = load_pairs(config, "val")
    assert measured.a.shape == (1, 4, 4, 3) and measured.b.shape == (1, 8, 8, 3) and measured.jitter == 0
    np.testing.assert_array_equal(
        measured.b[0], np.asarray(Image.open(animals / f"{measured.names_b[0]}.png"))
    )


def test_decoded_once_and_again_when_a_file_changes(sketches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = stems(sketches)
    first = load_pairs(config)
    with monkeypatch.context() as patch:
        patch.setattr("visavis.data.pairs.content.decode_all", lambda *_: pytest.fail("decoded again"))
        again = load_pairs(config)
    np.testing.assert_array_equal(first.b, again.b)
    assert first.digest == again.digest
    flat(sketches / "train" / "photo" / "face03.bmp", (99, 99, 99), (16, 20))
    changed = load_pairs(config)
    assert (changed.b[3] == 99).all() and changed.digest != first.digest


def test_another_fit_is_another_set(sketches: Path) -> None:
    crop, pad = load_pairs(stems(sketches)), load_pairs(stems(sketches, fit="pad", filling="white"))
    assert crop.digest != pad.digest and (pad.a[0, :, 0] == 255).all() and (crop.a[0] == 0).all()


def test_a_turned_photo_is_turned_back(tmp_path: Path, picture: Callable[..., Image.Image]) -> None:
    upright = picture(3, 8, 12)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    for side in "ab":
        (tmp_path / side).mkdir()
        for i in range(2):
            upright.save(tmp_path / side / f"{i}.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b" / "0.png", exif=exif)
    pairs = load_pairs(PairsConfig(source=str(tmp_path), resolution=8))
    np.testing.assert_array_equal(pairs.a, pairs.b)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared images are not here")
def test_the_shared_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    config = stems(SHARED / "sketch2face", resolution=32)
    val = load_pairs(config, "val")
    assert len(val) == 20 and val.names_a == val.names_b and val.skipped == 0
    assert np.ptp(val.a, axis=3).mean() < 1 < np.ptp(val.b, axis=3).mean()  # sketches are grey
    facades = load_pairs(
        PairsConfig(source=str(SHARED / "facades"), layout="side-by-side", direction="b-to-a", resolution=32),
        "val",
    )
    assert len(facades) == 40
    assert np.ptp(facades.a, axis=3).mean() > 2 * np.ptp(facades.b, axis=3).mean()  # label maps are gaudy
    assert os.environ["VISAVIS_CACHE"]
