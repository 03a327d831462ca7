"""The equilibrium bench: G begins *at* the data and training goes on.  Which critic drives it away, how fast?

G is a table of training images, each value of which it may change, and real images are drawn from the same
images: so its distribution is the data's, exactly, and no network of G confounds what is measured.  D begins
untrained, as one does that is replaced or that forgets.  Tong et al. 2020 ("The benefits of pairwise
discriminators for adversarial training", arXiv 2002.08621) construct pair objectives of which the data are an
equilibrium for *any* discriminator; with one score per image they are one for a constant D only.

Two things are measured of each critic.  **Pull**: with D fixed, the share of G's gradient that is left when
it is averaged over batches, between 0 (noise of the batch alone) and 1 (each batch says the same); unbiased,
from two halves of the batches, so it may fall below 0 by chance.  **Drift**: the root mean square by which
the table's pixels have moved after so many images, in [-1, 1], and the Fréchet distance that this makes:
against D as it began, and with both in training.  Noise alone drifts too, as a walk at random.

Penalties are R1 and R2 of one weight, exact and in every step.  Drifting has no critic, so nothing to be
penalised and no D to hold fixed: its row says how the field pulls at the data, and how far that leads.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from visavis.bench.rows import Row, machine, need_same, standing
from visavis.core import Batch, Images, Objective, Phase, Shape, mix
from visavis.data.digits import digits
from visavis.data.pixels import to_float, to_uint8
from visavis.errors import UserError, unknown
from visavis.files import write_json
from visavis.metrics.features import load_extractor
from visavis.metrics.frechet import frechet_distance
from visavis.networks import CriticConfig, ResidualBranch
from visavis.objectives import GAN, Drifting, Pairwise
from visavis.training.loop import Adam, Diverged, Schedule, State, train

LOG = logging.getLogger("visavis")

IMAGES, BATCH, RATE = 64, 32, 1e-3
"""Images of the table, of a batch, and the learning rate of both (Adam, β₁ = 0)."""
PULLS = 100
"""Batches over which G's gradient is averaged."""
LOOKS = 4
"""How often the table is looked at, at equal distances."""
SHAPE = Shape(1, 8)
THREE = ("like", "unlike", "fakes")


@dataclass(frozen=True)
class Game:
    """A critic and its game; no head: no critic."""

    head: str | None
    objective: Objective
    more: Mapping[str, Any] | None = None

    def critic(self) -> nn.Module:
        """D, untrained."""
        assert self.head is not None
        branch = ResidualBranch(widths=(32, 16), features=32)
        return CriticConfig.model_validate({"branch": branch, "head": self.head, **(self.more or {})}).build(
            SHAPE, 0
        )


def games(r: float) -> dict[str, Game]:
    """The games by name, with R1 = R2 = ``r``; without penalties also the one that has no critic."""
    weights = {"r1": r, "r2": r}

    def pairwise(**fields: Any) -> Pairwise:
        return Pairwise.model_validate({**weights, **fields})

    drifting = {} if r else {"drifting": Game(None, Drifting())}
    return {
        "single": Game("single", GAN.model_validate(weights)),
        "difference": Game("difference", pairwise()),
        "difference, all pairs": Game("difference", pairwise(pairing="all")),
        "two in one input (PacGAN)": Game("single", GAN.model_validate(weights), {"pack": 2}),
        "concat, bce": Game("concat", pairwise(loss="bce", kinds=THREE), {"hidden": (64,)}),
        "concat, linear": Game("concat", pairwise(loss="wasserstein", kinds=THREE), {"hidden": (64,)}),
        "concat of random order, linear": Game(
            "concat",
            pairwise(loss="wasserstein", kinds=THREE),
            {"hidden": (64,), "random_order": True},
        ),
        "image and mean of partners, bce (PairGAN)": Game(
            "concat", pairwise(loss="bce", kinds=THREE, pairing="mean"), {"hidden": (64,)}
        ),
        "distance, relativistic": Game("distance", pairwise(kinds=THREE)),
        "distance, linear": Game("distance", pairwise(loss="wasserstein", kinds=THREE)),
        "cosine, relativistic": Game("cosine", pairwise(kinds=THREE)),
        **drifting,
    }


class Table(nn.Module):
    """G as a table: ``z: [N, 1]`` -> images ``[N, C, H, W]``, each of the K equally often."""

    z_dim = 1

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = nn.Parameter(images.clone())

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Row ⌊K Φ(z)⌋ for each latent z ~ N(0, 1)."""
        share = torch.special.ndtr(z[:, 0].double())
        rows = (share * len(self.images)).long().clamp(0, len(self.images) - 1)
        return self.images[rows]


@dataclass(frozen=True)
class Equilibrium:
    """What to measure: ``names`` (empty: all games), R1 = R2, seeds, and images of training a line."""

    names: tuple[str, ...] = ()
    penalties: tuple[float, ...] = (0.0,)
    seeds: tuple[int, ...] = (0, 1, 2)
    images: int = 16_000
    out: Path = Path("results") / "equilibrium.json"


def measure(asked: Equilibrium) -> dict[str, Any]:
    """A row for each game, penalty and seed, added to ``asked.out`` as it is done; rows that stand are kept.

    A game without a critic has a row without penalty alone.  Raises :class:`UserError` for an unknown game,
    for a penalty below 0 and where rows stand that were made otherwise.
    """
    names = asked.names or tuple(games(0))
    if wrong := [name for name in names if name not in games(0)]:
        raise unknown("game", wrong[0], games(0))
    if below := [penalty for penalty in asked.penalties if not 0 <= penalty < float("inf")]:
        raise UserError(f"a penalty of {below[0]:g} (allowed: 0 or more); mend --penalties")
    whole = _standing(asked)
    done = {(row["game"], row["penalty"], row["seed"]) for row in whole["rows"]}
    for seed in asked.seeds:
        for penalty in asked.penalties:
            for name in names:
                if (name, penalty, seed) in done or name not in games(penalty):
                    continue
                row = {"game": name, "penalty": penalty, "seed": seed}
                row |= line(games(penalty)[name], seed, asked.images) | {"made": _made()}
                whole["rows"].append(row)
                write_json(asked.out, whole)
                LOG.warning("%s", told(row))
    return {"out": str(asked.out), **whole}


def _made() -> Row:
    """On and with what a row was made, where it is another machine than the first one's."""
    return {key: value for key, value in machine().items() if key in ("processor", "torch", "date")}


def _standing(asked: Equilibrium) -> dict[str, Any]:
    """What stands in the file already, if its rows may stand beside new ones."""
    settings = {
        "data": "digits",
        "table": IMAGES,
        "batch": BATCH,
        "rate": RATE,
        "images": asked.images,
        "pulls": PULLS,
        "features": "digitsr",
    }
    whole = {"record": settings | machine(), "rows": []} | standing(asked.out)
    need_same(asked.out, whole["record"], settings, tuple(settings))
    return whole


def line(game: Game, seed: int, images: int) -> Row:
    """Pull of an untrained and of a trained D at the data; drift with D as it is, and with D in training.

    Without a critic ``pull`` is the field's, and there are looks alone.
    """
    real = to_float(torch.as_tensor(digits("train")[0][:IMAGES]).permute(0, 3, 1, 2))
    schedule = _schedule(seed, images)
    state = _state(game, real, schedule)
    found: Row = {}
    if game.head is None:
        found["pull"] = pull(state, game.objective, real, seed)
    else:
        found["pull_untrained"] = pull(state, game.objective, real, seed)
        _run(state, Only(game.objective, "G"), real, schedule, images // 2)
        found["fixed"] = _moved(_table(state), real)
        state = _state(game, real, schedule)
        _run(state, Only(game.objective, "D"), real, schedule, images // 8)
        found["pull_trained"] = pull(state, game.objective, real, seed)
    state, looks = _state(game, real, schedule), []
    try:
        for k in range(LOOKS):
            _run(state, game.objective, real, schedule, images * (k + 1) // LOOKS)
            looks.append({"images": state.images, **_moved(_table(state), real)})
    except Diverged as error:
        return found | {"looks": looks, "failed": str(error)}
    return found | {"looks": looks}


def _run(state: State, objective: Objective, real: Tensor, schedule: Schedule, images: int) -> None:
    """Train until so many images are seen."""
    for _ in train(state, objective, _batches(real, objective, schedule.seed), schedule, images):
        pass


def _table(state: State) -> Table:
    table = state.nets["G"]
    assert isinstance(table, Table)
    return table


def _schedule(seed: int, images: int) -> Schedule:
    adam = Adam(lr=RATE, beta1=0.0, beta2=0.99)
    return Schedule(batch_size=BATCH, tick=images // LOOKS, adam={"G": adam, "D": adam}, seed=seed)


def _state(game: Game, real: Tensor, schedule: Schedule) -> State:
    torch.manual_seed(mix(schedule.seed, -1, 0))
    critic = {} if game.head is None else {"D": game.critic()}
    return State({"G": Table(real), **critic}, game.objective, schedule)


def _batches(real: Tensor, objective: Any, seed: int) -> Any:
    """Real images for step k, drawn from the table's own with replacement."""

    def batch(step: int) -> Batch:
        draws = torch.Generator().manual_seed(mix(seed, step, 77))
        rows = torch.randint(len(real), (BATCH * objective.real_batches,), generator=draws)
        return Images(real[rows], None)

    return batch


@dataclass(frozen=True)
class Only:
    """A game of which one player alone moves."""

    game: Objective
    player: str

    @property
    def averaged(self) -> tuple[str, ...]:
        """Nothing: the table itself is looked at."""
        return ()

    @property
    def real_batches(self) -> int:
        """As the game's."""
        return self.game.real_batches

    def state(self) -> dict[str, nn.Module]:
        """As the game's."""
        return self.game.state()

    def phases(self) -> tuple[Phase, ...]:
        """The player's own."""
        return tuple(phase for phase in self.game.phases() if phase.trains == (self.player,))


def pull(state: State, objective: Objective, real: Tensor, seed: int, batches: int = PULLS) -> float:
    """The share of G's gradient that is the same in every batch, with D as it is.

    From two halves of the batches: (mean₁ · mean₂) / mean of ‖gradient‖², times the share of rows that a
    batch draws, since a row that is not drawn has no gradient: so 1 for a gradient without noise.
    """
    (phase,) = [phase for phase in objective.phases() if phase.trains == ("G",)][:1]
    draw, nets = _batches(real, objective, seed + 1), dict(state.nets.items())
    halves = [torch.zeros_like(real), torch.zeros_like(real)]
    squares, counts = torch.zeros(()), [torch.zeros(len(real)), torch.zeros(len(real))]
    total = 0
    critics = [net for name, net in state.nets.items() if name == "D"]
    for net in critics:
        net.requires_grad_(False)
    state.nets["G"].requires_grad_(True)
    for k in range(batches):
        torch.manual_seed(mix(seed, k, 78))
        loss, _ = phase.loss(nets, draw(k), 0)
        (gradient,) = torch.autograd.grad(loss, [_table(state).images])
        drawn = gradient.flatten(1).square().sum(1) > 0
        halves[k % 2] += gradient
        counts[k % 2] += drawn
        squares, total = squares + gradient.square().sum(), total + int(drawn.sum())
    for net in critics:
        net.requires_grad_(True)
    means = [
        half / count.clamp(min=1)[:, None, None, None] for half, count in zip(halves, counts, strict=True)
    ]
    seen = (counts[0] > 0) & (counts[1] > 0)
    dot = (means[0] * means[1]).flatten(1).sum(1)[seen].mean()
    typical = squares / max(total, 1)
    return float(dot / typical.clamp(min=1e-30))


def _moved(table: Table, real: Tensor) -> Row:
    """How far the table is from the data that it began as."""
    now = table.images.detach()
    extract = load_extractor("digitsr")
    seen = [extract(to_uint8(x).permute(0, 2, 3, 1)).vectors for x in (now, real)]
    own = torch.cdist(now.flatten(1), real.flatten(1)).argmin(1) == torch.arange(len(real))
    return {
        "rms": float((now - real).square().mean().sqrt()),
        "fd_digitsr": float(frechet_distance(seen[0], seen[1]).value),
        "own_nearest": float(own.float().mean()),
    }


def told(row: Row) -> str:
    """One row in words."""
    name = f"{row['game']}, R1 = R2 = {row['penalty']:g}, seed {row['seed']}"
    pulls = f"pull {_pull(row):.3f}"
    if "pull_trained" in row:
        pulls += f" untrained, {row['pull_trained']:.3f} trained"
    if "failed" in row:
        return f"{name}: {pulls}; {row['failed']}"
    fixed = f"{row['fixed']['rms']:.3f} with D fixed, " if "fixed" in row else ""
    first, last = row["looks"][0], row["looks"][-1]
    moved = f"{first['rms']:.3f} after {first['images']:,} images in training, {last['rms']:.3f} at the end"
    return f"{name}: {pulls}; moved by {fixed}{moved}"


def _pull(row: Row) -> float:
    """The critic's that is untrained, or the field's."""
    return float(row["pull"] if "pull" in row else row["pull_untrained"])


def in_words(found: Mapping[str, Any]) -> str:
    """All rows, those without a pull first."""
    rows: Sequence[Row] = sorted(found["rows"], key=lambda row: abs(_pull(row)))
    return "\n".join([f"{len(rows)} rows in {found['out']}", *(f"  {told(row)}" for row in rows)])
