"""The timed steps are the same steps: same gradients from the same draws, and the promised JSON."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from visavis.bench import BENCHES
from visavis.bench.as_written import AsWritten
from visavis.bench.pair_step import (
    Mode,
    copy_weights,
    flops_of,
    ours,
    own_recipe,
    own_steps,
    plain_steps,
    real_images,
    time_pair_step,
)
from visavis.core import Images
from visavis.networks import parameters
from visavis.networks.layers import Dropout
from visavis.train import update

CPU = torch.device("cpu")


def flat_gradients(optimiser: torch.optim.Optimizer, act: Callable[[], object]) -> Tensor:
    """All gradients that ``optimiser`` steps on while ``act`` runs, as one vector."""
    found: list[Tensor] = []

    def keep(*_: object) -> None:
        for group in optimiser.param_groups:
            found.extend(p.grad.flatten().clone() for p in group["params"])

    handle = optimiser.register_step_pre_hook(keep)
    act()
    handle.remove()
    return torch.cat(found)


@pytest.mark.parametrize("channels_last", [True, False])
def test_each_update_has_the_gradients_of_the_step_as_written(channels_last: bool) -> None:
    size = 16
    mode = Mode(channels_last=channels_last)
    written = AsWritten(CPU, dropout=0.0)  # dropout's masks are drawn in another order
    state = ours(mode, size, CPU, written)
    for layer in state.nets.modules():
        if isinstance(layer, Dropout):
            layer.p = 0.0
    reals = real_images(size, CPU)
    real, other = reals.chunk(2)
    recipe = own_recipe(mode, size)
    schedule = recipe.schedule()
    d_phase, *g_phases = recipe.objective.phases()
    assert len(g_phases) == 2
    plain = [(d_phase, "D", written.adam_d, lambda: written.update_d(real, other))]
    plain += [(phase, "G", written.adam_g, lambda: written.update_g(real)) for phase in g_phases]
    for seed, (phase, name, adam, act) in enumerate(plain):
        torch.manual_seed(seed)
        theirs = flat_gradients(adam, act)
        torch.manual_seed(seed)
        mine = flat_gradients(
            state.optimisers[name], lambda phase=phase: update(state, phase, Images(reals), schedule)
        )
        error = (mine - theirs).norm() / theirs.norm()
        assert theirs.norm() > 0
        assert error < 1e-4, f"{name}, update {seed}: {error}"
        copy_weights(written.D, state.nets["D"])  # Adam's first steps enlarge what rounding leaves
        copy_weights(written.G, state.nets["G"])


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


def test_pair_step_returns_what_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BENCHES["pair-step"] is time_pair_step
    monkeypatch.setattr("visavis.bench.pair_step.TURN", 0.0)
    monkeypatch.setattr("visavis.bench.peak.SIZE", 128)
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


def test_a_mode_that_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.bench.pair_step.TURN", 0.0)
    monkeypatch.setattr("visavis.bench.peak.SIZE", 128)

    def broken(self: nn.Module, *args: object, **kwargs: object) -> None:
        def refuse(*_: object) -> None:
            raise RuntimeError("no C++ compiler\nand more")

        self._compiled_call_impl = refuse

    monkeypatch.setattr(nn.Module, "compile", broken)
    found = time_pair_step(4, 0.01, "cpu", {"fp32": Mode(), "compiled": Mode(compiled=True)})
    assert found["modes"]["compiled"] == {"failed": "no C++ compiler"}
    assert found["ours_best"]["mode"] == "fp32"
