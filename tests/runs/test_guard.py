"""The guard on generators that are made to fail in each way, and on a run that sees it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import TINY, Cli
from torch import Tensor

from visavis.data import DataConfig, ImageSet, load_images
from visavis.runs.guard import Glance, as_row, look, said_before, warnings
from visavis.runs.watch import RECENT

Make = Callable[[int, Tensor | None], NDArray[np.uint8]]


class Painter:
    """Stands for a model: pixels from a function of n and the labels asked for."""

    def __init__(self, make: Make, conditional: bool = True) -> None:
        self.make, self.conditional = make, conditional

    def labels(self, first: int, n: int, label: None) -> Tensor | None:
        return torch.arange(first, first + n) % 10 if self.conditional else None

    def pixels(self, n: int, seed: int) -> NDArray[np.uint8]:
        return self.make(n, self.labels(0, n, None))


@pytest.fixture(scope="module")
def data() -> ImageSet:
    return load_images(DataConfig(source="digits"))


@pytest.fixture(scope="module")
def held_out() -> ImageSet:
    return load_images(DataConfig(source="digits", split="test"))


def of(found: ImageSet, labels: Tensor | None, n: int, each: int = 1_000) -> NDArray[np.uint8]:
    """Images of these labels in turn, of each class the first ``each``; without labels, any."""
    assert found.labels is not None and isinstance(found.images, np.ndarray)
    wanted = np.arange(n) % 10 if labels is None else labels.numpy()
    members = [np.flatnonzero(found.labels == k) for k in range(10)]
    return np.stack(
        [found.images[members[k][i // 10 % min(each, len(members[k]))]] for i, k in enumerate(wanted)]
    )


def seen(
    make: Make, data: ImageSet, conditional: bool = True, stats: list[dict[str, float]] | None = None
) -> Glance:
    return look(Painter(make, conditional), data, stats or [])  # type: ignore[arg-type]


def test_real_digits_raise_no_alarm(data: ImageSet, held_out: ImageSet) -> None:
    for conditional in (True, False):
        found = seen(lambda n, labels: of(held_out, labels, n), data, conditional)
        assert warnings(found) == {}
        assert found.variety is not None and 0.85 < found.variety < 1.15
        assert (found.steering is not None and found.steering > 0.95) == conditional
        assert found.missing == () and found.repeats < 0.1


def test_z_that_is_ignored(data: ImageSet, held_out: ImageSet) -> None:
    """One picture a class: every class is there, and within it nothing differs."""
    found = seen(lambda n, labels: of(held_out, labels, n, each=1), data)
    assert found.variety == 0 and found.steering is not None and found.steering > 0.9
    assert "z is ignored: the samples of a class are one picture" in warnings(found)["z"]
    assert warnings(found).keys() == {"z", "repeats"}


def test_little_variety_names_the_narrowest_class(data: ImageSet, held_out: ImageSet) -> None:
    """Each class close around its mean; seven closest."""

    def make(n: int, labels: Tensor | None) -> NDArray[np.uint8]:
        assert labels is not None
        made = of(held_out, labels, n).astype(float)
        for k in range(10):
            own = (labels == k).numpy()
            middle = made[own].mean(0)
            made[own] = middle + (0.2 if k == 7 else 0.3) * (made[own] - middle)
        return made.round().astype(np.uint8)

    told = warnings(seen(make, data))
    assert "variety" in told and "least in '7'" in told["variety"] and "z" not in told


def test_pictures_that_repeat(data: ImageSet, held_out: ImageSet) -> None:
    found = seen(lambda n, labels: of(held_out, labels, n, each=3), data)
    assert found.repeats == 1.0 and "100% of the samples repeat another" in warnings(found)["repeats"]
    assert "z" not in warnings(found)


@pytest.mark.parametrize("conditional", [True, False])
def test_a_class_that_is_missing(data: ImageSet, held_out: ImageSet, conditional: bool) -> None:
    """Asked for a four it makes nines."""

    def make(n: int, labels: Tensor | None) -> NDArray[np.uint8]:
        asked = torch.arange(n) % 10 if labels is None else labels
        return of(held_out, torch.where(asked == 4, 9, asked), n)

    found = seen(make, data, conditional)
    assert found.missing == ("4",) and "no sample shows 4" in warnings(found)["classes"]


def test_a_critic_that_has_won(data: ImageSet, held_out: ImageSet) -> None:
    won = [{"accuracy/unlike": 0.999, "loss/D": 0.001}] * RECENT
    found = seen(lambda n, labels: of(held_out, labels, n), data, stats=won)
    assert (found.certainty, found.loss) == (0.999, 0.001)
    assert "it has won" in warnings(found)["critic"]
    even = [{"accuracy/real": 1.0, "accuracy/fake": 0.7, "loss/D": 0.001}] * RECENT
    assert warnings(seen(lambda n, labels: of(held_out, labels, n), data, stats=even)) == {}
    few = seen(lambda n, labels: of(held_out, labels, n), data, stats=won[:5])
    assert few.certainty is None


def test_what_the_log_keeps() -> None:
    found = Glance(100, 0.123456, "7", 0.0, None, None, (), 0.9, 0.3)
    row = as_row(found, {"variety": "little variety"})
    assert row == {
        "samples": 100,
        "variety": 0.1235,
        "narrowest": "7",
        "repeats": 0.0,
        "certainty": 0.9,
        "loss": 0.3,
        "warnings": ["variety"],
    }
    rows = [
        {"event": "guard", **row},
        {"images": 3},
        {"event": "guard", "warnings": ["z"]},
        {"event": "resume"},
    ]
    assert said_before(rows) == {"z"} and said_before([]) == set()


def test_a_run_says_it_at_its_snapshots_and_each_kind_once(tmp_path: Path, cli: Cli) -> None:
    """A generator that cannot learn makes one picture a class."""
    run = tmp_path / "run"
    frozen = ("--adam.G.lr", "1e-12", "--images", "96", "--snapshot-every", "32")
    done = cli("train", "digits", *TINY, *frozen, "--out", run)
    assert done.status == 0
    rows = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    looks = [row for row in rows if row.get("event") == "guard"]
    assert [row["images"] for row in looks] == [32, 64, 96]
    assert all("steering" in row and row["warnings"] for row in looks)
    kind = looks[0]["warnings"][0]
    assert all(kind in row["warnings"] for row in looks)
    assert "good  " in done.out and "of the class asked for" in done.out
    assert f"next  visavis sample {run} --label 3" in done.out
