"""A translator beside what needs none, on pairs with a known answer."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from visavis.core import Shape
from visavis.data.pairs.config import PairsConfig
from visavis.data.pairs.load import load_pairs
from visavis.errors import UserError
from visavis.files import to_json
from visavis.judge import aligned
from visavis.judge.aligned import CEILING, Likeness, scores, window_of
from visavis.judge.translation import enlarged, evaluate_translation, mean_photo, validate
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import Description

SIDE = 8


class Times(nn.Module):
    """The picture times a number: -1 is the negative."""

    any_size, stride = True, 1

    def __init__(self, factor: float, scale: int = 1) -> None:
        super().__init__()
        self.factor, self.scale = factor, scale

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=self.scale) * self.factor


def model(**networks: nn.Module) -> Model:
    return model_of(dict(networks), Description({}, Shape(3, SIDE), (), False, 7, {}, "test", "translate"))


def pictures(n: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def negatives(tmp_path: Path) -> PairsConfig:
    """Pairs of a picture and its negative: 6 to train on, 3 to validate, 5 to test."""
    for seed, (split, n) in enumerate((("train", 6), ("val", 3), ("test", 5))):
        for i, pixels in enumerate(pictures(n, seed)):
            for side, image in (("a", pixels), ("b", 255 - pixels)):
                path = tmp_path / "set" / split / side / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
    return PairsConfig(source=str(tmp_path / "set"), resolution=SIDE)


def test_scores_by_hand() -> None:
    black, grey = np.zeros((2, 8, 8, 1), np.uint8), np.full((2, 8, 8, 1), 51, np.uint8)
    found = scores(black, grey)
    assert all(values.shape == (2,) for values in found.values())
    torch.testing.assert_close(found["l1"], torch.full((2,), 0.2, dtype=torch.float64))
    torch.testing.assert_close(found["mse"], torch.full((2,), 0.04, dtype=torch.float64))
    torch.testing.assert_close(found["psnr"], torch.full((2,), -10 * math.log10(0.04), dtype=torch.float64))
    torch.testing.assert_close(found["ssim"], torch.full((2,), 1e-4 / (0.04 + 1e-4), dtype=torch.float64))
    with pytest.raises(UserError, match="two equal"):
        scores(black, grey[:1])


def test_equal_images_have_a_finite_psnr() -> None:
    one = pictures(2)
    assert scores(one, one)["psnr"].tolist() == [CEILING] * 2 and 58.9 < CEILING < 59
    almost = one.copy()
    almost[0, 0, 0, 0] ^= 1
    assert scores(almost, one)["psnr"][0] == CEILING


def test_scores_do_not_depend_on_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pictures(9, 1), pictures(9, 2)
    together = scores(a, b)
    monkeypatch.setattr(aligned, "_CHUNK", 4)
    for name, values in scores(a, b).items():
        torch.testing.assert_close(values, together[name], rtol=1e-12, atol=0)


def test_windows_fit() -> None:
    assert [window_of(side) for side in (7, 8, 10, 11, 12, 256)] == [7, 7, 9, 11, 11, 11]


def test_clear_is_intervals_apart() -> None:
    low = torch.linspace(0.1, 0.2, 20, dtype=torch.float64)
    good = Likeness({"l1": low, "ssim": 1 - low})
    bad = Likeness({"l1": low + 0.5, "ssim": 0.5 - low})
    assert {row["model_is"] for row in good.beside(bad).values()} == {"clearly better"}
    assert {row["model_is"] for row in bad.beside(good).values()} == {"clearly worse"}
    rows = good.beside(Likeness({name: values + 0.01 for name, values in good.scores.items()}))
    assert {row["model_is"] for row in rows.values()} == {"not clear"}
    assert rows["l1"]["difference"]["value"] == pytest.approx(-0.01)
    assert rows["l1"]["difference"]["interval"] == pytest.approx([-0.01, -0.01])


def test_the_interval_of_a_mean() -> None:
    """Of 400 draws from a normal distribution: about 1.96 standard errors to both sides."""
    values = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    row = Likeness({"l1": values}).rows()["l1"]
    low, high = row["interval"]
    assert row["value"] == pytest.approx(float(values.mean()))
    assert high - low == pytest.approx(2 * 1.96 * float(values.std()) / 20, rel=0.1)


def test_the_right_translator_is_better_than_both_baselines(negatives: PairsConfig) -> None:
    found = evaluate_translation(model(G=Times(-1)), negatives)
    assert found["l1"] == {"value": 0, "interval": [0, 0]}
    assert found["psnr"]["value"] == pytest.approx(CEILING) and found["ssim"]["value"] == pytest.approx(1)
    test, train = load_pairs(negatives, "test"), load_pairs(negatives, "train")
    mean = train.b.astype(float).mean(0).round()
    by_hand = {
        "input": np.abs(test.a.astype(float) - test.b).mean() / 255,
        "mean-photo": np.abs(mean - test.b).mean() / 255,
    }
    assert found["baselines"].keys() == by_hand.keys()
    for name, rows in found["baselines"].items():
        assert rows["l1"]["value"] == pytest.approx(by_hand[name])
        assert rows["l1"]["difference"]["value"] == pytest.approx(-by_hand[name])
        assert {row["model_is"] for row in rows.values()} == {"clearly better"}
    assert found["fd_digitsr"]["value"] is None and "5 images" in found["fd_digitsr"]["why"]
    record = found["record"]
    assert (record["images"], record["train_images"], record["split"]) == (5, 6, "test")
    assert record["ssim_window"] == 7 and record["trained_images"] == 7
    to_json(found)


def test_the_input_itself_is_no_better_than_the_input(negatives: PairsConfig) -> None:
    found = evaluate_translation(model(G=Times(1)), negatives)
    rows = found["baselines"]["input"]
    assert {row["model_is"] for row in rows.values()} == {"not clear"}
    assert rows["l1"]["value"] == found["l1"]["value"] and rows["l1"]["difference"]["value"] == 0


def test_the_same_figures_twice(negatives: PairsConfig) -> None:
    one, other = (evaluate_translation(model(G=Times(0.5)), negatives) for _ in range(2))
    for found in (one, other):
        del found["record"]["seconds"]
    assert one == other


def test_a_distance_where_there_are_enough_images() -> None:
    config = PairsConfig(source="digits", layout="made", made_by={"kind": "invert"}, resolution=SIDE)
    given = model_of({"G": Times(-1)}, Description({}, Shape(1, SIDE), (), False, 0, {}, "test", "translate"))
    row = evaluate_translation(given, config)["fd_digitsr"]
    assert (
        row["value"] == pytest.approx(row["null"]) and row["interval"][0] < row["value"] < row["interval"][1]
    )
    given.networks["G"].factor = 1.0
    assert evaluate_translation(given, config)["fd_digitsr"]["value"] > 3 * row["value"]


def test_both_directions(negatives: PairsConfig) -> None:
    given = model(G_ab=Times(-1), G_ba=Times(-0.5))
    found = evaluate_translation(given, negatives)
    assert found["l1"]["value"] == 0 < found["b-to-a"]["l1"]["value"]
    assert found["b-to-a"]["baselines"].keys() == {"mean-photo", "input"}
    pairs = load_pairs(negatives, "val")
    checked = validate(given, pairs)
    half = np.abs(pairs.a.astype(float) - 127.5).mean() / 255 / 2
    assert checked["b-to-a/l1"] == pytest.approx(half, abs=1 / 255)
    assert checked["l1_cycle"] == pytest.approx(half, abs=1 / 255)


def test_validation(negatives: PairsConfig, tmp_path: Path) -> None:
    pairs = load_pairs(negatives, "val")
    found = validate(model(G=Times(-1)), pairs)
    assert found == pytest.approx({"l1": 0, "mse": 0, "psnr": CEILING, "ssim": 1})
    apart = load_pairs(negatives.model_copy(update={"layout": "unpaired"}), "val")
    assert validate(model(G_ab=Times(-1), G_ba=Times(-1)), apart) == {"l1_cycle": 0}
    with pytest.raises(UserError, match="no partners"):
        validate(model(G=Times(-1)), apart)
    with pytest.raises(UserError, match="'test' of 'set' has no pairs"):
        evaluate_translation(model(G=Times(-1)), negatives.model_copy(update={"layout": "unpaired"}))


def test_smaller_inputs_are_enlarged_bicubically() -> None:
    small = pictures(3)
    made = enlarged(small, 16)
    assert made.shape == (3, 16, 16, 3)
    bicubic = Image.fromarray(small[1]).resize((16, 16), Image.Resampling.BICUBIC)
    assert np.array_equal(made[1], np.asarray(bicubic))
    assert enlarged(small[..., :1], 16).shape == (3, 16, 16, 1)
    assert enlarged(small, SIDE) is small
    config = PairsConfig(
        source="digits", layout="made", made_by={"kind": "shrink", "factor": 2}, resolution=SIDE
    )
    given = model_of(
        {"G": Times(1, scale=2)}, Description({}, Shape(1, SIDE), (), False, 0, {}, "test", "translate")
    )
    found = evaluate_translation(given, config)
    assert found["record"]["input_resolution"] == 4
    assert found["baselines"]["input"]["psnr"]["value"] > found["baselines"]["mean-photo"]["psnr"]["value"]


def test_the_mean_photo_is_rounded() -> None:
    images = np.stack([np.full((2, 2, 3), value, np.uint8) for value in (0, 255, 255)])
    assert (mean_photo(images) == 170).all() and mean_photo(images).dtype == np.uint8
