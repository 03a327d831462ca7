import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import Cli

from visavis.errors import UserError
from visavis.judge.evaluate import Options
from visavis.judge.matched import judge_pairs


def save(path: Path, value: int | np.ndarray, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> Path:
    """A picture of one grey level, or of these pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, np.uint8) if isinstance(value, int) else value
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three pairs, off by 0, 51 and 255 of 255 levels, subfolders and other formats; two alone."""
    for name, made, real in (("a", 40, 40), ("sub/b", 100, 151), ("c", 0, 255)):
        save(tmp_path / "made" / f"{name}.png", made)
        save(tmp_path / "real" / f"{name}.bmp", real)
    save(tmp_path / "made" / "only.png", 1)
    save(tmp_path / "real" / "sub" / "c.png", 1)
    return tmp_path / "made", tmp_path / "real"


def test_figures_worked_by_hand(folders: tuple[Path, Path]) -> None:
    found = judge_pairs(*folders, Options())
    assert found["l1"]["value"] == pytest.approx((0 + 0.2 + 1) / 3)
    assert found["mse"]["value"] == pytest.approx((0 + 0.04 + 1) / 3)
    ceiling = 10 * math.log10(12 * 255**2)  # of equal images
    assert found["psnr"]["value"] == pytest.approx((ceiling - 10 * math.log10(0.04) - 0) / 3)
    low, high = found["l1"]["interval"]
    assert 0 <= low < found["l1"]["value"] < high <= 1
    assert [row["name"] for row in found["worst"]] == ["c", "sub/b", "a"]
    assert found["worst"][0]["l1"] == pytest.approx(1)
    record = found["record"]
    assert (record["images"], record["channels"], record["ssim_window"]) == (3, 3, 11)


def test_the_account_tells_what_has_no_partner(folders: tuple[Path, Path]) -> None:
    found = judge_pairs(*folders, Options())
    made, real = found["record"]["accounts"].values()
    assert (made["used"], made["found"], real["used"], real["found"]) == (3, 4, 3, 4)
    assert made["left_out"] == [{"why": "without a partner", "images": 1, "example": "only"}]
    assert real["left_out"][0]["example"] == "sub/c" and real["formats"] == {"BMP": 3}
    assert any("1 without a partner (as 'only')" in told for told in found["warnings"])


def test_equal_pictures_are_as_alike_as_can_be_and_order_of_folders_does_not_matter(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    for i, (a, b) in enumerate(((pixels[0], pixels[0]), (pixels[0], pixels[1]))):
        save(tmp_path / "a" / f"{i}.png", a)
        save(tmp_path / "b" / f"{i}.png", b)
    one = judge_pairs(tmp_path / "a", tmp_path / "b", Options())
    other = judge_pairs(tmp_path / "b", tmp_path / "a", Options())
    for name in ("l1", "mse", "psnr", "ssim"):
        assert one[name]["value"] == pytest.approx(other[name]["value"], rel=1e-12)
    assert one["worst"][1]["ssim"] == pytest.approx(1) and one["worst"][1]["l1"] == 0
    assert one["record"]["accounts"]["images"]["size"] == "32x24"  # not square, and as it is


def test_sizes_differ_between_pairs_but_not_within_one(tmp_path: Path) -> None:
    for name, side in (("a", 12), ("b", 20), ("c", 8)):
        save(tmp_path / "x" / f"{name}.png", 10, (side, side))
        save(tmp_path / "y" / f"{name}.png", 61, (side, side))
    found = judge_pairs(tmp_path / "x", tmp_path / "y", Options())
    assert found["l1"]["value"] == pytest.approx(0.2) and found["record"]["ssim_window"] == 7
    assert found["record"]["accounts"]["images"]["size"] == "8x8 to 20x20"
    save(tmp_path / "y" / "b.png", 61, (40, 40))
    with pytest.raises(UserError, match=r"'b' is 20x20 and its partner 40x40 .*--resolution"):
        judge_pairs(tmp_path / "x", tmp_path / "y", Options())
    fitted = judge_pairs(tmp_path / "x", tmp_path / "y", Options(resolution=16))
    assert fitted["l1"]["value"] == pytest.approx(0.2)
    assert any("resized to 16x16" in told for told in fitted["warnings"])


def test_a_broken_picture_and_grey_beside_colour(folders: tuple[Path, Path]) -> None:
    made, real = folders
    (made / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(UserError, match=r"broken image '.*c.png'.*--skip-broken"):
        judge_pairs(made, real, Options())
    found = judge_pairs(made, real, Options(skip_broken=True))
    assert found["record"]["images"] == 2 and found["l1"]["value"] == pytest.approx(0.1)
    assert any("1 of a broken pair" in told for told in found["warnings"])
    for name in ("a", "sub/b"):
        save(made / f"{name}.png", 40, mode="L")
    (made / "c.png").unlink()
    grey = judge_pairs(made, real, Options())
    assert grey["record"]["channels"] == 3 and any("grey is compared as RGB" in t for t in grey["warnings"])


def test_what_cannot_be_matched_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    made, real = folders
    save(tmp_path / "others" / "x.png", 0)
    with pytest.raises(UserError, match=r"no picture of .*'a' and 'x'"):
        judge_pairs(made, tmp_path / "others", Options())
    with pytest.raises(UserError, match=r"--targets 'digits' is no folder"):
        judge_pairs(made, "digits", Options())
    with pytest.raises(UserError, match=r"-n does not apply to pairs"):
        judge_pairs(made, real, Options(n=2))
    save(made / "a.jpg", 0)
    with pytest.raises(UserError, match="have one name"):
        judge_pairs(made, real, Options())


def test_on_the_command_line_and_from_a_zip(folders: tuple[Path, Path], tmp_path: Path, cli: Cli) -> None:
    made, real = folders
    with zipfile.ZipFile(tmp_path / "real.zip", "w") as archive:
        for file in sorted(real.rglob("*.bmp")):
            archive.write(file, file.relative_to(real))
    done = cli("evaluate", made, "--targets", tmp_path / "real.zip", "--json", "--out", tmp_path / "r.json")
    assert done.status == 0 and done.json["l1"]["value"] == pytest.approx(0.4)
    told = cli("evaluate", made, "--targets", real)
    assert told.status == 0 and "without a partner" in told.out
    assert any(line.startswith("ssim") for line in told.out.splitlines())
    refused = cli("evaluate", made, "--targets", real, "--gallery", tmp_path / "g")
    assert refused.status == 2 and "do not apply to pairs" in refused.err
