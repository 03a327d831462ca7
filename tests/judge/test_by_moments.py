from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flat_features import FlatExtractor
from tiny import Cli

from visavis.data.digits import digits
from visavis.errors import UserError
from visavis.files import write_json
from visavis.judge.by_moments import NEED_IMAGES, judge, measure
from visavis.judge.evaluate import Options, evaluate
from visavis.metrics.frechet import frechet_distance

TRAIN, TEST = digits("train")[0], digits("test")[0]


def npz(path: Path, images: np.ndarray) -> Path:
    np.savez(path, images=images)
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """The statistics of the training digits."""
    found, account = measure("digits", extractor=FlatExtractor())
    assert account.startswith("1,438 of 1,438 images")
    found.write(tmp_path / "digits.npz")
    return tmp_path / "digits.npz"


def test_the_distance_is_that_to_the_images_themselves(reference: Path, tmp_path: Path) -> None:
    given = npz(tmp_path / "x.npz", TEST[:200])
    by_images = evaluate(given, Options(reference="digits"), extractor=FlatExtractor()).result["fd_flat"]
    found = judge(given, Options(reference=str(reference)), extractor=FlatExtractor())
    assert found["fd_flat"]["value"] == pytest.approx(by_images["value"], rel=1e-9)
    assert found["fd_flat"]["interval"] == pytest.approx(by_images["interval"], rel=1e-6)
    assert found["fd_flat"]["null"] is None and "--held-out" in found["fd_flat"]["why"]
    assert found["left_out"]["figures"] == list(NEED_IMAGES) and "precision" in found["warnings"][0]
    assert {"quality", "kd_flat", "swd_flat", "precision", "memorisation"}.isdisjoint(found)
    record = found["record"]
    assert (record["reference_images"], record["features_dims"], record["split"]) == (1438, 16, "train")


def test_moments_worked_by_hand(tmp_path: Path) -> None:
    """Against N(μ, Σ) whose mean is 3 off in one direction the distance is 9 more, of the same Σ."""
    given = npz(tmp_path / "x.npz", TEST[:100])
    own, _ = measure(str(given), extractor=FlatExtractor())
    assert frechet_distance(own.gaussian, own.gaussian).value == pytest.approx(0, abs=1e-9)
    shifted = replace(own, mean=own.mean + 3 * np.eye(16)[2], features_sha256=None)
    shifted.write(tmp_path / "s.npz")
    found = judge(given, Options(reference=str(tmp_path / "s.npz")), extractor=FlatExtractor())
    assert found["fd_flat"]["value"] == pytest.approx(9, rel=1e-6)


def test_a_source_that_is_held_out_gives_the_null(reference: Path, tmp_path: Path) -> None:
    given, held_out = npz(tmp_path / "x.npz", TEST[:150]), npz(tmp_path / "held.npz", TEST[150:])
    options = Options(reference=str(reference), held_out=str(held_out))
    found = judge(given, options, extractor=FlatExtractor())
    other = judge(held_out, replace(options, n=150), extractor=FlatExtractor())
    assert found["fd_flat"]["null"] > 0 and found["record"]["null_images"] == 150
    assert other["fd_flat"]["value"] == pytest.approx(found["fd_flat"]["null"], rel=0.5)
    with pytest.raises(UserError, match=r"--held-out 'test' of statistics.*another source"):
        judge(given, replace(options, held_out="test"), extractor=FlatExtractor())


def test_two_sets_and_a_stored_result(reference: Path, tmp_path: Path) -> None:
    options = Options(reference=str(reference))
    noise = np.random.default_rng(0).integers(-120, 121, TEST[:200].shape)
    a = npz(tmp_path / "a.npz", TEST[:200])
    b = npz(tmp_path / "b.npz", (TEST[:200].astype(int) + noise).clip(0, 255).astype(np.uint8))
    (row,) = judge(a, options, b, FlatExtractor())["against"]["answers"]
    assert row["better"] == "A" and row["paired"]
    write_json(tmp_path / "b.json", judge(b, options, extractor=FlatExtractor()))
    rows = judge(a, options, tmp_path / "b.json", FlatExtractor())["against"]["answers"]
    assert [row["better"] for row in rows if row["figure"] == "fd_flat"] == ["A"]
    by_images = evaluate(b, Options(reference="digits"), extractor=FlatExtractor()).result
    write_json(tmp_path / "c.json", by_images)
    with pytest.raises(UserError, match="'reference_digest'"):
        judge(a, options, tmp_path / "c.json", FlatExtractor())


def test_what_the_file_does_not_say_is_told(tmp_path: Path) -> None:
    given = npz(tmp_path / "x.npz", TEST[:100])
    own, _ = measure(str(given), extractor=FlatExtractor())
    np.savez(tmp_path / "s.npz", mu=own.mean, sigma=own.covariance)
    options = Options(reference=str(tmp_path / "s.npz"))
    with pytest.raises(UserError, match=r"16 dimensions do not say.*--features"):
        judge(given, options)
    found = judge(given, options, extractor=FlatExtractor())
    assert any("do not say of how many images" in told for told in found["warnings"])
    with pytest.raises(UserError, match=r"have 16 dimensions, features 'flat' of these images 8"):
        judge(given, options, extractor=FlatExtractor(8))
    with pytest.raises(UserError, match="--split asks for the reference's images"):
        judge(given, replace(options, split="test"), extractor=FlatExtractor())


def test_on_the_command_line(tmp_path: Path, cli: Cli) -> None:
    npz(tmp_path / "x.npz", TEST[:100])
    written = cli("statistics", "digits", "--out", tmp_path / "s.npz", "--json")
    assert written.status == 0 and written.json["features"] == "digitsr" and written.json["images"] == 1438
    done = cli("evaluate", tmp_path / "x.npz", "--reference", tmp_path / "s.npz", "--json")
    assert done.status == 0 and done.json["fd_digitsr"]["value"] > 0
    assert done.json["modes"]["modes"]["value"] == 10  # of the images alone
    told = cli("evaluate", tmp_path / "x.npz", "--reference", tmp_path / "s.npz")
    assert "against 1438 of" in told.out and "left out" in told.out
    refused = cli("evaluate", tmp_path / "x.npz", "--reference", tmp_path / "s.npz", "--gallery", tmp_path)
    assert refused.status == 2 and "--gallery" in refused.err
    assert cli("statistics", "digits", "--out", tmp_path / "s.txt").status == 2
