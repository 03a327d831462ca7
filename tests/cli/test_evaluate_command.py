"""``visavis evaluate`` as users meet it: JSON, the table, sheets, and each mistake in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import Cli

import visavis
from visavis.data.digits import digits
from visavis.data.write import write_images

TEST = digits("test")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    np.savez(tmp_path / "images.npz", images=TEST[0], labels=TEST[1])
    return tmp_path / "images.npz"


def test_images_against_a_reference(images: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("evaluate", images, "--reference", "digits", "--json", "--out", tmp_path / "r.json")
    assert done.status == 0 and done.err == ""
    found = done.json
    assert list(found)[:5] == ["quality", "fd_digitsr", "kd_digitsr", "swd_digitsr", "is_digitsr"]
    assert found["quality"]["value"] == 100 and len(found["quality"]["interval"]) == 2
    assert found["fd_digitsr"].keys() == {"value", "interval", "null"}
    assert found["modes"]["modes"]["value"] == 10 and found["modes"]["kl"]["value"] < 0.02
    assert found["label_accuracy"]["value"] > 0.95 and found["classes"]["missing"] == []
    assert json.loads((tmp_path / "r.json").read_text()) == found
    again = cli("evaluate", images, "--reference", "digits", "--json").json
    for result in (found, again):
        del result["record"]["seconds"]
    assert again == found


def test_a_run_needs_nothing_else_and_the_table_is_for_people(
    digits_run: Path, tmp_path: Path, cli: Cli
) -> None:
    done = cli("evaluate", digits_run, "-n", 120, "--gallery", tmp_path / "sheets")
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["figure", "value", "95", "%", "interval", "null", "in", "words"]
    assert any(line.startswith("fd_digitsr") and "the null" in line for line in lines)
    assert lines[-2] == "reference: 1,438 of 1,438 images (uint8 array), 8x8, grey"
    assert lines[-3].startswith(f"120 images (ema) of {digits_run} against 1438 of digits, split train")
    sheets = ["closest-pairs.png", "nearest-train-pixels.png", "nearest-train.png"]
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == sheets


def test_two_runs_two_sets_two_results(images: Path, digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    better = cli("evaluate", images, "--reference", "digits", "--against", digits_run, "-n", 100)
    assert better.status == 0 and "A is better by" in better.out
    for name, given in (("a", images), ("b", digits_run)):
        options = ("--reference", "digits", "-n", 100, "--out", tmp_path / f"{name}.json", "--json")
        assert cli("evaluate", given, *options).status == 0
    stored = cli("evaluate", tmp_path / "a.json", "--against", tmp_path / "b.json")
    assert stored.status == 0 and "fd_digitsr: A" in stored.out and "A is better by" in stored.out
    cli("evaluate", images, "--reference", "digits", "-n", 120, "--out", tmp_path / "c.json")
    refused = cli("evaluate", tmp_path / "a.json", "--against", tmp_path / "c.json")
    assert refused.status == 2 and "'images' is 100 in one record and 120 in the other" in refused.err


def test_from_python(images: Path, tmp_path: Path) -> None:
    found = visavis.evaluate(images, "digits", n=60, device="cpu", gallery=tmp_path / "sheets")
    assert found["record"]["images"] == 60 and (tmp_path / "sheets" / "nearest-train.png").is_file()
    with pytest.raises(visavis.UserError, match="unknown option 'sede'; did you mean 'seed'"):
        visavis.evaluate(images, "digits", sede=1)


def test_jpegs_are_flagged(tmp_path: Path, cli: Cli) -> None:
    for i, image in enumerate(TEST[0][:20]):
        (tmp_path / "jpegs").mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).convert("RGB").save(tmp_path / "jpegs" / f"{i}.jpg", quality=95)
    write_images(tmp_path / "pngs", TEST[0][:20])
    reference = ("--reference", "digits")
    done = cli("evaluate", tmp_path / "jpegs", *reference, "--json")
    assert done.json["record"]["jpeg"] == 20 and any("JPEG" in text for text in done.json["warnings"])
    refused = cli("evaluate", tmp_path / "jpegs", *reference, "--against", tmp_path / "pngs")
    assert refused.status == 2 and "'jpeg' is True in one record and False" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["images"]),
        (["x.npz"], ["--reference"]),
        (["missing"], ["'missing'", "digits"]),
        (["./missing"], ["no file or folder './missing'"]),
        (["empty", *(ref := ["--reference", "digits"])], ["no images in folder 'empty'"]),
        (["torn", *ref], ["broken image 'torn/1.png'", "--skip-broken"]),
        (["mixed", *ref], ["'mixed/z.png' is 16x16", "--resolution"]),
        (["nan.npz", *ref], ["NaN", "row 2"]),
        (["four.npz", *ref], ["4 images to judge", "more than 5"]),
        (["x.npz", "--reference", "missing"], ["'missing'"]),
        (["x.npz", "--reference", "digits", "--split", "tset"], ["split 'tset'", "did you mean 'test'"]),
        (["x.npz", "--reference", "digits", "--split", "train+test"], ["--held-out none"]),
        (["x.npz", *ref, "--held-out", "dev"], ["held-out split 'dev'", "test"]),
        (["x.npz", *ref, "--classes", "cat"], ["class 'cat'"]),
        (["x.npz", *ref, "--per-class"], ["no two classes"]),
        (["x.npz", *ref, "-n", "0"], ["-n", "'0'"]),
        (["x.npz", *ref, "-n", "31"], ["-n 31", "1 to 30"]),
        (["x.npz", *ref, "--infinity"], ["extrapolation from 30 images"]),
        (["x.npz", *ref, "--features", "digits"], ["features 'digits'", "did you mean 'digitsr'"]),
        (["x.npz", *ref, "--features", "digitsr", "--weights", "four.npz"], ["SHA-256", "four.npz"]),
        (["x.npz", *ref, "--resize", "fast"], ["resize rule 'fast'"]),
        (["x.npz", *ref, "--raw"], ["--raw is for runs"]),
        (["x.npz", *ref, "--out", "r.txt"], ["'r.txt'", ".json"]),
        (["x.npz", *ref, "--against", "missing"], ["'missing'"]),
        (["x.npz", *ref, "--against", "no.json"], ["'no.json' is no result"]),
        (["no.json"], ["--against"]),
        (["x.npz", *ref, "--device", "gpu"], ["device 'gpu'"]),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line(
    arguments: list[str], words: list[str], tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.json").write_text("{}")
    for name in ("torn", "mixed"):
        write_images(tmp_path / name, TEST[0][:8].repeat(3, axis=3))
    (tmp_path / "torn" / "000001.png").rename(tmp_path / "torn" / "1.png")
    (tmp_path / "torn" / "1.png").write_bytes((tmp_path / "torn" / "1.png").read_bytes()[:60])
    Image.new("RGB", (16, 16)).save(tmp_path / "mixed" / "z.png")
    floats = np.zeros((9, 8, 8, 1), np.float32)
    floats[2, 0, 0] = np.nan
    np.savez(tmp_path / "nan.npz", images=floats)
    np.savez(tmp_path / "four.npz", images=TEST[0][:4])
    if "--per-class" in arguments:  # one class only
        np.savez(tmp_path / "x.npz", images=TEST[0][TEST[1] == 0][:30])
        arguments = [*arguments, "--classes", "0"]
    else:
        np.savez(tmp_path / "x.npz", images=TEST[0][:30])
    refused = cli("evaluate", *arguments)
    assert refused.status == 2 and refused.out == ""
    assert refused.err.startswith("visavis: ") and refused.err.count("\n") == 1
    assert [word for word in words if word not in refused.err] == []
