"""The auxiliary classifier's game: D tells the class as well, of real and of generated images.

Odena, Olah and Shlens 2017, "Conditional image synthesis with auxiliary classifier GANs", eq. 2 and 3.
"""

from typing import Literal

from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import cross_entropy

from visavis.core import Batch, Images, Nets, Scalars
from visavis.data import AnyData
from visavis.objectives.adversarial import critic_of, generate, part_of
from visavis.objectives.fit import Networks
from visavis.objectives.gan import Ordinary


class ACGAN(Ordinary):
    """The ordinary game, and ``auxiliary`` times the cross-entropy of the class, which both players lower."""

    kind: Literal["acgan"] = "acgan"
    auxiliary: NonNegativeFloat = 1.0

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless D tells classes."""
        super().check(networks, data)
        critic = networks.get("D")
        if getattr(critic, "conditioning", "classifier") != "classifier":
            raise ValueError(
                f"the objective '{self.kind}' needs a D that tells classes; give "
                "--networks.D.conditioning classifier"
            )

    def d_loss(
        self, nets: Nets, batch: Batch, images: int, index: int, penalise: bool
    ) -> tuple[Tensor, Scalars]:
        """Tell real from generated, and the class of real ones."""
        loss, scalars = super().d_loss(nets, batch, images, index, penalise)
        told, right = _classes(nets, part_of(batch, index, self.real_batches))
        return loss + self.auxiliary * told, scalars | {"loss/class": told, "accuracy/class": right}

    def g_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Look real, and of the class that was asked for."""
        fake = generate(nets, part_of(batch, 0, self.real_batches))
        loss = self.g_contest(nets, fake, images)
        told, right = _classes(nets, fake)
        return loss + self.auxiliary * told, {"loss/G": loss, "accuracy/asked": right}


def _classes(nets: Nets, images: Images) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the classes, and how often D is right."""
    critic, labels = critic_of(nets), images.y
    assert labels is not None
    logits = critic.class_logits(critic.features(images.x, labels))
    return cross_entropy(logits, labels), (logits.argmax(1) == labels).float().mean()
