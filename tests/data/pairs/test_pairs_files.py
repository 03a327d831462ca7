"""What a user can get wrong about a set of pairs, each one line that names it."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.load import load_pairs
from visavis.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight pairs in ``train/{A,B}``, two in ``val`` and ``test``."""
    for split, count in (("train", 8), ("val", 2), ("test", 2)):
        for side in "AB":
            (tmp_path / "set" / split / side).mkdir(parents=True)
            for i in range(count):
                save(tmp_path / "set" / split / side / f"{i}.png")
    return tmp_path / "set"


def save(path: Path, width: int = 8, height: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (1, 2, 3)).save(path)


def config(root: Path, **fields: Any) -> PairsConfig:
    return PairsConfig(**{"source": str(root), "resolution": 8, **fields})


def refused(given: PairsConfig, split: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        load_pairs(given, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_stems_without_partner_are_named_and_counted(root: Path) -> None:
    (root / "train/A/0.png").unlink()
    for name in ("x", "y", "z"):
        save(root / "train/A" / f"{name}.png")
    message = refused(config(root))
    assert message.startswith("4 of 18 pictures in") and "'A/x', 'A/y', 'A/z' and 1 more" in message
    assert "--skip-broken" in message
    pairs = load_pairs(config(root, skip_broken=True))
    assert len(pairs) == 7 and pairs.skipped == 4 and "x" not in pairs.names_a
    assert len(load_pairs(config(root), "val")) == 2  # the others are whole


def test_no_stem_in_common(tmp_path: Path) -> None:
    save(tmp_path / "A/1.png")
    save(tmp_path / "B/2.png")
    for skip in (False, True):
        assert "2 of 2 pictures" in refused(config(tmp_path, skip_broken=skip))


def test_two_files_of_one_stem(root: Path) -> None:
    save(root / "train/B/3.jpg")
    message = refused(config(root))
    assert "two pictures of the same name" in message and "'3.jpg' and '3.png'" in message


def test_unlike_sizes_in_a_pair(root: Path) -> None:
    save(root / "train/B/3.png", 16, 16)  # the same shape: fine
    load_pairs(config(root))
    save(root / "train/B/3.png", 8, 12)
    message = refused(config(root, skip_broken=True))
    assert "unlike sizes in the pair '3'" in message and "is 8x8" in message and "is 8x12" in message
    load_pairs(config(root, layout="unpaired"))  # nobody's partner


@pytest.mark.parametrize("side", ["A", "B"])
def test_an_unreadable_picture(root: Path, side: str) -> None:
    (root / f"train/{side}/5.png").write_bytes(b"no picture")
    message = refused(config(root))
    assert "broken image '5'" in message and f"{side}/5.png': not a picture" in message
    pairs = load_pairs(config(root, skip_broken=True))
    assert pairs.names_a == pairs.names_b == ("0", "1", "2", "3", "4", "6", "7") and pairs.skipped == 1
    assert len(pairs.a) == len(pairs.b) == 7
    alone = load_pairs(config(root, skip_broken=True, layout="unpaired"))
    assert alone.skipped == 1 and sorted([len(alone.a), len(alone.b)]) == [7, 8]
    assert "5" not in (alone.names_a if side == "A" else alone.names_b)


def test_an_empty_split(root: Path) -> None:
    for side in "AB":
        for file in (root / "val" / side).iterdir():
            file.unlink()
    for layout in ("stems", "unpaired"):
        assert "is empty" in refused(config(root, layout=layout), "val")
    for side in "AB":
        (root / "val" / side).rmdir()
    assert "split 'val' of" in refused(config(root), "val")
    (root / "wide/val").mkdir(parents=True)
    save(root / "wide/train/1.png")
    assert "split 'val'" in refused(config(root / "wide", layout="side-by-side"), "val")


def test_too_few_to_hold_some_out(tmp_path: Path) -> None:
    for side in "ab":
        save(tmp_path / "set" / side / "1.png")
    assert len(load_pairs(config(tmp_path / "set"))) == 1
    assert "split 'test'" in refused(config(tmp_path / "set"), "test")


def test_missing_folders(root: Path) -> None:
    assert "no folder 'nowhere'" in refused(config(Path("nowhere")))
    assert "no folder 'C' in" in refused(config(root, a="C"))
    assert "(allowed: A, B)" in refused(config(root, a="C"))
    assert "two sides" in refused(config(root, a="A", b="A"))
    for side in ("C", "D"):
        save(root / "train" / side / "0.png")
    assert "two sides" in refused(config(root, a="C"))
    assert load_pairs(config(root, a="C", b="D"), "train").names_a == ("0",)
    assert len(load_pairs(config(root))) == 8  # A and B
    (root / "train/A").rename(root / "train/E")
    assert "its folders: B, C, D, E" in refused(config(root))
    assert "unknown split 'tests'" in refused(config(root), "tests")


def test_one_folder_only(tmp_path: Path) -> None:
    save(tmp_path / "set/A/1.png")
    assert "its folders: A (allowed: two of them)" in refused(config(tmp_path / "set"))


def test_an_odd_width_has_no_halves(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 16, 8)
    load_pairs(config(tmp_path, layout="side-by-side"))
    save(tmp_path / "1.png", 15, 8)
    message = refused(config(tmp_path, layout="side-by-side", skip_broken=True))
    assert "1.png' is 15x8" in message and "even width" in message


@pytest.mark.parametrize("size", [(20, 25), (8, 8)])
def test_a_picture_that_is_not_wider_than_high_is_no_pair(tmp_path: Path, size: tuple[int, int]) -> None:
    save(tmp_path / "portrait.png", *size)
    message = refused(config(tmp_path, layout="side-by-side", skip_broken=True))
    assert "portrait.png' is {}x{}".format(*size) in message and "--data.layout stems" in message
    save(tmp_path / "portrait.png", 2 * (size[1] // 2 + 1), size[1])
    assert len(load_pairs(config(tmp_path, layout="side-by-side"))) == 1


def test_another_layout_than_the_folder_has(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save(tmp_path / "wide" / split / "1.png", 16, 8)
    for layout in ("stems", "unpaired"):
        message = refused(config(tmp_path / "wide", layout=layout, a="sketch", b="photo"))
        assert "no folder 'sketch' and no folder 'photo' in split 'train' of" in message
        assert f"layout '{layout}'" in message and "--data.layout side-by-side" in message
        message = refused(config(tmp_path / "wide", layout=layout))
        assert "its folders: none" in message and "--data.layout side-by-side" in message
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/train.parquet").write_text("")
    message = refused(config(tmp_path / "rows", layout="side-by-side"))
    assert "no pictures in split 'train' of" in message and "--data.layout: stems, unpaired, made" in message


def test_mistakes_of_a_made_set(tmp_path: Path, root: Path) -> None:
    made = {"layout": "made", "made_by": "pencil"}
    assert "unknown data 'digit'" in refused(config(Path("digit"), **made))
    (root / "train/A/5.png").write_bytes(b"no picture")
    assert "A/5.png': not a picture" in refused(config(root, **made))
    pairs = load_pairs(config(root, **made, skip_broken=True))
    assert pairs.skipped == 1 and len(pairs) == len(pairs.names_a) == 15
