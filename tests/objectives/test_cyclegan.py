"""CycleGAN: what it computes, which networks a phase trains, its pools."""

import pytest
import torch
from small_translation import N, assert_trains_only_its_own, make_cycle_nets, make_pairs, pairs_data
from torch.testing import assert_close

from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.networks import PatchGAN, ResnetTranslator, SuperResolver
from visavis.objectives import CycleGAN
from visavis.training.loop import Adam, Schedule, State, train


def with_pools(game: CycleGAN) -> dict[str, torch.nn.Module]:
    return make_cycle_nets() | game.state()


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
@pytest.mark.parametrize("extras", [{}, {"identity": 0.0}, {"pool": 0}], ids=str)
def test_both_generators_then_both_critics_and_nothing_frozen_gets_gradients(loss: str, extras) -> None:
    game = CycleGAN(loss=loss, **extras)
    nets, batch = with_pools(game), make_pairs()
    assert [phase.trains for phase in game.phases()] == [("G_ab", "G_ba"), ("D_a", "D_b")]
    for phase in game.phases():
        assert_trains_only_its_own(nets, phase, batch)


def test_the_losses_are_those_of_the_paper() -> None:
    game = CycleGAN()
    nets, (a, b) = with_pools(game), make_pairs()
    to_b, to_a, d_a, d_b = (nets[name] for name in ("G_ab", "G_ba", "D_a", "D_b"))
    g_phase, d_phase = game.phases()
    g, parts = g_phase.loss(nets, make_pairs(), 0)
    fake_a, fake_b = to_a(b), to_b(a)

    def mean_l1(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x - y).abs().mean()

    fooled = ((d_b(fake_b) - 1).square().mean() + (d_a(fake_a) - 1).square().mean()) / 2
    cycle = mean_l1(to_a(fake_b), a) + mean_l1(to_b(fake_a), b)
    kept = mean_l1(to_b(b), b) + mean_l1(to_a(a), a)
    assert_close(parts["loss/G"], fooled)
    assert_close(parts["distance/cycle"], cycle / 2)
    assert_close(parts["distance/identity"], kept / 2)
    assert_close(g, fooled + 10 * cycle + 5 * kept)
    d, _ = d_phase.loss(nets, make_pairs(), 0)
    expected = sum(
        ((critic(real) - 1).square().mean() + critic(fake).square().mean()) / 2
        for critic, real, fake in ((d_a, a, fake_a), (d_b, b, fake_b))
    )
    assert_close(d, expected)


def test_the_generators_run_once_for_image_and_identity_and_not_again_for_the_critics() -> None:
    game = CycleGAN()
    nets, batch = with_pools(game), make_pairs()
    sizes: list[tuple[str, int]] = []
    for name in ("G_ab", "G_ba", "D_a", "D_b"):
        nets[name].register_forward_hook(lambda _, given, __, name=name: sizes.append((name, len(given[0]))))
    for phase in game.phases():
        phase.loss(nets, batch, 0)
    wanted = [("G_ab", 2 * N), ("G_ba", 2 * N), ("G_ab", N), ("G_ba", N)]
    assert [s for s in sizes if s[0].startswith("G")] != [] and sorted(sizes[:2] + sizes[4:6]) == sorted(
        wanted
    )
    assert sizes[6:] == [("D_a", 2 * N), ("D_b", 2 * N)]


def test_critics_are_shown_old_images_from_the_pools() -> None:
    game = CycleGAN(pool=2 * N)
    nets = with_pools(game)
    shown: list[torch.Tensor] = []
    nets["D_a"].register_forward_hook(lambda _, given, __: shown.append(given[0][N:].detach()))
    g_phase, d_phase = game.phases()
    for step in range(6):
        batch = make_pairs()
        batch = batch._replace(b=batch.b.roll(step, 0) * (1 - 0.1 * step))
        g_phase.loss(nets, batch, 0)
        torch.manual_seed(step)
        shown.clear()
        d_phase.loss(nets, batch, 0)
        fresh = nets["G_ba"](batch.b).detach()
        own = torch.tensor([torch.allclose(x, y, atol=1e-6) for x, y in zip(shown[0], fresh, strict=True)])
        assert own.all() if step < 2 else len(nets["pool_a"].images) == 2 * N
    assert not own.all()


def test_a_resumed_run_goes_on_bit_for_bit_with_its_pools() -> None:
    game = CycleGAN(pool=6)
    schedule = Schedule(
        batch_size=N, tick=N, adam=dict.fromkeys(("G_ab", "G_ba", "D_a", "D_b"), Adam(lr=1e-3))
    )

    def batches(step: int):
        batch = make_pairs()
        return batch._replace(a=batch.a.roll(step, 0), b=batch.b.roll(2 * step, 0) * 0.9**step)

    straight = State(make_cycle_nets(), game, schedule)
    list(train(straight, game, batches, schedule, 5 * N))
    assert set(straight.ema) == {"G_ab", "G_ba"}
    first = State(make_cycle_nets(), game, schedule)
    list(train(first, game, batches, schedule, 2 * N))
    assert len(first.nets["pool_a"].images) == 6
    second = State(make_cycle_nets(), game, schedule)
    second.load({k: v.clone() for k, v in first.tensors().items()}, first.numbers())
    list(train(second, game, batches, schedule, 5 * N))
    ours, theirs = second.tensors(), straight.tensors()
    assert [k for k in theirs if not torch.equal(ours[k], theirs[k])] == []


def test_networks_that_do_not_fit_are_refused_with_the_mend() -> None:
    translator, critic = ResnetTranslator(), PatchGAN(sees="image")
    fine = {"G_ab": translator, "G_ba": translator, "D_a": critic, "D_b": critic}
    game = CycleGAN()
    game.check(fine, pairs_data(1))
    with pytest.raises(ValueError, match=r"--networks.D_b.sees image"):
        game.check(fine | {"D_b": PatchGAN()}, pairs_data(1))
    with pytest.raises(ValueError, match="G_ba is a 'patch', no translator"):
        game.check(fine | {"G_ba": critic}, pairs_data(1))
    with pytest.raises(ValueError, match="no way back"):
        game.check(fine | {"G_ab": SuperResolver()}, pairs_data(2))
