"""Feature matching: G makes D's features of its images equal, on average, those of real ones.

Salimans et al. 2016, "Improved techniques for training GANs", section 3.1.
"""

from typing import Literal

import torch
from torch import Tensor

from visavis.core import Batch, Nets, Scalars
from visavis.objectives.adversarial import critic_of, generate, part_of
from visavis.objectives.gan import Ordinary
from visavis.training import parallel


class FeatureMatching(Ordinary):
    """D's game is the ordinary one; G lowers ‖E f(x) - E f(G(z))‖², f the branch of D."""

    kind: Literal["feature-matching"] = "feature-matching"

    def g_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Meet the means of the features of the batch."""
        real, critic = part_of(batch, 0, self.real_batches), critic_of(nets)
        fake = generate(nets, real)
        view = self.view(nets, fake, images, shared=True)
        with torch.no_grad():
            wanted = parallel.mean(critic.features(view(real.x), real.y).mean(0))
        met = parallel.mean(critic.features(view(fake.x), fake.y).mean(0))
        loss = (wanted - met).square().sum()
        return loss, {"loss/G": loss}
