"""What became of the files stands in the record, in one line of the text, and as a note where it matters."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import Cli

from visavis.data import DataConfig, load_images
from visavis.data.account import Account, LeftOut, in_a_line
from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.load import load_pairs
from visavis.errors import UserError


def save(folder: Path, n: int, size: int = 8, ending: str = "png", first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(n + first)
    for i in range(first, first + n):
        Image.fromarray(draw.integers(0, 256, (size, size), np.uint8)).save(folder / f"{i:03d}.{ending}")
    return folder


def test_an_account_in_one_line() -> None:
    parts = (LeftOut("'.heic' files", 20, "a.heic"), LeftOut("broken", 1, "b.png"))
    account = Account(40, parts, {"PNG": 30, "JPEG": 10}, ((64, 64), (80, 64)), (32, 32), 3, ("noted",))
    assert account.found == 61 and account.resized
    assert account.line() == (
        "40 of 61 images (30 PNG, 10 JPEG), 64x64 to 80x64 resized to 32x32, RGB; noted; "
        "left out: 20 '.heic' files (as 'a.heic'), 1 broken (as 'b.png')"
    )
    assert in_a_line(account.as_json()) == account.line()


def test_a_folder_tells_what_it_left_out(tmp_path: Path) -> None:
    folder = save(tmp_path / "set", 5)
    (folder / "notes.txt").write_text("no picture, and nobody takes it for one")
    (folder / "photo.heic").write_bytes(b"x")
    (folder / "gone.png").symlink_to("/nowhere/gone.png")
    save(folder, 1, ending="ppm", first=9)
    account = load_images(DataConfig(source=str(folder))).account
    assert account is not None and account.used == 6 and account.found == 9
    assert {part.why for part in account.wanted} == {"'.heic' files", "link to nothing"}
    assert account.formats == {"PNG": 5, "PPM": 1}


def test_a_judgement_says_what_differs_between_the_sides(tmp_path: Path, cli: Cli) -> None:
    made, real = save(tmp_path / "made", 70), save(tmp_path / "real", 90, size=16, ending="jpg", first=100)
    (real / "200.jpg").write_bytes(b"broken")
    refused = cli("evaluate", made, "--reference", real)
    assert refused.status == 2 and "--skip-broken" in refused.err
    done = cli("evaluate", made, "--reference", real, "--skip-broken", "--json")  # the advice works
    notes = " | ".join(done.json["warnings"])
    assert "reference: left out: 1 broken (as '" in notes and "16x16 resized to 8x8" in notes
    assert "90 reference images are JPEGs and the judged ones are not" in notes
    assert done.json["record"]["accounts"]["images"]["used"] == 70
    assert done.json["record"]["accounts"]["reference"]["stored"] == ["16x16"]


def test_floats_are_read_as_the_user_says(tmp_path: Path, cli: Cli) -> None:
    draw = np.random.default_rng(0).random((70, 8, 8))
    np.savez(tmp_path / "x.npz", images=draw * 1.2)
    refused = cli("evaluate", tmp_path / "x.npz", "--reference", "digits")
    assert refused.status == 2 and "--range" in refused.err
    done = cli("evaluate", tmp_path / "x.npz", "--reference", "digits", "--range", "unit", "--json")
    assert done.status == 0 and "[0, 1]" in done.json["record"]["quantisation"]


@pytest.mark.parametrize("rule", ["resize-crop", "pad"])
def test_pairs_tell_how_much_smaller_they_became(tmp_path: Path, rule: str) -> None:
    save(tmp_path / "set/A", 5, size=64)
    save(tmp_path / "set/B", 5, size=64)
    (tmp_path / "set/A/x.heic").write_bytes(b"")
    pairs = load_pairs(PairsConfig(source=str(tmp_path / "set"), layout="stems", resolution=16, fit=rule))
    assert pairs.shrunk == 4 and [account.resized for account in pairs.accounts] == [True, True]
    assert pairs.accounts[0].wanted[0].why == "'.heic' files"


def test_an_empty_array_has_no_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(UserError, match="no images in"):
        load_images(DataConfig(source=str(tmp_path / "x.npz")))
