"""Unrolled GAN: G looks at the D that will stand there after k more steps, and at how it gets there.

Metz, Poole, Pfau and Sohl-Dickstein 2017, arXiv 1611.02163, eq. 9 to 11.
"""

from typing import Literal, Self

import torch
from pydantic import PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn
from torch.func import functional_call

from visavis.core import Batch, Images, Nets, Scalars
from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.networks.critic import PairCritic
from visavis.objectives.adversarial import critic_of, generate, part_of
from visavis.objectives.gan import Ordinary


class Asked(nn.Module):
    """A critic as a function of its weights: ``forward`` is :meth:`PairCritic.embed`."""

    def __init__(self, critic: PairCritic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Scores ``[N]``."""
        return self.critic.embed(x, labels)


class Unrolled(Ordinary):
    """The ordinary game; G's phase takes ``unroll`` steps of gradient descent of D, of ``unroll_rate`` each,
    and differentiates through them.  D itself does not move by them.  They are steps on D's loss alone, so
    what bounds D's slope otherwise, clipping or a penalty, has no place in them.
    """

    kind: Literal["unrolled"] = "unrolled"
    unroll: PositiveInt = 5
    unroll_rate: PositiveFloat = 0.1

    @model_validator(mode="after")
    def _steps_are_of_the_loss(self) -> Self:
        for name in ("r1", "r2", "gradient_penalty", "zero_centred", "clip"):
            if getattr(self, name) != 0:
                raise ValueError(
                    f"the steps of D that G looks ahead know nothing of {name} {getattr(self, name)}; give "
                    f"--objective.{name} 0, or --objective.kind gan"
                )
        return self

    def g_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Look real to the D to come, which sees what D sees: one draw of noise and augmentation."""
        real = part_of(batch, 0, self.real_batches)
        fake = generate(nets, real)
        view = self.view(nets, real, images, shared=False)
        real, fake = Images(view(real.x), real.y), Images(view(fake.x), fake.y)
        asked = Asked(critic_of(nets))
        weights = {name: weight.detach().requires_grad_() for name, weight in asked.named_parameters()}
        for _ in range(self.unroll):
            weights = self._stepped(asked, weights, real, fake, images)
        on_fake = functional_call(asked, weights, (fake.x, fake.y))
        loss = ADVERSARIAL_LOSSES[self.loss].g(on_fake)
        return loss, {"loss/G": loss}

    def _stepped(
        self, asked: Asked, weights: dict[str, Tensor], real: Images, fake: Images, images: int
    ) -> dict[str, Tensor]:
        """D's weights after one step down its own loss."""
        on_real, on_fake = (functional_call(asked, weights, (x, y)) for x, y in (real, fake))
        loss = self.d_contest(on_real, on_fake, images)
        slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True, allow_unused=True)
        return {
            name: weight if slope is None else weight - self.unroll_rate * slope
            for (name, weight), slope in zip(weights.items(), slopes, strict=True)
        }
