"""The guard on generators that are made to fail in each way, and on a run that sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import TINY, Cli
from torch import Tensor

from visavis.data import DataConfig, ImageSet, load_images
from visavis.runs import guard
from visavis.runs.guard import CLOSING, Glance, as_row, look, said_before, warnings
from visavis.runs.watch import RECENT

Make = Callable[[int, Tensor | None], NDArray[np.uint8]]


class Painter:
    """Stands for a model: pixels from a function of n and the labels asked for, ``each`` seconds an image."""

    z_dim = 2

    def __init__(self, make: Make, conditional: bool = True, each: float = 0.0, n: int = 100) -> None:
        self.conditional, self.each = conditional, each
        self.recipe: dict[str, Any] = {}
        self.made = make(n, self.labels(0, n, None))
        self.shown, self.seconds = 0, 0.0

    @property
    def description(self) -> SimpleNamespace:
        return SimpleNamespace(conditional=self.conditional, recipe=self.recipe)

    def labels(self, first: int, n: int, label: None) -> Tensor | None:
        return torch.arange(first, first + n) % 10 if self.conditional else None

    def render(self, z: Tensor, labels: Tensor | None) -> NDArray[np.uint8]:
        first, self.shown = self.shown, self.shown + len(z)
        self.seconds += self.each * len(z)
        return self.made[first : self.shown]


@pytest.fixture(scope="module")
def data() -> ImageSet:
    return load_images(DataConfig(source="digits"))


@pytest.fixture(scope="module")
def held_out() -> ImageSet:
    return load_images(DataConfig(source="digits", split="test"))


def of(
    found: ImageSet, labels: Tensor | None, n: int, each: int = 1_000, apart: int = 1
) -> NDArray[np.uint8]:
    """Images of these labels in turn, of each class the first ``each``; without labels, any.

    Neighbours in the file come from one hand: ``apart`` takes but every third, say.
    """
    assert found.labels is not None and isinstance(found.images, np.ndarray)
    wanted = np.arange(n) % 10 if labels is None else labels.numpy()
    members = [np.flatnonzero(found.labels == k) for k in range(10)]
    return np.stack(
        [found.images[members[k][i // 10 * apart % min(each, len(members[k]))]] for i, k in enumerate(wanted)]
    )


def seen(
    make: Make, data: ImageSet, conditional: bool = True, stats: list[dict[str, float]] | None = None
) -> Glance:
    return seen_of(Painter(make, conditional), data, stats)


def seen_of(painter: Painter, data: ImageSet, stats: list[dict[str, float]] | None = None) -> Glance:
    """By a clock that the painter's work alone moves."""
    return look(painter, data, stats or [], now=lambda: painter.seconds)  # type: ignore[arg-type]


def test_real_digits_raise_no_alarm(data: ImageSet, held_out: ImageSet) -> None:
    for conditional in (True, False):
        found = seen(lambda n, labels: of(held_out, labels, n), data, conditional)
        assert warnings(found) == {}
        assert found.variety is not None and 0.85 < found.variety < 1.15
        assert (found.steering is not None and found.steering > 0.95) == conditional
        assert found.missing == () and found.repeats is not None and found.repeats < 0.1
        assert found.samples == 100


@pytest.mark.parametrize(
    ("each", "conditional", "samples"),
    [
        (0.005, True, 100),  # 0.5 s
        (1 / 128, True, 76),
        (1 / 32, False, 19),
        (0.165, True, 20),  # two of each class, whatever they take
        (0.165, False, 10),
    ],
)
def test_a_slow_generator_is_looked_at_for_about_a_second(
    data: ImageSet, held_out: ImageSet, each: float, conditional: bool, samples: int
) -> None:
    painter = Painter(lambda n, labels: of(held_out, labels, n, apart=3), conditional, each)
    found = seen_of(painter, data)  # powers of 2 are not rounded
    assert painter.shown == found.samples == as_row(found, {})["samples"] == samples
    assert painter.seconds <= max(0.6, (20 if conditional else 10) * each) + 1e-9
    assert found.variety is not None and 0.7 < found.variety < 1.3 and warnings(found) == {}
    assert (found.repeats is None) == (samples < 50) == ("repeats" not in as_row(found, {}))


def test_few_images_miss_no_class_and_still_tell_that_z_is_ignored(
    data: ImageSet, held_out: ImageSet
) -> None:
    """Of two images of a four both may look like nines by chance."""

    def nines(n: int, labels: Tensor | None) -> NDArray[np.uint8]:
        assert labels is not None
        return of(held_out, torch.where(labels == 4, 9, labels), n)

    for each, missing in ((0.0, ("4",)), (0.012, ("4",)), (0.02, ())):
        assert seen_of(Painter(nines, each=each), data).missing == missing
    found = seen_of(Painter(lambda n, labels: of(held_out, labels, n, each=1), each=1.0), data)
    assert found.samples == 20 and warnings(found).keys() == {"z"}


def test_the_last_look_takes_ten_times_as_many_in_ten_times_as_long(
    data: ImageSet, held_out: ImageSet
) -> None:
    for each, samples in ((0.005, 1_000), (0.02, 300)):
        painter = Painter(lambda n, labels: of(held_out, labels, n), each=each, n=1_000)
        found = look(painter, data, [], CLOSING, now=lambda painter=painter: painter.seconds)  # type: ignore[arg-type, misc]
        assert found.samples == samples and painter.seconds <= 6.0 + 1e-6


def test_a_classifier_that_was_trained_in_is_not_asked(data: ImageSet, held_out: ImageSet) -> None:
    """What it says of the classes is what G was made to make it say; the row tells why it is silent."""
    painter = Painter(lambda n, labels: of(held_out, torch.full((n,), 3), n))
    painter.recipe = {"networks": {"D": {"branch": {"seen": "digitsr"}}}}
    found = seen_of(painter, data)
    row = as_row(found, {})
    assert row["unasked"] == "digitsr" and not row.keys() & {"steering", "steering_interval", "missing"}
    assert found.variety is not None
    painter.shown, painter.recipe = 0, {"networks": {"D": {"branch": {"seen": "cifar10r"}}}}
    other = seen_of(painter, data)
    assert other.unasked is None and other.steering == 0.1 and len(other.missing) == 9


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


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look takes all of its images, however loaded the machine is, and the last one no more."""
    monkeypatch.setattr(guard, "SECONDS", 1e9)
    monkeypatch.setattr(guard, "CLOSING", 100)


SMALL = [
    *("--networks.G.widths", "16,16", "--networks.D.branch.widths", "8,8", "--networks.D.branch.features"),
    *("8", "--snapshot-every", "100000", "--metrics", "", "--device", "cpu"),
]
DRIFTING = ["--objective.kind", "drifting", "--lr", "1e-2"]
"""What learns the digits' outlines in a second."""


def last_look(run: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return next(row for row in reversed(rows) if row.get("event") == "guard")


@pytest.mark.usefixtures("unhurried")
def test_a_run_that_learned_two_pictures_repeats_them(tmp_path: Path, cli: Cli, data: ImageSet) -> None:
    """Nothing repeats beside its own two pictures; beside all digits, from which G learns no more, all do."""
    images, labels = np.asarray(data.images), data.labels
    two = np.concatenate([images[labels == k][:1].repeat(32, 0) for k in (0, 1)])
    np.savez(tmp_path / "two.npz", images=two)
    size = ["--conditional", "false", "--networks.G.z_dim", "2", *SMALL, "--average.halflife", "100"]
    learn = ["--data", tmp_path / "two.npz", "--batch-size", "32", "--tick", "1600", "--images", "3200"]
    done = cli("train", "digits", *size, *DRIFTING, *learn, "--out", tmp_path / "two")
    assert done.status == 0, done.err
    on = ["--batch-size", "8", "--tick", "8", "--adam.G.lr", "1e-12", "--images", "8"]
    done = cli("train", "digits", *size, *on, "--init", tmp_path / "two", "--out", tmp_path / "run")
    assert done.status == 0, done.err
    found = last_look(tmp_path / "run")
    assert found["repeats"] > 0.5 and "repeats" in found["warnings"] and "z" not in found["warnings"]
    assert "of the samples repeat another one" in done.err


@pytest.mark.usefixtures("unhurried")
def test_a_run_whose_fours_are_nines_misses_the_four(tmp_path: Path, cli: Cli, data: ImageSet) -> None:
    """Its set says so: the label is there, and no picture of it."""
    images, labels = np.array(data.images), np.array(data.labels)
    fours, nines = np.flatnonzero(labels == 4), np.flatnonzero(labels == 9)
    images[fours] = images[np.resize(nines, len(fours))]
    np.savez(tmp_path / "no-four.npz", images=images, labels=labels.astype(np.int64))
    learn = ["--data", tmp_path / "no-four.npz", "--batch-size", "128", "--tick", "1280", "--images", "7680"]
    more = ["--average.halflife", "500", "--networks.G.z_dim", "8"]
    done = cli("train", "digits", *SMALL, *DRIFTING, *learn, *more, "--out", tmp_path / "run")
    assert done.status == 0, done.err
    found = last_look(tmp_path / "run")
    assert found["missing"] == ["4"] and "classes" in found["warnings"] and found["steering"] > 0.6
    assert "no sample shows 4: classes are missing" in done.err


@pytest.mark.usefixtures("unhurried")
def test_a_run_whose_critic_has_won_says_so(tmp_path: Path, cli: Cli) -> None:
    """D at fourteen times its rate, without penalties, against a G that stands still."""
    rates = ["--adam.G.lr", "1e-12", "--adam.D.lr", "1e-2", "--objective.r1", "0", "--objective.r2", "0"]
    size = ["--conditional", "false", *SMALL, "--batch-size", "16", "--tick", "16", "--images", "960"]
    done = cli("train", "digits", *size, *rates, "--out", tmp_path / "run")
    assert done.status == 0, done.err
    found = last_look(tmp_path / "run")
    assert found["certainty"] > 0.995 and abs(found["loss"]) < 0.02 and "critic" in found["warnings"]
    assert "it has won, and G learns nothing more from it" in done.err


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
