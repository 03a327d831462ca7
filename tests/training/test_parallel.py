"""Two processes are the same run as one."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import as_torchrun, forked
from torch import Tensor
from torch.testing import assert_close

from visavis.core import Images, Shape
from visavis.data.augment import Augment
from visavis.errors import UserError
from visavis.networks import (
    ConvDecoder,
    ConvEncoder,
    CriticConfig,
    ResidualBranch,
    ResidualGenerator,
    SiameseBranch,
    SiameseGenerator,
)
from visavis.objectives import GAN, VAE, VAEGAN, Pairwise
from visavis.training import parallel
from visavis.training.loop import Adam, Average, Schedule, State, train, update

WORLD, BATCH, CLASSES = 2, 8, 3
pytestmark = pytest.mark.xdist_group("parallel")
"""Its fixture takes long: once, in one of the test processes."""
RESIDUAL = (ResidualGenerator(widths=(8, 6), z_dim=4), ResidualBranch(widths=(8, 6), features=6))
SIAMESE = (
    SiameseGenerator(z_dim=8, widths=(16, 8, 8)),
    SiameseBranch(widths=(8, 8, 16), features=24),
)
AS_WRITTEN = Pairwise(
    loss="bce", kinds=("like", "unlike"), like_partner="fresh", smoothing=0.1, g_steps=2, joint=False
)
THREE = ("like", "unlike", "fakes")
ALL_POLICIES = Augment(policy=("flip", "translation", "cutout", "color"))

ENCODER, DECODER = (make(z_dim=4, widths=(8, 6), base=2) for make in (ConvEncoder, ConvDecoder))

CASES: dict[str, tuple[Any, Any, dict[str, Any], Pairwise | GAN | VAE, bool]] = {
    # generator, branch, the critic's other fields, game, conditional
    "as-written": (*SIAMESE, {"head": "concat", "dropout": 0.3, "hidden": (16,)}, AS_WRITTEN, False),
    "batch-norm-penalised": (*SIAMESE, {}, Pairwise(r1=0.02, r2=0.02, joint=False), False),
    "roll-4": (*RESIDUAL, {}, Pairwise(pairing="roll-4", r1=0.5, r2=0.5), True),
    "all-distance": (*RESIDUAL, {"head": "distance"}, Pairwise(kinds=THREE, pairing="all", r1=0.5), False),
    "infonce-augmented": (
        *RESIDUAL,
        {"head": "cosine"},
        Pairwise(kinds=THREE, pairing="roll-2", loss="infonce", augment=ALL_POLICIES),
        False,
    ),
    "random-order": (
        *RESIDUAL,
        {"head": "concat", "random_order": True, "dropout": 0.3},
        Pairwise(kinds=THREE, pairing="all", loss="bce"),
        False,
    ),
    "aligned-augmented": (*RESIDUAL, {}, Pairwise(augment=ALL_POLICIES, d_steps=2), False),
    "gan": (*RESIDUAL, {"head": "single"}, GAN(r1=0.5, r2=0.5, penalty_every=2), True),
    "vae": (DECODER, None, {}, VAE(free_bits=0.5), True),
    "vae-gan": (DECODER, RESIDUAL[1], {}, VAEGAN(r1=0.5, r2=0.5, samples=0.5, features=0.5), False),
}


def build(case: str, channels_last: bool = False) -> tuple[State, Any, Schedule]:
    generator, branch, critic, game, conditional = CASES[case]
    shape, classes = Shape(3, 32 if generator in SIAMESE else 8), CLASSES * conditional
    if classes:
        assert generator not in SIAMESE
    torch.manual_seed(0)
    nets = {"G": generator.build(shape, classes)}
    if branch is not None:
        nets["D"] = CriticConfig(branch=branch, **critic).build(shape, classes)
    if generator is DECODER:
        nets["E"] = ENCODER.build(shape, classes)
    with torch.no_grad():  # away from the zeros of the last convolutions, but as everywhere else
        for net in nets.values():
            for parameter in net.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
    if generator in SIAMESE:
        nets = {name: net.to(memory_format=torch.channels_last) for name, net in nets.items()}
    adam = Adam(lr=1e-3, eps=1e-3)  # a larger eps: what is only rounding must not become a step
    schedule = Schedule(
        batch_size=BATCH, tick=BATCH, adam=dict.fromkeys(nets, adam), average=Average(decay=0.5), seed=5
    )
    return State(nets, game, schedule), game, schedule


def batches_of(case: str) -> Callable[[int], Images]:
    generator, _, _, game, _ = CASES[case]
    resolution, parts = 32 if generator in SIAMESE else 8, game.real_batches

    def batches(step: int) -> Images:
        source = torch.Generator().manual_seed(step)
        x = torch.rand(parts, BATCH, 3, resolution, resolution, generator=source) * 2 - 1
        y = torch.randint(CLASSES, (parts, BATCH), generator=source)
        here = parallel.local(BATCH)
        return Images(x[:, here].flatten(0, 1), y[:, here].flatten())

    return batches


def first_gradients(case: str) -> dict[str, Tensor]:
    """Of each phase of the first step, all at the fresh weights."""
    found = {}
    state, game, schedule = build(case)
    batch = batches_of(case)(0)
    for index, phase in enumerate(game.phases()):
        for name in phase.trains:

            def keep(index: int = index, name: str = name) -> None:
                for key, parameter in state.nets[name].named_parameters():
                    assert parameter.grad is not None, key
                    found[f"{index}.{name}.{key}"] = parameter.grad.clone()

            state.optimisers[name].step = keep  # type: ignore[method-assign, assignment]
        torch.manual_seed(20 + index)
        update(state, phase, batch, schedule)
    return found


def three_steps(case: str) -> dict[str, Tensor]:
    state, game, schedule = build(case)
    reports = list(train(state, game, batches_of(case), schedule, 3 * BATCH))
    tensors = {k: v.clone() for k, v in state.tensors().items() if not k.startswith("optimiser")}
    scalars = {f"{r.images}.{k}": torch.tensor(v) for r in reports for k, v in r.scalars.items()}
    return tensors | {f"report.{k}": v for k, v in scalars.items()}


def derivatives(join: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """First and second derivatives of a function that ``join`` carries over all processes."""
    every = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(6, 2)
    weights = torch.arange(6, dtype=torch.float64)[parallel.local(6)]
    x = every[parallel.local(6)].clone().requires_grad_()
    loss = (join(x).pow(3).sum() * x.square().sum(1) * weights).sum()
    (first,) = torch.autograd.grad(loss, x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    return first.detach(), second


def moments(x: Tensor) -> Tensor:
    """The mean over all rows, from the means over each process's."""
    return parallel.mean(x.mean(0))


def draws() -> dict[str, Tensor]:
    torch.manual_seed(7)
    n = 6 // parallel.world_size()
    return {"randn": parallel.randn(n, 3), "rand": parallel.rand(n), "after": torch.rand(2)}


def everything() -> dict[str, Any]:
    """What both the one process and each of the two compute."""
    found: dict[str, Any] = {f"first.{case}": first_gradients(case) for case in CASES}
    found |= {f"steps.{case}": three_steps(case) for case in CASES}
    found["gather"] = derivatives(parallel.gather)
    found["mean"] = derivatives(moments)
    return found | {"draws": draws()}


def only_of_two() -> dict[str, Any]:
    """What makes sense with several processes only."""
    me = parallel.rank()
    a, b = torch.full((2, 3), float(me)), torch.arange(4.0).reshape(2, 2).T * (me + 1)
    parallel.average([a, b])
    parallel.average([])
    found: dict[str, Any] = {"average": [a, b], "rank": me}
    found["agree"] = [
        parallel.agree(False),
        parallel.agree(me == 0),
        parallel.agree(me == 1),
        parallel.agree(True),
    ]
    found["from_first"] = parallel.from_first(lambda: {"by": me, "x": torch.ones(2)})
    try:
        parallel.from_first(lambda: refuse(me))
    except UserError as error:
        found["refused"] = str(error)
    torch.distributed.barrier()
    return found


def refuse(me: int) -> None:
    raise UserError(f"refused by {me}")


def work(folder: Path) -> None:
    torch.set_num_threads(1)
    parallel.start(torch.device("cpu"), timedelta(seconds=60))
    torch.save(everything() | only_of_two(), folder / f"{parallel.rank()}.pt")
    parallel.stop()


@pytest.fixture(scope="module")
def one() -> dict[str, Any]:
    return everything()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("two")
    processes = [
        forked(work, folder, environment=environment, told=str(folder / environment["RANK"]))
        for environment in as_torchrun(WORLD)
    ]
    for rank, process in enumerate(processes):
        process.join(600)
        assert process.exitcode == 0, (folder / f"{rank}.err").read_text()[-4000:]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


def by_phase(gradients: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in gradients.items():
        index, name, rest = key.split(".", 2)
        found.setdefault(f"{index}.{name}", {})[rest] = value
    return found


@pytest.mark.parametrize("case", CASES)
def test_first_step_gradients_equal_those_of_one_process(case: str, one, two) -> None:
    """To 1e-5 of each network's largest gradient, and to 3e-5 of each tensor's own largest.

    Apart from tensors whose gradient is 0 but for rounding, whatever the number of processes: a bias before
    BatchNorm, the bias of a contrast of scores.
    """
    expected = by_phase(one[f"first.{case}"])
    for rank in range(WORLD):
        found = by_phase(two[rank][f"first.{case}"])
        assert found.keys() == expected.keys()
        for phase, tensors in expected.items():
            largest = max(t.abs().max() for t in tensors.values())
            assert largest > 0
            for key, tensor in tensors.items():
                off, own = (found[phase][key] - tensor).abs().max(), tensor.abs().max()
                if key.endswith("bias") and own < 5e-5 * largest:
                    continue
                assert off <= 1e-5 * largest, (phase, key, off / largest)
                assert off <= 3e-5 * own, (phase, key, off / own)


@pytest.mark.parametrize("case", CASES)
def test_three_steps_end_at_the_same_weights_buffers_averages_and_reports(case: str, one, two) -> None:
    """By norms: where an activation within rounding of 0 changes side, one unit's weights take another step.
    Draws that differed, or gradients that were not averaged, would show as 0.1."""
    expected = one[f"steps.{case}"]
    for rank in range(WORLD):
        found = two[rank][f"steps.{case}"]
        assert found.keys() == expected.keys()
        for key, tensor in expected.items():
            apart = float((found[key].double() - tensor.double()).norm())
            allowed = 2e-3 * float(tensor.double().norm()) + 2e-5 * tensor.numel() ** 0.5
            assert apart <= allowed, f"{key}: {apart:.2e} apart (allowed {allowed:.2e})"
    assert all(torch.equal(two[0][f"steps.{case}"][k], two[1][f"steps.{case}"][k]) for k in expected)


@pytest.mark.parametrize("name", ["gather", "mean"])
def test_first_and_second_derivatives_pass_between_processes(name: str, one, two) -> None:
    """A process's loss is its part of a sum, and derivatives are those of the sum."""
    for order in (0, 1):
        joined = torch.cat([two[rank][name][order] for rank in range(WORLD)])
        assert_close(joined, one[name][order])


def test_draws_depend_on_the_place_in_the_global_batch_only(one, two) -> None:
    for name in ("randn", "rand"):
        assert torch.equal(torch.cat([two[rank]["draws"][name] for rank in range(WORLD)]), one["draws"][name])
    for rank in range(WORLD):
        assert torch.equal(two[rank]["draws"]["after"], one["draws"]["after"]), "the generators go on in step"


def test_average_of_tensors_in_any_layout(two) -> None:
    for rank in range(WORLD):
        a, b = two[rank]["average"]
        assert_close(a, torch.full((2, 3), 0.5))
        assert_close(b, torch.arange(4.0).reshape(2, 2).T * 1.5)


def test_one_vote_is_enough(two) -> None:
    assert all(two[rank]["agree"] == [False, True, True, True] for rank in range(WORLD))


def test_process_0_makes_it_and_all_get_it_or_its_exception(two) -> None:
    for rank in range(WORLD):
        assert two[rank]["rank"] == rank
        assert two[rank]["from_first"]["by"] == 0
        assert torch.equal(two[rank]["from_first"]["x"], torch.ones(2))
        assert two[rank]["refused"] == "refused by 0"


def test_one_process_is_the_identity() -> None:
    x = torch.randn(3)
    assert parallel.gather(x) is x and parallel.mean(x) is x
    assert parallel.local(5) == slice(0, 5)
    assert parallel.world_size() == 1 and parallel.rank() == 0 and not parallel.active()
    assert parallel.agree(True) and not parallel.agree(False)
    parallel.average([x])
    with pytest.raises(UserError, match="refused"):
        parallel.from_first(lambda: refuse(0))
    assert parallel.start(torch.device("cpu")) == torch.device("cpu")
