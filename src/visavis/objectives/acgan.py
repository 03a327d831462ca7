"""The auxiliary classifier's game: D tells the class as well, of real and of generated images.

Odena, Olah and Shlens 2017, "Conditional image synthesis with auxiliary classifier GANs", eq. 2 and 3.
"""

from collections.abc import Callable
from typing import Literal

from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import cross_entropy

from visavis.core import Batch, Images, Nets, Scalars
from visavis.data import AnyData
from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.networks.critic import PairCritic
from visavis.objectives.adversarial import critic_of, generate, part_of
from visavis.objectives.fit import Networks
from visavis.objectives.gan import Ordinary


class ACGAN(Ordinary):
    """The ordinary game, and ``auxiliary`` times the cross-entropy of the class, which both players lower.

    D lowers that of real and that of generated images, added (eq. 3), G that of its own images; all of them
    are seen as D sees them, augmented and with noise.
    """

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

    def check_training(self, networks: Networks, batch_size: int, accumulate: int, conditional: bool) -> None:
        """Raise ValueError without classes, too."""
        super().check_training(networks, batch_size, accumulate, conditional)
        if not conditional:
            raise ValueError(
                f"the objective '{self.kind}' is about classes, and the recipe is not conditional; give "
                "--conditional true, or --objective.kind gan"
            )

    def asked(
        self, critic: PairCritic, batches: list[Images], view: Callable[[Tensor], Tensor]
    ) -> tuple[list[Tensor], Tensor, Scalars]:
        """D's scores of real and of generated images, and what it pays for their classes."""
        features = self.through(critic.features, critic.pack, batches, view)
        scores = [critic.head.embed(each, y) for each, (_, y) in zip(features, batches, strict=True)]
        (real, right), (fake, asked) = (
            _classes(critic, each, y) for each, (_, y) in zip(features, batches, strict=True)
        )
        told = {"loss/class": real, "loss/class_fake": fake}
        return (
            scores,
            self.auxiliary * (real + fake),
            {**told, "accuracy/class": right, "accuracy/fake_class": asked},
        )

    def g_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Look real, and of the class that was asked for."""
        fake, critic = generate(nets, part_of(batch, 0, self.real_batches)), critic_of(nets)
        view = self.view(nets, fake, images, shared=False)
        features = critic.features(view(fake.x), fake.y)
        loss = ADVERSARIAL_LOSSES[self.loss].g(critic.head.embed(features, fake.y))
        told, right = _classes(critic, features, fake.y)
        return loss + self.auxiliary * told, {"loss/G": loss, "accuracy/asked": right}


def _classes(critic: PairCritic, features: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the classes, and how often D is right."""
    assert labels is not None
    logits = critic.class_logits(features)
    return cross_entropy(logits, labels), (logits.argmax(1) == labels).float().mean()
