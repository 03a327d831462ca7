"""Another run's weights: what fits of them, and what is said of the rest."""

import json
from pathlib import Path

import torch
from tiny import TINY, Cli

from visavis.core import Shape
from visavis.models.snapshot import find_snapshot, load_snapshot
from visavis.networks import ResidualBranch, ResidualGenerator
from visavis.runs.init import by_class, fitting

TRAIN = ["train", "digits", *TINY, "--images", "8"]


def test_what_fits_is_found_by_name_or_from_the_coarse_end() -> None:
    small = ResidualGenerator(widths=(8, 6), z_dim=5).build(Shape(1, 8), 0).state_dict()
    large = ResidualGenerator(widths=(8, 6, 4), z_dim=5).build(Shape(1, 16), 0).state_dict()
    found = fitting(small, large)
    assert {"base", "mapping.weight", "stages.0.layers.0.weight"} <= found.keys()
    assert all(torch.equal(found[key], small[key]) for key in found)
    near = ResidualBranch(widths=(8, 6), features=5).build(Shape(1, 8), 0)[0].state_dict()
    far = ResidualBranch(widths=(8, 6, 4), features=5).build(Shape(1, 16), 0)[0].state_dict()
    found = fitting(near, far)
    pairs = dict(zip(reversed(list(far)), reversed(list(near)), strict=False))
    assert found and all(torch.equal(found[key], near[pairs[key]]) for key in found)
    last = list(far)[-1]
    assert last in found  # the map to the features
    assert fitting({}, large) == {}


def test_a_run_begins_with_one_network_of_another(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli(
        *TRAIN,
        "--out",
        tmp_path / "g",
        "--init",
        digits_run,
        "--init-networks",
        "G",
        "--lr",
        "1e-9",
        "--seed",
        "9",
    )
    assert done.status == 0
    assert _distance(digits_run, tmp_path / "g", "G") < 1e-3
    assert _distance(digits_run, tmp_path / "g", "D") > 0.1
    wrong = cli(*TRAIN, "--out", tmp_path / "x", "--init", digits_run, "--init-networks", "E")
    assert wrong.status == 2 and "has D, G" in wrong.err
    alone = cli(*TRAIN, "--out", tmp_path / "x", "--init-fitting")
    assert alone.status == 2 and "--init" in alone.err and not (tmp_path / "x").exists()


def test_what_fits_of_another_size_is_taken_and_the_rest_is_told(
    digits_run: Path, tmp_path: Path, cli: Cli
) -> None:
    command = [
        *TRAIN,
        "--out",
        tmp_path / "r",
        "--resolution",
        "16",
        "--networks.G.widths",
        "8,4,4",
        "--networks.D.branch.widths",
        "8,4,4",
        "--metrics",
        "",
        "--init",
        digits_run,
    ]
    refused = cli(*command)
    assert refused.status == 2 and "--init-fitting" in refused.err
    done = cli(*command, "--init-fitting")
    assert done.status == 0
    assert "G takes" in done.err and "new are" in done.err


def test_rows_of_classes_go_by_the_classes_names() -> None:
    given = {"classes.weight": torch.arange(8.0).reshape(4, 2), "other.weight": torch.ones(4, 3)}
    own = {"classes.weight": -torch.ones(3, 2), "other.weight": torch.zeros(4, 3)}
    found = by_class(given, own, ("a", "b", "c", "d"), ("d", "new", "b"))
    assert list(found) == ["classes.weight"]  # the other has as many rows in both: its size decides
    assert found["classes.weight"].tolist() == [[6, 7], [-1, -1], [2, 3]]
    assert own["classes.weight"].eq(-1).all()
    assert by_class(given, own, ("a", "b", "c", "d"), ("x", "y", "z")) == {}
    assert by_class(given, own, ("a", "b", "c"), ("c", "b", "a")) == {}


def test_a_run_of_fewer_classes_begins_with_those_it_knows(
    digits_run: Path, tmp_path: Path, cli: Cli
) -> None:
    command = [*TRAIN, "--out", tmp_path / "r", "--classes", "7,3", "--lr", "1e-9", "--init", digits_run]
    refused = cli(*command)
    assert refused.status == 2 and "--init-fitting" in refused.err
    done = cli(*command, "--init-fitting")
    assert done.status == 0 and "G takes" in done.err and "new are" not in done.err
    there, here = (load_snapshot(find_snapshot(path))[0]["G"] for path in (digits_run, tmp_path / "r"))
    assert torch.allclose(here.classes.weight, there.classes.weight[[7, 3]], atol=1e-4)
    described = json.loads((tmp_path / "r" / "recipe.json").read_text())
    assert len(described["begun_with"]) == 2 and "G takes" in " ".join(described["begun_with"])


def test_a_change_of_no_run_is_refused(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    new = cli(*TRAIN, "--out", tmp_path / "new", "--change")
    assert new.status == 2 and "none stands in" in new.err and not (tmp_path / "new").exists()
    fresh = cli(*TRAIN, "--out", digits_run, "--change", "--fresh")
    assert fresh.status == 2 and "--fresh starts over" in fresh.err


def _distance(one: Path, other: Path, name: str) -> float:
    a, b = (load_snapshot(find_snapshot(path))[0][name].state_dict() for path in (one, other))
    return max(float((a[key] - b[key]).abs().max()) for key in a)
