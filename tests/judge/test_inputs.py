from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visavis.data import draws
from visavis.data.write import write_images
from visavis.errors import UserError
from visavis.judge.inputs import open_source
from visavis.judge.reference import naming


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path / "cache"))


def pictures(n: int = 20, side: int = 8, channels: int = 3) -> np.ndarray:
    return draws.bits(n * side * side * channels, n).astype(np.uint8).reshape(n, side, side, channels)


@pytest.mark.parametrize("name", ["x.npz", "x.parquet", "folder"])
def test_every_kind_of_images_is_read_with_its_labels(tmp_path: Path, name: str) -> None:
    images, labels = pictures(), np.arange(20) // 10
    write_images(tmp_path / name, images, labels, ("cat", "dog"))
    source = open_source(tmp_path / name)
    sample = source.take(None, 0)
    assert np.array_equal(sample.pixels.numpy(), images) and source.shape == (3, 8) and len(source) == 20
    assert sample.labels is not None and sample.labels.tolist() == labels.tolist()
    assert (sample.classes, sample.weights, sample.jpeg) == (("cat", "dog"), "images", 0)
    dogs = open_source(tmp_path / name, classes=("dog",)).take(None, 0)
    assert len(dogs.pixels) == 10 and dogs.classes == ("dog",)


def test_all_splits_of_a_folder_are_judged_together(tmp_path: Path) -> None:
    write_images(tmp_path / "x" / "test", pictures(4))
    write_images(tmp_path / "x" / "val", pictures(5))
    assert len(open_source(tmp_path / "x")) == 9


def test_fewer_are_drawn_by_the_seed(tmp_path: Path) -> None:
    write_images(tmp_path / "x.npz", pictures())
    source = open_source(tmp_path / "x.npz")
    one, again, other = (source.take(8, seed) for seed in (0, 0, 1))
    assert torch.equal(one.pixels, again.pixels) and one.digest == again.digest != other.digest
    assert len({image.numpy().tobytes() for image in one.pixels}) == 8
    with pytest.raises(UserError, match=r"-n 21 .* has 20 \(allowed: 1 to 20\)"):
        source.take(21, 0)


def test_jpegs_are_counted_by_content(tmp_path: Path) -> None:
    for i, image in enumerate(pictures(6)):
        kind = "JPEG" if i < 4 else "PNG"
        Image.fromarray(image).save(tmp_path / f"{i}.png", kind)  # whatever the name says
    assert open_source(tmp_path).take(None, 0).jpeg == 4


@pytest.mark.parametrize(("low", "told"), [(-1.0, "[-1, 1]"), (0.0, "[0, 1]")])
def test_floats_are_quantised_once_by_rounding(tmp_path: Path, low: float, told: str) -> None:
    grey = np.array([0, 1, 100, 254, 255], np.uint8)
    images = np.zeros((5, 4, 4, 3), np.uint8) + grey[:, None, None, None]
    x = images / 255 * (1 - low) + low
    np.savez(tmp_path / "x.npz", images=(x + 0.3 / 255 * (x < 0.99)).astype(np.float32), labels=np.arange(5))
    sample = open_source(tmp_path / "x.npz").take(None, 0)
    assert np.array_equal(sample.pixels.numpy(), images[..., :1]) and told in sample.quantisation
    assert sample.labels is not None and sample.labels.tolist() == [0, 1, 2, 3, 4]
    assert len(open_source(tmp_path / "x.npz", classes=("2",))) == 1
    assert open_source(tmp_path / "x.npz", resolution=8).shape == (1, 8)


def bad_floats(path: Path, value: float) -> Path:
    x = np.zeros((5, 4, 4, 3), np.float32)
    x[3, 1, 1, 0] = value
    np.savez(path, images=x)
    return path


@pytest.mark.parametrize(
    ("value", "words"),
    [(np.nan, "1 of 5 rows hold NaN.*row 3"), (np.inf, "row 3"), (1.5, "from 0 to 1.5, .* in doubt .*scale")],
)
def test_floats_that_are_no_pixels(tmp_path: Path, value: float, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_source(bad_floats(tmp_path / "x.npz", value))


def test_bad_images_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no images in folder.*empty.*give other images"):
        open_source(tmp_path / "empty")
    with pytest.raises(UserError, match=r"no file or folder.*nowhere"):
        open_source("./nowhere")
    mixed = tmp_path / "mixed"
    write_images(mixed, pictures(3))
    Image.fromarray(pictures(1, 16)[0]).save(mixed / "z.png")
    with pytest.raises(UserError, match=r"z\.png' is 16x16.*--resolution"):
        open_source(mixed)
    assert open_source(mixed, resolution=8).shape == (3, 8)
    torn = mixed / "z.png"
    torn.write_bytes(torn.read_bytes()[:100])
    with pytest.raises(UserError, match=r"broken image '.*z\.png'.*--skip-broken"):
        open_source(mixed)
    assert len(open_source(mixed, skip_broken=True)) == 3
    np.savez(tmp_path / "four.npz", images=pictures(3, channels=4))
    with pytest.raises(UserError, match="4 channels"):
        open_source(tmp_path / "four.npz")
    (tmp_path / "no.npz").write_bytes(b"PK rubbish")
    with pytest.raises(UserError, match=r"cannot read '.*no\.npz'"):
        open_source(tmp_path / "no.npz")


def test_options_of_the_other_kind_are_refused(tmp_path: Path, digits_run: Path) -> None:
    write_images(tmp_path / "x.npz", pictures())
    with pytest.raises(UserError, match="--raw is for runs"):
        open_source(tmp_path / "x.npz", raw=True)
    with pytest.raises(UserError, match="--resolution is for images"):
        open_source(digits_run, resolution=16)
    with pytest.raises(UserError, match="class 'cat'"):
        open_source(digits_run, classes=("cat",))
    with pytest.raises(UserError, match="no run at"):
        open_source("missing.safetensors")


def test_what_the_data_room_says_of_data_is_said_of_images() -> None:
    with pytest.raises(UserError, match=r"^mend it; give other images$"), naming("images"):
        raise UserError("mend it; give another --data")
    with pytest.raises(UserError, match=r"^give one as --reference$"), naming("--reference"):
        raise UserError("give one as --data")
