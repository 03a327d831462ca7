"""The two-player game with an ordinary discriminator, which scores one image at a time."""

from typing import Literal

import torch
from torch import Tensor

from visavis.core import Batch, Nets, Phase, Scalars
from visavis.data import AnyData
from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.objectives.adversarial import Adversarial, critic_of, generate, part_of, watched
from visavis.objectives.fit import Networks, check_role, check_single, takes_images


class GAN(Adversarial):
    """D scores images alone: the pair game in which the first member is ignored (head ``single``)."""

    kind: Literal["gan"] = "gan"
    loss: Literal["nonsaturating", "minimax", "hinge", "wasserstein", "least-squares"] = "nonsaturating"

    @property
    def real_batches(self) -> int:
        """One per D step."""
        return self.d_steps

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless G makes images and D scores single ones."""
        takes_images(self.kind, data)
        check_role(networks, "G", "generator")
        check_single(self.kind, networks)

    def phases(self) -> tuple[Phase, ...]:
        """D steps, then G steps."""
        return (*self.d_phases(self.d_loss), *[Phase(("G",), self.g_loss)] * self.g_steps)

    def d_loss(
        self, nets: Nets, batch: Batch, images: int, index: int, penalise: bool
    ) -> tuple[Tensor, Scalars]:
        """Tell real from generated."""
        real = part_of(batch, index, self.real_batches)
        with torch.no_grad():
            fake = generate(nets, real)
        if penalise:
            real, fake = watched(real), watched(fake)
        view = self.augmentation(real, images, shared=False)
        on_real, on_fake = self.embed(critic_of(nets), [real, fake], view)
        loss = ADVERSARIAL_LOSSES[self.loss].d(on_real, on_fake)
        scalars = {
            "loss/D": loss,
            "score/real": on_real.mean(),
            "score/fake": on_fake.mean(),
            "accuracy/real": (on_real > 0).float().mean(),
            "accuracy/fake": (on_fake < 0).float().mean(),
        }
        if penalise:
            extra, named = self.penalty(torch.cat([on_real, on_fake]), real.x, fake.x, images)
            loss, scalars = loss + extra, scalars | named
        return loss, scalars

    def g_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Look real."""
        fake = generate(nets, part_of(batch, 0, self.real_batches))
        view = self.augmentation(fake, images, shared=False)
        loss = ADVERSARIAL_LOSSES[self.loss].g(critic_of(nets).embed(view(fake.x), fake.y))
        return loss, {"loss/G": loss}
