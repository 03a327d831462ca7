"""The timed steps are the same steps: same gradients from the same draws, and the promised JSON."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from visavis.bench.as_written import AsWritten
from visavis.bench.clock import Clock
from visavis.bench.gradients import gradient_errors
from visavis.bench.modes import Mode, ours
from visavis.bench.pair_step import affordable, first_steps, operations, take_turns, time_pair_step
from visavis.networks import parameters

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two would wait for each other where other processes compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.runs.speed.SIZE", 64)
    monkeypatch.setattr("visavis.runs.speed.SECONDS", 0.0)


@pytest.mark.parametrize(
    ("channels_last", "kinks", "allowed"), [(True, False, 1e-4), (False, False, 1e-4), (True, True, 2e-2)]
)
def test_each_update_has_the_gradients_of_the_step_as_written(
    channels_last: bool, kinks: bool, allowed: float
) -> None:
    torch.manual_seed(0)
    errors = gradient_errors(Mode(channels_last=channels_last), 4, CPU, kinks)
    assert set(errors) == {"D", "G"}
    assert 0 < max(errors.values()) < allowed, errors


def test_the_networks_are_the_recipes_own() -> None:
    written = AsWritten(CPU)
    state = ours(Mode(), 4, CPU, written)
    assert parameters(state.nets["G"]) == sum(p.numel() for p in written.G.parameters()) == 3_686_531
    assert parameters(state.nets["D"]) == sum(p.numel() for p in written.D.parameters()) == 3_020_097
    for net, plain in (("G", written.G), ("D", written.D)):
        for mine, theirs in zip(state.nets[net].parameters(), plain.parameters(), strict=True):
            assert torch.equal(mine, theirs)
    kinds = [type(layer) for layer in written.G.modules() if not list(layer.children())]
    assert kinds.count(nn.ConvTranspose2d) == 3 and kinds.count(nn.BatchNorm2d) == 3


def test_operations_are_those_counted_by_hand() -> None:
    found = operations(CPU)
    generator, branch = 69.7e6, 19.7e6  # multiply-adds of one image
    by_hand = generator * (1 + 2 * 3) + branch * (4 * 3 + 2 * 2 * 3)
    assert found["as_written"] / 2 == pytest.approx(by_hand, rel=0.03)
    by_hand = generator * (1 + 2 * 3) + branch * (3 * 3 + 1 + 2 * 2)
    assert found["ours"] / 2 == pytest.approx(by_hand, rel=0.03)


def test_pair_step_returns_what_is_promised_without_what_is_emulated(
    hurried: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("visavis.bench.pair_step.multiplies_bf16", lambda device: False)
    monkeypatch.setattr("visavis.runs.speed.multiplies_bf16", lambda device: False)
    caplog.set_level("INFO", "visavis")
    found = time_pair_step(2, 0.01, "cpu", {"fp32": Mode(), "bf16": Mode("bf16")})
    for name in ("as_written", "ours_fp32", "ours_best"):
        assert found[name]["images_per_second"] > 0
        assert found["share_of_peak"][name] > 0
    assert found["as_written"]["ratio"] == 1
    assert found["ours_best"]["mode"] == "fp32"
    assert set(found["modes"]) == {"as written", "as written, bf16", "fp32", "bf16"}
    for name in ("as written, bf16", "bf16"):
        assert "emulate" in found["modes"][name]["left_out"]
        assert any(line.startswith(f"{name} is left out") for line in caplog.messages)
    assert all("no time left" in each["left_out"] for each in found["gradient_error"].values())
    assert found["flops_per_image"]["ours"] < found["flops_per_image"]["as_written"]
    assert {"torch", "threads", "cpu", "batch", "repeats", "device", "date"} <= set(found["record"])
    assert set(found["peak"]) == {"fp32_tflops", "fp32_matmul_tflops"}


def test_where_the_hardware_multiplies_bf16_nothing_is_left_out() -> None:
    modes = {"fp32": Mode(), "bf16": Mode("bf16")}
    assert affordable(modes, 60, bf16=True) == (modes, {})


def test_a_mode_that_cannot_run_says_why() -> None:
    def refuse(count: int) -> None:
        raise RuntimeError("no C++ compiler\nand more")

    notes = first_steps({"fp32": lambda count: None, "compiled": refuse}, CPU, Clock(60))
    assert notes["compiled"] == {"failed": "no C++ compiler"}
    assert notes["fp32"]["first_step_seconds"] >= 0


def test_compiling_is_left_out_of_short_runs() -> None:
    modes = {"fp32": Mode(), "compiled": Mode(compiled=True)}
    kept, left_out = affordable(modes, 60, bf16=True)
    assert set(kept) == {"fp32"} and "--seconds 120" in left_out["compiled"]["left_out"]
    assert set(affordable(modes, 120, bf16=True)[0]) == {"fp32", "compiled"}


def test_the_clock_is_looked_at_between_steps() -> None:
    """Steps of 5 s of a bench of 20: no further one is begun once they are gone."""
    now = [0.0]
    made: list[str] = []

    def step(name: str) -> None:
        made.append(name)
        now[0] += 5.0

    clock = Clock(20.0, lambda: now[0])
    steps = {name: lambda count, name=name: step(name) for name in ("as written", "fp32", "other")}
    first_steps(steps, CPU, clock)
    assert made == ["as written", "fp32"], "the time for trying modes is gone; these two are made at any rate"
    take_turns({name: steps[name] for name in made[:2]}, CPU, clock)
    assert now[0] == 20.0 and clock.over() and clock.left == 0
    assert take_turns({"fp32": steps["fp32"]}, CPU, clock) == {}


def test_a_part_of_a_clock_ends_before_it_and_both_count_from_the_same_moment() -> None:
    now = [0.0]
    clock = Clock(10.0, lambda: now[0])
    now[0] = 4.0
    part = clock.until(0.5)
    assert (clock.left, part.left) == (6.0, 1.0) and not part.over()
    now[0] = 5.0
    assert part.over() and not clock.over() and clock.over(0.5)
