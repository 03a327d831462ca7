from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from visavis.data import DataConfig, load_images
from visavis.errors import UserError


def test_offline_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"cannot load 'nobody/nothing'.*--data FOLDER") as raised:
        load_images(DataConfig(source="nobody/nothing"))
    assert "\n" not in str(raised.value)


def test_paths_never_go_to_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.data.sources.open_hub", lambda name: pytest.fail("asked the hub"))
    for source in ("./a", "../a", "/no/where", "~/no/where", "a/b/c", "sets/x.npz", "sets/x.parquet"):
        with pytest.raises(UserError, match="no file or folder"):
            load_images(DataConfig(source=source))
    with pytest.raises(UserError, match=r"unknown data 'digit'; did you mean 'digits'\?"):
        load_images(DataConfig(source="digit"))


def test_hub_set(monkeypatch: pytest.MonkeyPatch, picture: Callable[..., Image.Image]) -> None:
    import datasets

    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "photo": datasets.Image(),
            "kind": datasets.ClassLabel(names=["a", "b"]),
        }
    )
    rows = {"id": [5, 6, 7], "photo": [picture(i) for i in range(3)], "kind": [1, 0, 1]}
    part = datasets.Dataset.from_dict(rows, features=features)
    monkeypatch.setattr(datasets, "load_dataset", lambda name: datasets.DatasetDict({"train": part}))
    images = load_images(DataConfig(source="owner/name", classes="b"))
    assert images.classes == ("b",) and images.name == "owner/name"
    np.testing.assert_array_equal(images.images, [np.asarray(picture(i)) for i in (0, 2)])
    with pytest.raises(UserError, match=r"unknown split 'test' \(allowed: train\)"):
        load_images(DataConfig(source="owner/name", split="test"))
