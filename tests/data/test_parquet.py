import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from visavis.data import DataConfig, ImageSet, load_images
from visavis.errors import UserError

Picture = Callable[..., Image.Image]
CIFAR = Path(__file__).parents[3] / "shared" / "data" / "cifar10"


def load(path: Path, **settings: object) -> ImageSet:
    return load_images(DataConfig(source=str(path), **settings))


def encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write(
    path: Path,
    pictures: list[bytes],
    labels: list[int] | None,
    names: list[str] | None = None,
    column: str = "img",
) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {column: pa.array([{"bytes": data, "path": None} for data in pictures], kind)}
    features: dict[str, object] = {column: {"_type": "Image"}}
    if labels is not None:
        columns["label"] = pa.array(labels, pa.int64())
        if names:
            features["label"] = {"names": names, "_type": "ClassLabel"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if names else None
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path, row_group_size=2)


@pytest.fixture
def hub_folder(tmp_path: Path, picture: Picture) -> Path:
    """Two training files and a test file of 3 images each, below ``set/plain``."""
    for number, name in enumerate(["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"]):
        pictures = [encode(picture(3 * number + i)) for i in range(3)]
        write(tmp_path / "set" / "plain" / f"{name}.parquet", pictures, [0, 1, 2], ["cat", "dog", "emu"])
    return tmp_path / "set"


def test_hub_layout(hub_folder: Path, picture: Picture) -> None:
    for folder in (hub_folder, hub_folder / "plain"):
        images = load(folder)
        assert images.classes == ("cat", "dog", "emu") and images.images.shape == (6, 8, 8, 3)
        assert images.labels is not None and images.labels.tolist() == [0, 1, 2, 0, 1, 2]
        np.testing.assert_array_equal(images.images[4], np.asarray(picture(4)))
    assert len(load(hub_folder, split="train+test")) == 9
    np.testing.assert_array_equal(load(hub_folder, split="test").images[0], np.asarray(picture(6)))
    with pytest.raises(UserError, match=r"unknown split 'validation' \(allowed: test, train\)"):
        load(hub_folder, split="validation")


def test_classes_decode_only_what_they_keep(hub_folder: Path, picture: Picture) -> None:
    images = load(hub_folder, classes="emu,dog")
    assert images.labels is not None and images.labels.tolist() == [1, 0, 1, 0]
    np.testing.assert_array_equal(images.images[3], np.asarray(picture(5)))


def test_single_file(hub_folder: Path) -> None:
    file = hub_folder / "plain" / "test-00000-of-00001.parquet"
    assert len(load(file, split="test")) == 3
    with pytest.raises(UserError, match="unknown split 'train'"):
        load(file)
    assert len(load(file.rename(hub_folder / "mine.parquet"))) == 3


def test_missing_part(hub_folder: Path) -> None:
    (hub_folder / "plain" / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(UserError, match="1 of 2 files"):
        load(hub_folder)
    assert len(load(hub_folder / "plain" / "train-00000-of-00002.parquet")) == 3


def test_several_sets_in_one_folder(hub_folder: Path, picture: Picture) -> None:
    write(hub_folder / "other" / "train-00000-of-00001.parquet", [encode(picture())], None)
    with pytest.raises(UserError, match=r"several sets .*other, plain"):
        load(hub_folder)


def test_without_metadata_or_labels(tmp_path: Path, picture: Picture) -> None:
    pictures = [encode(picture(i)) for i in range(3)]
    write(tmp_path / "a.parquet", pictures, [2, 0, 2], column="picture")
    images = load(tmp_path / "a.parquet")
    assert images.classes == ("0", "1", "2")
    write(tmp_path / "b.parquet", pictures, None)
    assert load(tmp_path / "b.parquet").labels is None
    write(tmp_path / "c.parquet", pictures, [-1, -1, -1], ["x"])
    assert load(tmp_path / "c.parquet").labels is None
    with pytest.raises(UserError, match="class 'x' has no images"):
        write(tmp_path / "d.parquet", pictures, [0, 0, 0], ["y", "x"])
        load(tmp_path / "d.parquet", classes="x")


def test_labels_that_do_not_fit(tmp_path: Path, picture: Picture) -> None:
    write(tmp_path / "a.parquet", [encode(picture())], [3], ["x", "y"])
    with pytest.raises(UserError, match="allowed: 0 to 1"):
        load(tmp_path / "a.parquet")


def test_files_that_hold_no_images(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"no image column .* it has text"):
        load(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 but broken")
    with pytest.raises(UserError, match="cannot read parquet"):
        load(tmp_path / "b.parquet")


def test_broken_row_is_named(tmp_path: Path, picture: Picture) -> None:
    write(tmp_path / "a.parquet", [encode(picture()), b"broken"], None)
    with pytest.raises(UserError, match=r"a\.parquet row 1"):
        load(tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet", skip_broken=True).skipped == 1


def test_streamed_is_memory_mapped_and_equal(hub_folder: Path) -> None:
    held, streamed = load(hub_folder), load(hub_folder, stream="always")
    np.testing.assert_array_equal(streamed.images[:], held.images)
    assert streamed.digest == held.digest and streamed.classes == held.classes


def test_cifar10() -> None:
    if not CIFAR.is_dir():
        pytest.skip("no shared/data/cifar10 beside the repository")
    images = load(CIFAR, split="test")
    assert images.images.shape == (10_000, 32, 32, 3) and images.labels is not None
    assert np.bincount(images.labels).tolist() == [1000] * 10
    assert images.classes[3] == "cat" and images.labels[:4].tolist() == [3, 8, 8, 0]  # the official order
