"""The two-player game with an ordinary discriminator, which scores one image at a time."""

from collections.abc import Callable
from typing import Literal, Self

import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from visavis.core import Batch, Images, Nets, Phase, Scalars, Value, ends_of, value_at
from visavis.data import AnyData
from visavis.data.pool import ImagePool
from visavis.losses.adversarial import ADVERSARIAL_LOSSES, TARGETED
from visavis.networks.critic import PairCritic
from visavis.objectives.adversarial import Adversarial, critic_of, generate, part_of
from visavis.objectives.fit import Networks, check_role, check_single, takes_images
from visavis.objectives.penalised import Judged
from visavis.objectives.sound import check_range
from visavis.training import parallel


class Ordinary(Adversarial):
    """D scores images alone: the pair game in which the first member is ignored (head ``single``).

    ``real_target``, ``fake_target``: what D is asked to say of real and of generated images, 0.9 and 0.1
    with smoothed labels (Salimans et al. 2016, section 3.4); for the losses that have targets, in [0, 1], of
    least squares in [-1, 1] (Mao et al. 2017, section 3.2), the real one above the other.  ``flips``:
    the share of the images whose label D is told wrong.  ``pool``: generated images that are kept and shown
    again to D (experience replay); 0: none.
    """

    kind: str
    loss: Literal["nonsaturating", "minimax", "hinge", "wasserstein", "least-squares"] = "nonsaturating"
    real_target: Value = 1.0
    fake_target: Value = 0.0
    flips: float = Field(0.0, ge=0, lt=0.5)
    pool: NonNegativeInt = 0

    @model_validator(mode="after")
    def _targets_mean_something(self) -> Self:
        if (self.real_target, self.fake_target) != (1.0, 0.0) and self.loss not in TARGETED:
            raise ValueError(
                f"the loss '{self.loss}' has no targets to smooth (allowed: {', '.join(TARGETED)}); "
                "leave real_target and fake_target out"
            )
        least = -1 if self.loss == "least-squares" else 0
        for name in ("real_target", "fake_target"):
            check_range(name, getattr(self, name), least, 1)
        if min(ends_of(self.real_target)) <= max(ends_of(self.fake_target)):
            raise ValueError(
                f"real_target {self.real_target} is not above fake_target {self.fake_target}, so D would "
                "learn the contrary; mend --objective.real_target"
            )
        return self

    @property
    def real_batches(self) -> int:
        """One per D step."""
        return self.most_d_steps

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless G makes images and D scores single ones."""
        takes_images(self.kind, data)
        check_role(networks, "G", "generator")
        check_single(self.kind, networks)

    def phases(self) -> tuple[Phase, ...]:
        """D steps, then G steps."""
        return self.composed(self.d_phases(self.d_loss), [Phase(("G",), self.g_loss)] * self.g_steps)

    def state(self) -> dict[str, nn.Module]:
        """The pool of generated images, and what any game has."""
        return {**super().state(), **({"pool": ImagePool(self.pool)} if self.pool else {})}

    def fakes(self, nets: Nets, real: Images) -> Images:
        """What D learns to tell from ``real``: new images, or some that G made before."""
        fresh = generate(nets, real)
        return nets["pool"](*fresh) if self.pool else fresh

    def d_contest(self, on_real: Tensor, on_fake: Tensor, images: int) -> Tensor:
        """What D minimises, from its scores ``[N]`` of real and of generated images."""
        if self.flips:
            told_wrong = parallel.rand(len(on_real), device=on_real.device) < self.flips
            on_real, on_fake = (
                torch.where(told_wrong, on_fake, on_real),
                torch.where(told_wrong, on_real, on_fake),
            )
        targets = value_at(self.real_target, images), value_at(self.fake_target, images)
        if targets != (1.0, 0.0):
            return TARGETED[self.loss](on_real, on_fake, *targets)
        return ADVERSARIAL_LOSSES[self.loss].d(on_real, on_fake)

    def d_loss(
        self, nets: Nets, batch: Batch, images: int, index: int, penalise: bool
    ) -> tuple[Tensor, Scalars]:
        """Tell real from generated."""
        critic, real = critic_of(nets), part_of(batch, index, self.real_batches)
        with torch.no_grad():
            fake = self.fakes(nets, real)
        if penalise:
            real, fake = self.watched(real, fake)
        view = self.view(nets, real, images, shared=False)
        (on_real, on_fake), beside, more = self.asked(critic, [real, fake], view)
        loss = self.d_contest(on_real, on_fake, images)
        scalars = {
            "loss/D": loss,
            "score/real": on_real.mean(),
            "score/fake": on_fake.mean(),
            "accuracy/real": (on_real > 0).float().mean(),
            "accuracy/fake": (on_fake < 0).float().mean(),
            **self.adapt(nets, on_real),
        }
        if penalise:
            ask_real, ask_fake = (lambda x, y=y: critic.embed(view(x), y) for y in (real.y, fake.y))
            judged = Judged(real.x, fake.x, on_real, on_fake, ask_real, ask_fake)
            extra, named = self.penalty(judged, images)
            loss, scalars = loss + extra, scalars | named
        return (loss if beside is None else loss + beside), scalars | more

    def asked(
        self, critic: PairCritic, batches: list[Images], view: Callable[[Tensor], Tensor]
    ) -> tuple[list[Tensor], Tensor | None, Scalars]:
        """D's scores ``[N]`` of each batch, and what it minimises beside the contest, if anything."""
        return self.embed(critic, batches, view), None, {}

    def g_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Look real."""
        loss = self.g_contest(nets, generate(nets, part_of(batch, 0, self.real_batches)), images)
        return loss, {"loss/G": loss}

    def g_contest(self, nets: Nets, fake: Images, images: int) -> Tensor:
        """What G minimises, of images that it made."""
        view = self.view(nets, fake, images, shared=False)
        return ADVERSARIAL_LOSSES[self.loss].g(critic_of(nets).embed(view(fake.x), fake.y))


class GAN(Ordinary):
    """The ordinary game, and nothing beside it."""

    kind: Literal["gan"] = "gan"
