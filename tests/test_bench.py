"""The timed steps are the same steps: same gradients from the same draws, and the promised JSON."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from visavis.bench import BENCHES
from visavis.bench.as_written import AsWritten
from visavis.bench.gradients import gradient_errors
from visavis.bench.modes import Mode, ours, real_images
from visavis.bench.pair_step import affordable, first_steps, flops_of, own_steps, plain_steps, time_pair_step
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
    monkeypatch.setattr("visavis.bench.pair_step.TURN", 0.0)
    monkeypatch.setattr("visavis.bench.pair_step.LEAST_ROUNDS", 1)
    monkeypatch.setattr("visavis.bench.peak.SIZE", 128)
    monkeypatch.setattr("visavis.bench.pair_step.gradient_errors", lambda *_, **__: {})  # tested below


@pytest.mark.parametrize(
    ("channels_last", "kinks", "allowed"), [(True, False, 1e-4), (False, False, 1e-4), (True, True, 2e-2)]
)
def test_each_update_has_the_gradients_of_the_step_as_written(
    channels_last: bool, kinks: bool, allowed: float
) -> None:
    torch.manual_seed(0)
    errors = gradient_errors(Mode(channels_last=channels_last), 8, CPU, kinks)
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
    size = 4
    written = AsWritten(CPU)
    reals = real_images(size, CPU)
    as_written = flops_of(plain_steps(written, reals)) / size
    own = flops_of(own_steps(Mode(), ours(Mode(), size, CPU, written), reals)) / size
    generator, branch = 69.7e6, 19.7e6  # multiply-adds of one image
    by_hand = generator * (1 + 2 * 3) + branch * (4 * 3 + 2 * 2 * 3)
    assert as_written / 2 == pytest.approx(by_hand, rel=0.03)
    by_hand = generator * (1 + 2 * 3) + branch * (3 * 3 + 1 + 2 * 2)
    assert own / 2 == pytest.approx(by_hand, rel=0.03)


def test_pair_step_returns_what_is_promised(hurried: None) -> None:
    assert BENCHES["pair-step"] is time_pair_step
    found = time_pair_step(4, 0.01, "cpu", {"fp32": Mode(), "bf16": Mode("bf16")})
    for name in ("as_written", "ours_fp32", "ours_best"):
        assert found[name]["images_per_second"] > 0
        assert found["share_of_peak"][name] > 0
    assert found["as_written"]["ratio"] == 1
    assert found["ours_best"]["mode"] in ("fp32", "bf16")
    assert set(found["modes"]) == {"as written", "as written, bf16", "fp32", "bf16"}
    assert found["flops_per_image"]["ours"] < found["flops_per_image"]["as_written"]
    assert {"torch", "threads", "cpu", "batch", "repeats", "device", "date"} <= set(found["record"])
    assert {"fp32_tflops", "bf16_tflops"} <= set(found["peak"])


def test_a_mode_that_cannot_run_says_why() -> None:
    def refuse(count: int) -> None:
        raise RuntimeError("no C++ compiler\nand more")

    notes = first_steps({"fp32": lambda count: None, "compiled": refuse}, CPU)
    assert notes["compiled"] == {"failed": "no C++ compiler"}
    assert notes["fp32"]["first_step_seconds"] >= 0


def test_compiling_is_left_out_of_short_runs() -> None:
    modes = {"fp32": Mode(), "compiled": Mode(compiled=True)}
    assert set(affordable(modes, 60)) == {"fp32"}
    assert set(affordable(modes, 120)) == {"fp32", "compiled"}
