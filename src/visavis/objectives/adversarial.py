"""What every game between a generator and a critic shares: fakes, augmentation, penalties, when due."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Self

import torch
from pydantic import NonNegativeFloat, PositiveInt, model_validator
from torch import Tensor, nn

from visavis.core import (
    Batch,
    Every,
    Images,
    Nets,
    Phase,
    Ramp,
    Scalars,
    Value,
    always,
    ends_of,
    value_at,
)
from visavis.data.augment import AdaptiveProbability, Augment, Draws, augment, draw
from visavis.networks.critic import PairCritic
from visavis.objectives.fit import Networks
from visavis.objectives.penalised import Penalised
from visavis.objectives.phases import Otherwise, PastWeights, WhileMore, clipped, held_back, told_progress
from visavis.objectives.sound import (
    cautions,
    check_bound,
    check_growth,
    check_joint,
    check_packs,
    check_range,
    check_slopes,
)
from visavis.training import parallel


def critic_of(nets: Nets) -> PairCritic:
    """The network D, known to be a pair critic."""
    critic = nets["D"]
    assert isinstance(critic, PairCritic)
    return critic


def generate(nets: Nets, like: Images) -> Images:
    """Fresh latents through G, one image for each of ``like`` and of its class."""
    z = parallel.randn(len(like.x), nets["G"].z_dim, device=like.x.device)  # type: ignore[arg-type]
    return Images(nets["G"](z, like.y), like.y)


def part_of(batch: Batch, index: int, parts: int) -> Images:
    """The ``index``-th of the ``parts`` real batches of a step."""
    assert isinstance(batch, Images)
    labels = None if batch.y is None else batch.y.chunk(parts)[index]
    return Images(batch.x.chunk(parts)[index], labels)


class Adversarial(Penalised):
    """Fields and phases common to all games of a generator against a critic.

    ``d_steps``: D's steps for each of G's ``g_steps``, each on real images of its own; a ramp (5 to 1) is
    rounded.  ``joint``: real and generated images go through the branch as one batch (faster; not for a
    branch with BatchNorm, whose moments would mix).  ``clip``: D's weights stay in [-clip, clip] (Arjovsky et
    al. 2017); 0: free.  ``historical``: the weight of the distance of all weights from their mean so far
    (Salimans et al. 2016).  ``augment``: what is done to all images before D sees them; ``noise``: the
    standard deviation of the Gaussian noise that is added to them then (Arjovsky and Bottou 2017).
    """

    task: ClassVar[str] = "generate"

    d_steps: PositiveInt | Ramp = 1
    g_steps: PositiveInt = 1
    joint: bool = True
    clip: NonNegativeFloat = 0.0
    historical: NonNegativeFloat = 0.0
    augment: Augment = Augment()
    noise: Value = 0.0

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if self.clip and (self.on_images or self.on_interpolates):
            raise ValueError(
                "clipped weights and a gradient penalty bound D's slope twice; give --objective.clip 0, "
                "or the penalties 0"
            )
        if self.finite and not self.on_images:
            raise ValueError("finite is a form of R1 and R2; give --objective.r1 and .r2 too")
        check_range("noise", self.noise, 0)
        return self

    def check_training(self, networks: Networks, batch_size: int, accumulate: int, conditional: bool) -> None:
        """Raise ValueError unless the game means something with such batches, and with such a critic.

        ``conditional``: whether networks are told the class.
        """
        check_packs(networks, batch_size, accumulate)
        check_joint(networks, self.joint)
        check_bound(
            networks,
            getattr(self, "loss", ""),
            bool(self.clip or self.on_images or self.on_interpolates),
        )
        check_slopes(networks, self.on_interpolates)
        check_growth(networks)

    def cautions(self, networks: Networks) -> Sequence[str]:
        """What is allowed and seldom wanted, a line each."""
        return cautions(networks, self.joint, self.on_images)

    @property
    def averaged(self) -> tuple[str, ...]:
        """G has an average."""
        return ("G",)

    @property
    def most_d_steps(self) -> int:
        """D's steps where they are the most."""
        return round(max(ends_of(self.d_steps)))

    def state(self) -> dict[str, nn.Module]:
        """The means of past weights, and ADA's probability, where they are wanted."""
        trained = sorted({name for phase in self.phases() for name in phase.trains})
        past = {f"past_{name}": PastWeights() for name in trained} if self.historical else {}
        return {**past, **self.augment.state()}

    def phases(self) -> tuple[Phase, ...]:
        """The phases of one step, in order."""
        raise NotImplementedError

    def composed(self, d: Sequence[Phase], g: Sequence[Phase]) -> tuple[Phase, ...]:
        """D's phases and then G's, with what goes beside any game's losses."""
        if self.clip:
            d = [clipped(phase, self.clip) for phase in d]
        both = [*d, *g]
        if self.historical:
            both = [held_back(phase, self.historical) for phase in both]
        return tuple(told_progress(phase) for phase in both)

    def d_phases(self, loss: Callable[..., tuple[Tensor, Scalars]]) -> list[Phase]:
        """D's phases, each on real images of its own.

        With lazy penalties each is two that take turns, with and without: one optimiser step a step either
        way, so that Adam's rate needs no correction.
        """
        phases = []
        for index in range(self.most_d_steps):
            plain = partial(loss, index=index, penalise=False)
            full = partial(loss, index=index, penalise=True)
            now = partial(WhileMore, self.d_steps, index)
            if not (self.on_images or self.on_interpolates):
                phases.append(Phase(("D",), plain, now(always)))
            elif self.penalty_every == 1:
                phases.append(Phase(("D",), full, now(always)))
            else:
                lazy = Every(self.penalty_every)
                phases += [Phase(("D",), full, now(lazy)), Phase(("D",), plain, now(Otherwise(lazy)))]
        return phases

    @property
    def changes_images(self) -> bool:
        """Whether D sees an image otherwise than it is, so that a second look differs."""
        return bool(self.augment.policy) or self.noise != 0

    def view(self, nets: Nets, like: Images, images: int, shared: bool) -> Callable[[Tensor], Tensor]:
        """What D sees of images, with one draw of the augmentation for both members of pairs.

        ``shared``: one draw for all images.  The noise is each image's own.
        """
        sigma = value_at(self.noise, images)
        p = nets["ada"].p if "ada" in nets else None
        draws: Draws = {}
        if self.augment.policy:
            n, side, device = len(like.x), like.x.shape[-1], like.x.device
            draws = draw(n, self.augment, side, images, device, shared, p)  # type: ignore[arg-type]

        def seen(x: Tensor) -> Tensor:
            x = augment(x, draws)
            return x + sigma * parallel.randn(*x.shape, device=x.device) if sigma else x

        return seen

    def adapt(self, nets: Nets, scores: Tensor) -> Scalars:
        """Let ADA's probability follow the scores ``[N, …]`` that D raises, where it is adaptive."""
        if self.augment.target is None:
            return {}
        ada = nets["ada"]
        assert isinstance(ada, AdaptiveProbability)
        batch = len(scores) * parallel.world_size()
        sign = ada.follow(scores, self.augment.target, batch / self.augment.ramp)
        return {"augment/p": ada.p.clone(), "augment/sign": sign}

    def embed(
        self, critic: PairCritic, batches: list[Images], view: Callable[[Tensor], Tensor]
    ) -> list[Tensor]:
        """Each batch's embeddings, the branch run once per image."""
        return self.through(critic.embed, critic.pack, batches, view)

    def through(
        self,
        of: Callable[[Tensor, Tensor | None], Tensor],
        pack: int,
        batches: list[Images],
        view: Callable[[Tensor], Tensor],
    ) -> list[Tensor]:
        """``of(images, labels)`` of each batch, all in one call if ``joint``; ``pack``: images a row."""
        if not self.joint:
            return [of(view(x), y) for x, y in batches]
        x = torch.cat([view(x) for x, _ in batches])
        labels = [y for _, y in batches if y is not None]
        found = of(x, torch.cat(labels) if labels else None)
        return list(torch.split(found, [len(x) // pack for x, _ in batches]))
