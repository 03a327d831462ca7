import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flat_features import DigitExtractor, FlatExtractor

from visavis.data import draws
from visavis.data.digits import digits
from visavis.errors import UserError
from visavis.files import to_json
from visavis.judge.evaluate import Evaluation, Options, evaluate

DIGITS = Options(reference="digits")
TRAIN, TEST = digits("train"), digits("test")


def npz(path: Path, images: np.ndarray, **arrays: Any) -> Path:
    np.savez(path, images=images, **arrays)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def held_out(folder: Path) -> Evaluation:
    """The held-out digits themselves: every figure is its own null."""
    path = npz(folder / "held-out.npz", TEST[0], labels=TEST[1])
    return evaluate(path, DIGITS, extractor=DigitExtractor())


@pytest.fixture(scope="module")
def collapsed(folder: Path) -> Evaluation:
    """Ten threes of train, again and again."""
    threes = TRAIN[0][TRAIN[1] == 3][:10]
    return evaluate(npz(folder / "c.npz", np.tile(threes, (36, 1, 1, 1))), DIGITS, extractor=DigitExtractor())


def rows(part: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """All figures of a result."""
    if "value" in part and "null" in part:
        return {path: part}
    below = {name: value for name, value in part.items() if isinstance(value, Mapping) and name != "shares"}
    return {p: row for name, value in below.items() for p, row in rows(value, (*path, name)).items()}


def test_a_null_is_the_same_figure_of_held_out_images(held_out: Evaluation) -> None:
    found = rows({name: part for name, part in held_out.result.items() if name != "record"})
    assert len(found) > 60
    for path, row in found.items():
        if path[-1] in (
            "near_copies",
            "near_copies_pixels",
            "ct",
            "quality",
        ):  # by construction, halves, 100 by definition
            continue
        assert row["value"] == pytest.approx(row["null"], rel=1e-9), path
    assert held_out.result["quality"]["value"] == 100 and held_out.result["warnings"] == []
    assert next(iter(held_out.result)) == "quality"


def test_intervals_hold_the_values(held_out: Evaluation) -> None:
    found = rows(held_out.result)
    with_ends = {path: row for path, row in found.items() if row["interval"] is not None}
    names = {path[0] for path in with_ends} | {path[-1] for path in with_ends}
    expected = {
        "quality",
        "fd_flat",
        "kd_flat",
        "swd_flat",
        "is_flat",
        "precision",
        "recall",
        "density",
        "coverage",
    }
    assert expected | {"near_copies", "authenticity", "support", "label_accuracy"} <= names
    for path, row in with_ends.items():
        low, high = row["interval"]
        assert low <= row["value"] <= (math.inf if high is None else high), path
    for path, row in found.items():
        assert row["interval"] is not None or row["why"], path


def test_a_collapsed_generator_is_seen_by_every_figure(collapsed: Evaluation) -> None:
    result = collapsed.result
    assert result["quality"]["value"] < 5 and result["fd_flat"]["value"] > 20 * result["fd_flat"]["null"]
    assert result["coverage"]["value"] < 0.05 and result["recall"]["value"] < 0.05
    assert result["classes"]["missing"] == ["0", "1", "2", "4", "5", "6", "7", "8", "9"]
    assert result["classes"]["shares"]["3"]["value"] == 1
    assert result["birthday"]["support"]["value"] == pytest.approx(10, rel=0.05)
    assert result["birthday"]["half"]["value"] <= 6 < result["birthday"]["half"]["null"]
    assert result["ndb"]["value"] > 0.8 > result["ndb"]["null"] and result["js"]["value"] > 0.3
    memory = result["memorisation"]
    assert memory["exact_duplicates"]["value"] == 1 and memory["exact_duplicates"]["null"] == 0
    assert memory["repeats"]["value"] == pytest.approx(350 / 360) and memory["authenticity"]["value"] == 0
    assert memory["near_copies"]["flagged"] and memory["ct"]["value"] < -10
    assert result["diversity"]["gap"]["value"] == 0
    assert [pair[2] for pair in result["birthday"]["closest"]] == [0] * len(result["birthday"]["closest"])


def test_one_copy_in_ten_is_flagged_and_held_out_images_are_not(folder: Path, held_out: Evaluation) -> None:
    mixed = np.concatenate([TRAIN[0][:36], TEST[0][36:]])
    memory = evaluate(npz(folder / "m.npz", mixed), DIGITS, extractor=DigitExtractor()).result["memorisation"]
    assert memory["exact_duplicates"]["value"] == pytest.approx(36 / 359)
    assert memory["exact_duplicates"]["pairs"] == [[i, i] for i in range(20)]
    assert memory["near_copies"]["flagged"] and memory["near_copies"]["p"] < 1e-6
    own = held_out.result["memorisation"]
    assert not own["near_copies"]["flagged"] and own["exact_duplicates"]["value"] == 0


def test_twice_the_same_order_and_batches_do_not_matter(folder: Path, held_out: Evaluation) -> None:
    path = folder / "held-out.npz"
    other = evaluate(path, DIGITS, extractor=DigitExtractor()).result
    assert untimed(other) == untimed(held_out.result)
    order = draws.permutation(len(TEST[0]), 5)
    turned = npz(folder / "turned.npz", TEST[0][order], labels=TEST[1][order])
    moved = rows(evaluate(turned, DIGITS, extractor=DigitExtractor()).result)
    by_position = {("is_flat",), ("birthday", "half")}  # splits and batches are drawn by position
    for path, row in rows(held_out.result).items():
        if path in by_position or path[0] == "diversity":
            continue
        assert moved[path]["value"] == pytest.approx(row["value"], rel=1e-6, abs=1e-9), path


def untimed(result: dict[str, Any]) -> Any:
    return json.loads(to_json(result | {"record": {**result["record"], "seconds": 0}}))


def test_the_record_says_what_a_figure_was_made_with(held_out: Evaluation) -> None:
    record = held_out.result["record"]
    weights = DigitExtractor().sha256
    assert (record["features"], record["features_sha256"], record["resize"]) == ("flat", weights, "none")
    assert (record["reference"], record["split"], record["reference_images"]) == ("digits", "train", 1438)
    assert (record["held_out"], record["held_out_images"], record["null_images"]) == ("test", 359, 359)
    assert (record["images"], record["weights"], record["quantisation"]) == (359, "images", "uint8")
    assert (record["jpeg"], record["seed"], record["device"], record["batch_size"]) == (0, 0, "cpu", 64)
    assert record["versions"].keys() == {"visavis", "torch", "numpy", "Pillow", "Python"}
    assert len(record["reference_digest"]) == 32 and len(record["source_digest"]) == 32
    assert record["features_dims"] == 16 and record["seconds"] >= 0


def test_json_has_no_nan_whatever_the_images(folder: Path) -> None:
    """One image repeated, and few images: figures that cannot be are null, with the reason."""
    for name, images in (("one", np.repeat(TRAIN[0][:1], 40, axis=0)), ("few", TEST[0][:6])):
        found = evaluate(npz(folder / f"{name}.npz", images), DIGITS, extractor=DigitExtractor()).result
        json.loads(json.dumps(found, allow_nan=False))
        for path, row in rows(found).items():
            assert row["value"] is not None or row["why"], path
    assert found["quality"]["value"] is None and "100" in found["quality"]["why"]
    assert found["is_flat"]["value"] is None and found["ndb"]["value"] is None
    assert any("mostly bias" in warning and "kd_flat" in warning for warning in found["warnings"])


def test_without_a_classifier_or_labels_nothing_is_said_of_classes(folder: Path) -> None:
    path = npz(folder / "plain.npz", TEST[0])
    found = evaluate(path, DIGITS, extractor=FlatExtractor()).result
    assert "is_flat" not in found and "per_class" not in found and "why" in found["classes"]
    assert found["quality"]["classes"] is None and found["quality"]["value"] == 100
    assert "by_class" not in found["diversity"]
    with pytest.raises(UserError, match="no two classes"):
        evaluate(path, replace(DIGITS, per_class=True), extractor=FlatExtractor())
    by_labels = evaluate(
        npz(folder / "l.npz", *TEST[:1], labels=TEST[1]),
        replace(DIGITS, per_class=True),
        extractor=FlatExtractor(),
    )
    assert list(by_labels.result["per_class"]) == list("0123456789")
    assert by_labels.result["per_class"]["3"]["images"]["value"] == (TEST[1] == 3).sum()


def test_one_class_has_no_figures_per_class(folder: Path) -> None:
    path = npz(folder / "threes.npz", TEST[0][TEST[1] == 3])
    options = replace(DIGITS, classes=("3",))
    found = evaluate(path, options, extractor=FlatExtractor()).result
    assert found["record"]["classes"] == ["3"] and "per_class" not in found
    with pytest.raises(UserError, match="no two classes"):
        evaluate(path, replace(options, per_class=True), extractor=FlatExtractor())


def test_a_reference_without_held_out_images(folder: Path) -> None:
    path = npz(folder / "some.npz", TEST[0][:100])
    options = replace(DIGITS, split="train+test")
    with pytest.raises(UserError, match="--held-out none"):
        evaluate(path, options, extractor=FlatExtractor())
    found = evaluate(path, replace(options, held_out="none"), extractor=FlatExtractor()).result
    assert found["quality"]["value"] is None and found["fd_flat"]["null"] is None
    memory = found["memorisation"]
    assert memory["exact_duplicates"]["value"] == 1  # they are in the reference
    assert [memory[name]["value"] for name in ("near_copies", "authenticity", "ct")] == [None] * 3
    assert all("--held-out none" in memory[name]["why"] for name in ("near_copies", "authenticity", "ct"))
    assert any("no quality" in warning for warning in found["warnings"])


def test_fewer_held_out_images_than_judged_are_told(folder: Path) -> None:
    many = npz(folder / "many.npz", TRAIN[0][:600])
    found = evaluate(many, DIGITS, extractor=FlatExtractor()).result
    assert found["record"]["null_images"] == 359 and found["record"]["images"] == 600
    assert any("-n 359" in warning for warning in found["warnings"])
    as_many = evaluate(many, replace(DIGITS, n=359), extractor=FlatExtractor()).result
    assert as_many["record"]["images"] == 359 and as_many["warnings"] == []


def test_infinity(folder: Path) -> None:
    path = npz(folder / "many2.npz", TRAIN[0][:600])
    options = replace(DIGITS, infinity=True)
    found = evaluate(path, options, extractor=FlatExtractor(dims=8)).result
    row = found["fd_flat_infinity"]
    assert abs(row["value"]) < found["fd_flat"]["value"] and row["null"] is not None
    with pytest.raises(UserError, match="extrapolation"):
        evaluate(path, options, extractor=FlatExtractor(dims=200))


def test_only_inception_is_called_fid(folder: Path) -> None:
    path = npz(folder / "x.npz", TEST[0][:50])
    found = evaluate(path, DIGITS, extractor=FlatExtractor(name="inception")).result
    assert "fid" in found and "fd_inception" not in found and "kd_inception" in found
    assert not any("fid" in name for name in evaluate(path, DIGITS, extractor=FlatExtractor()).result)


def test_a_run_is_judged_by_what_it_was_trained_on(digits_run: Path) -> None:
    found = evaluate(digits_run, Options(), extractor=DigitExtractor())
    record = found.result["record"]
    assert (record["reference"], record["split"], record["weights"]) == ("digits", "train", "ema")
    assert (record["images"], record["trained_images"]) == (359, 64) and len(record["weights_sha256"]) == 64
    assert found.made.labels is not None and found.made.labels[:12].tolist() == [*range(10), 0, 1]
    assert found.result["quality"]["value"] < 50 and found.result["warnings"] == []
    raw = evaluate(digits_run, Options(raw=True), extractor=DigitExtractor()).result
    assert raw["record"]["weights"] == "raw" and raw["fd_flat"]["value"] != found.result["fd_flat"]["value"]
    (snapshot,) = (digits_run / "snapshots").iterdir()
    same = evaluate(snapshot, Options(), extractor=DigitExtractor()).result
    assert same["fd_flat"] == found.result["fd_flat"]
    assert untimed(same)["record"] | {"source": 0} == untimed(found.result)["record"] | {"source": 0}
    with pytest.raises(UserError, match=r"averaged weights only.*--raw"):
        evaluate(snapshot, Options(raw=True), extractor=DigitExtractor())
    threes = evaluate(digits_run, Options(classes=("3", "5"), n=40), extractor=DigitExtractor())
    assert threes.made.labels is not None and threes.made.labels[:3].tolist() == [0, 1, 0]
    assert any("not what the run was trained on" in warning for warning in threes.result["warnings"])


def test_a_run_on_all_splits_or_one_has_no_memorisation_figures(digits_run: Path, tmp_path: Path) -> None:
    described = json.loads((digits_run / "recipe.json").read_text())
    assert described["data"]["digest"]
    path = npz(tmp_path / "mine.npz", TRAIN[0][:400], labels=TRAIN[1][:400])
    from visavis.judge.evaluate import judge_sample, open_reference, take
    from visavis.judge.inputs import open_source

    source = open_source(digits_run)
    assert source.data is not None
    source.data = source.data.model_copy(update={"source": str(path)})  # as if trained on it
    source.data_digest = None
    real = open_reference(source, Options(), FlatExtractor())
    found = judge_sample(take(source, real, Options()), source, real, Options()).result
    assert found["fd_flat"]["null"] is not None and "seeded" in found["record"]["held_out"]
    assert found["memorisation"]["near_copies"]["value"] is None
    assert "trained on all images" in found["memorisation"]["near_copies"]["why"]
    assert found["memorisation"]["exact_duplicates"]["value"] is not None


def test_images_of_the_wrong_kind(folder: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    found = evaluate(npz(folder / "colour.npz", colour), DIGITS, extractor=FlatExtractor()).result
    assert found["record"]["channels"] == 3  # a grey reference is repeated for images with colours
    grey = npz(folder / "grey.npz", TEST[0][:20].repeat(3, axis=3))
    found = evaluate(grey, DIGITS, extractor=FlatExtractor()).result
    assert found["record"]["channels"] == 1
    with pytest.raises(UserError, match="give --reference"):
        evaluate(grey, Options(), extractor=FlatExtractor())
    with pytest.raises(UserError, match=r"5 images to judge \(allowed: more than 5"):
        evaluate(npz(folder / "five.npz", TEST[0][:5]), DIGITS, extractor=FlatExtractor())
    with pytest.raises(UserError, match="-n 21"):
        evaluate(grey, replace(DIGITS, n=21), extractor=FlatExtractor())


def test_real_statistics_and_nulls_are_made_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_CACHE", str(folder / "cache"))
    path = npz(folder / "fifty.npz", TEST[0][:50])
    first, second = FlatExtractor(), FlatExtractor()
    one = evaluate(path, DIGITS, extractor=first).result
    other = evaluate(path, DIGITS, extractor=second).result
    assert (first.calls, second.calls) == (3, 1) and untimed(one) == untimed(other)
    assert torch.get_num_threads() == 1
