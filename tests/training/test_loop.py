"""The one loop, with a game small enough to work by hand."""

import itertools
import math
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from visavis.core import Every, Images, Phase, Ramp, Shape
from visavis.networks import CriticConfig, ResidualBranch, ResidualGenerator
from visavis.objectives import Pairwise
from visavis.training.loop import Adam, Average, Diverged, Report, Schedule, State, train, update, update_ema

BATCH = 4


@dataclass
class Slope:
    """One number w with the loss w · mean(x): its gradient is mean(x)."""

    averaged: tuple[str, ...] = ("G",)
    real_batches: int = 1
    due: object = field(default_factory=lambda: Every(1))

    def phases(self) -> tuple[Phase, ...]:
        return (Phase(("G",), self.loss, self.due),)

    def loss(self, nets, batch, images: int):
        loss = nets["G"].w * batch.x.mean()
        return loss, {"loss/G": loss, "images": torch.tensor(float(images))}

    def state(self) -> dict[str, nn.Module]:
        return {}


class Number(nn.Module):
    def __init__(self, w: float = 1.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))
        self.register_buffer("seen", torch.tensor(0))
        self.register_buffer("level", torch.tensor(8.0))


def slope_state(**changes) -> tuple[State, Slope, Schedule]:
    game = Slope()
    fields = {"batch_size": BATCH, "tick": BATCH, "adam": {"G": Adam(lr=0.1)}, **changes}
    schedule = Schedule(**fields)
    return State({"G": Number()}, game, schedule), game, schedule


def ones(step: int) -> Images:
    return Images(torch.ones(BATCH, 1, 1, 1))


def test_the_average_moves_weights_and_real_buffers_and_copies_counters() -> None:
    state, _, _ = slope_state()
    with torch.no_grad():
        state.nets["G"].w.fill_(3.0)
        state.nets["G"].level.fill_(0.0)
        state.nets["G"].seen.fill_(7)
    update_ema(state, 0.75)
    ema = state.ema["G"]
    assert_close(ema.w.detach(), torch.tensor(1.5))
    assert_close(ema.level, torch.tensor(6.0))
    assert ema.seen.item() == 7
    assert not ema.training and not ema.w.requires_grad


def test_decay_is_given_or_follows_a_halflife_in_images() -> None:
    assert Average(decay=0.999).decay_at(5, 64) == 0.999
    assert Average(decay=0.0).decay_at(5, 64) == 0.0
    assert_close(Average(halflife=640).decay_at(0, 64) ** 10, 0.5)
    ramp = Average(halflife=Ramp(start=0, end=100, images=1_000, shape="linear"))
    assert ramp.decay_at(0, 10) == 0.0
    assert_close(ramp.decay_at(500, 50), 0.5)


def test_batch_norms_moments_are_averaged() -> None:
    net = nn.Sequential(nn.BatchNorm2d(1))

    class Norm(Slope):
        def loss(self, nets, batch, images: int):
            loss = nets["G"](batch.x).square().mean() + nets["G"][0].weight.sum()
            return loss, {}

    schedule = Schedule(batch_size=BATCH, tick=BATCH, adam={"G": Adam()}, average=Average(decay=0.5))
    state = State({"G": net}, Norm(), schedule)
    list(train(state, Norm(), lambda step: Images(torch.full((BATCH, 1, 2, 2), 10.0)), schedule, BATCH))
    assert_close(net[0].running_mean, torch.tensor([1.0]))
    assert_close(state.ema["G"][0].running_mean, torch.tensor([0.5]))
    assert state.ema["G"][0].num_batches_tracked == 1


def test_schedules_of_rate_and_beta2_count_images() -> None:
    """With a constant gradient Adam's step is the rate itself."""
    lr = Ramp(start=0.1, end=0.0, images=4 * BATCH, shape="linear")
    beta2 = Ramp(start=0.9, end=0.5, images=4 * BATCH, shape="linear")
    state, game, schedule = slope_state(adam={"G": Adam(lr=lr, beta2=beta2, eps=0.0)})
    found, betas = [1.0], []
    for _ in train(state, game, ones, schedule, 6 * BATCH):
        found.append(state.nets["G"].w.item())
        betas.append(state.optimisers["G"].param_groups[0]["betas"][1])
    steps = [a - b for a, b in itertools.pairwise(found)]
    assert_close(steps[:1], [0.1], rtol=1e-4, atol=1e-6)
    assert steps[4:] == [0.0, 0.0]
    assert all(a >= b for a, b in itertools.pairwise(steps))
    assert_close(betas, [0.9, 0.8, 0.7, 0.6, 0.5, 0.5])


def test_constant_gradient_moves_by_the_rate() -> None:
    state, game, schedule = slope_state()
    list(train(state, game, ones, schedule, 3 * BATCH))
    assert_close(state.nets["G"].w.item(), 1 - 0.3, rtol=1e-5, atol=0)


def test_a_tick_reports_means_over_its_steps_at_multiples_of_tick_and_at_the_end() -> None:
    state, game, schedule = slope_state(tick=3 * BATCH)
    reports = list(train(state, game, ones, schedule, 7 * BATCH))
    assert [r.images for r in reports] == [12, 24, 28]
    assert [r.scalars["images"] for r in reports] == [4.0, 16.0, 24.0]  # means of 0 4 8, of 12 16 20, of 24
    assert_close(reports[0].scalars["loss/G"], (1.0 + 0.9 + 0.8) / 3, rtol=1e-5, atol=0)
    assert_close(reports[0].scalars["grad_norm/G"], 1.0)


def test_a_phase_that_is_not_due_counts_in_no_mean() -> None:
    state, game, schedule = slope_state(tick=4 * BATCH)
    game.due = Every(2)
    (report,) = train(state, game, ones, schedule, 4 * BATCH)
    assert report.scalars["images"] == 4.0  # steps 0 and 2
    assert_close(state.nets["G"].w.item(), 0.8, rtol=1e-5, atol=0)


def test_it_stops_when_told_and_at_the_number_of_images_or_never() -> None:
    state, game, schedule = slope_state()
    list(train(state, game, ones, schedule, None, stop=lambda s: s.images >= 5 * BATCH))
    assert state.images == 5 * BATCH
    assert list(train(state, game, ones, schedule, 5 * BATCH)) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_raises_and_is_named(bad: float) -> None:
    state, game, schedule = slope_state(tick=4 * BATCH)

    def batches(step: int) -> Images:
        return Images(torch.full((BATCH, 1, 1, 1), bad if step == 5 else 1.0))

    steps = train(state, game, batches, schedule, 100 * BATCH)
    assert isinstance(next(steps), Report)
    with pytest.raises(Diverged, match=r"loss/G = (nan|-?inf)") as raised:
        next(steps)
    assert "grad_norm/G" in str(raised.value)
    assert "images =" not in str(raised.value)


def test_what_is_not_finite_raises_also_when_stopped_before_the_next_report() -> None:
    """The caller saves after a stop; it must not save this."""
    state, game, schedule = slope_state(tick=100 * BATCH)
    bad = Images(torch.full((BATCH, 1, 1, 1), math.nan))
    with pytest.raises(Diverged):
        list(train(state, game, lambda _: bad, schedule, None, stop=lambda s: s.images >= BATCH))


def test_a_network_without_gradients_is_reported_as_zero() -> None:
    class Nothing(Slope):
        def loss(self, nets, batch, images: int):
            return (nets["G"].w * 0).detach().requires_grad_(), {}

    state, _, schedule = slope_state()
    scalars = update(state, Nothing().phases()[0], ones(0), schedule)
    assert scalars["grad_norm/G"] == 0
    assert state.nets["G"].w.item() == 1.0


# --- the same with real networks and a real game: interrupted and not ---

SHAPE = Shape(3, 8)


def pair_state(channels_last: bool) -> tuple[State, Pairwise, Schedule]:
    torch.manual_seed(0)
    game = Pairwise(r1=0.1, r2=0.1, penalty_every=2, g_steps=2)
    nets: dict[str, nn.Module] = {
        "G": ResidualGenerator(widths=(8, 6), z_dim=4).build(SHAPE, 0),
        "D": CriticConfig(branch=ResidualBranch(widths=(8, 6), features=6)).build(SHAPE, 0),
    }
    if channels_last:
        nets = {name: net.to(memory_format=torch.channels_last) for name, net in nets.items()}
    ramp = Ramp(start=1e-2, end=1e-3, images=10 * BATCH)
    adam = {"G": Adam(lr=ramp), "D": Adam(lr=1e-2, beta2=0.9)}
    schedule = Schedule(batch_size=BATCH, tick=4 * BATCH, adam=adam, average=Average(decay=0.5), seed=3)
    return State(nets, game, schedule), game, schedule


def real_batches(step: int) -> Images:
    return Images(torch.rand(BATCH, 3, 8, 8, generator=torch.Generator().manual_seed(step)) * 2 - 1)


def saved(state: State) -> tuple[dict[str, Tensor], dict[str, object]]:
    """As a checkpoint keeps it: copies, contiguous, on the CPU."""
    tensors = {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in state.tensors().items()}
    return tensors, dict(state.numbers())


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("interrupted", [4, 6, 7])
def test_an_interrupted_run_equals_an_uninterrupted_one_bit_for_bit(
    interrupted: int, channels_last: bool
) -> None:
    """Also between two ticks, whose sums and counts go along, and in any memory layout."""
    state, game, schedule = pair_state(channels_last)
    whole = list(train(state, game, real_batches, schedule, 12 * BATCH))

    first, game, schedule = pair_state(channels_last)
    before = list(
        train(first, game, real_batches, schedule, None, stop=lambda s: s.images >= interrupted * BATCH)
    )
    tensors, numbers = saved(first)
    torch.manual_seed(99)
    second, game, schedule = pair_state(channels_last)
    with torch.no_grad():
        for p in second.nets.parameters():
            p.add_(1)
    second.load(tensors, numbers)
    after = list(train(second, game, real_batches, schedule, 12 * BATCH))
    assert before + after == whole
    ours, theirs = saved(second)[0], saved(state)[0]
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name


def test_a_checkpoint_of_other_networks_is_refused() -> None:
    state, _, _ = pair_state(False)
    tensors, numbers = saved(state)
    del tensors["ema.G.base"]
    with pytest.raises(RuntimeError, match=r"G\.base"):
        state.load(tensors, numbers)


def test_draws_do_not_depend_on_what_was_drawn_before() -> None:
    found = []
    for noise in (0, 5):
        state, game, schedule = pair_state(False)
        torch.rand(noise)
        list(train(state, game, real_batches, schedule, 2 * BATCH))
        found.append(saved(state)[0])
    assert all(torch.equal(found[0][k], found[1][k]) for k in found[0])


def test_another_seed_draws_otherwise() -> None:
    found = []
    for seed in (3, 4):
        state, game, schedule = pair_state(False)
        list(train(state, game, real_batches, schedule.model_copy(update={"seed": seed}), BATCH))
        found.append(saved(state)[0]["nets.G.base"])
    assert not torch.equal(*found)


def test_bf16_runs_the_forward_pass_in_bf16_and_keeps_the_weights_in_fp32() -> None:
    state, game, schedule = pair_state(False)
    seen = []
    state.nets["D"].branch.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    list(train(state, game, real_batches, schedule.model_copy(update={"precision": "bf16"}), 2 * BATCH))
    assert set(seen) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in state.nets.parameters())


def test_what_a_phase_does_after_its_step_is_done_to_the_networks_it_moved() -> None:
    """From 1 a step goes to 0.9, which is clipped to 0.85; the next goes to 0.75, which is left."""
    state, game, schedule = slope_state()

    def clip(nets) -> None:
        nets["G"].w.clamp_(max=0.85)

    phase = Phase(("G",), game.loss, after=clip)
    update(state, phase, ones(0), schedule)
    assert_close(state.nets["G"].w.item(), 0.85, rtol=1e-6, atol=0)
    update(state, phase, ones(1), schedule)
    assert_close(state.nets["G"].w.item(), 0.75, rtol=1e-5, atol=0)


def test_a_phase_may_be_due_until_some_images_are_seen() -> None:
    state, game, schedule = slope_state()
    game.due = lambda step, images: images < 3 * BATCH
    list(train(state, game, ones, schedule, 6 * BATCH))
    assert_close(state.nets["G"].w.item(), 0.7, rtol=1e-5, atol=0)


def test_an_exponential_ramp_multiplies() -> None:
    ramp = Ramp(start=8.0, end=1.0, images=3, shape="exponential")
    assert_close([ramp.at(n) for n in range(5)], [8.0, 4.0, 2.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="both above 0"):
        Ramp(start=1.0, end=0.0, images=3, shape="exponential")
