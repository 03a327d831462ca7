"""The pair game meets the autoencoder: the critic compares an image with its own reconstruction.

A VAE's pixels blur what the latent leaves open.  Here the pair (x, reconstruction of x) is one that a pair
critic takes as it is: elementwise, so that both show the same thing, it judges nothing but how.
"""

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from visavis.core import Batch, Images, Nets, Phase, Scalars, Value, value_at
from visavis.data import AnyData
from visavis.losses.reconstruction import gaussian, optimal_variance
from visavis.objectives.adversarial import critic_of, generate, part_of
from visavis.objectives.fit import Networks, check_autoencoder
from visavis.objectives.pairwise import Pairwise, classes_of_pairs
from visavis.objectives.vae import VAE, Posterior
from visavis.training import parallel

TINY = 1e-8
"""Beside a gradient's length, where D does not see an image at all."""


class VAEGAN(Pairwise):
    """The pair game of :class:`Pairwise` with reconstructions as fakes; E and G also minimise ``bound``.

    ``adversarial``: how hard the game pulls at a reconstruction, as a share of how hard the bound does; the
    ratio of the two gradients is taken anew each step (Esser et al. 2021, eq. 7, there of the last layer's
    weights), since the bound's grows as reconstructions get better.  ``features``: weight of the
    reconstruction in the features of D's branch, a Gaussian as of pixels (Larsen et al. 2016, eq. 7; there it
    stands in place of the pixels and E sees nothing of the game).  ``samples``: the share of the fakes that G
    makes from the prior instead of from an image.
    """

    kind: Literal["vae-gan"] = "vae-gan"  # type: ignore[assignment]  # the kind says which of the two it is
    bound: VAE = VAE()
    adversarial: Value = 0.1
    features: Value = 0.0
    samples: float = Field(0.0, ge=0, le=1)

    task: ClassVar[str] = "reconstruct"

    @property
    def averaged(self) -> tuple[str, ...]:
        """E and G have averages."""
        return ("E", "G")

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless E and G share their latents and D compares."""
        super().check(networks, data)
        check_autoencoder(networks)

    def phases(self) -> tuple[Phase, ...]:
        """D steps, then steps of E and G together."""
        index = self.real_batches - 1 if self.fresh_reals else 0
        loss = partial(self.autoencoder_loss, index=index)
        return self.composed(self.d_phases(self.d_loss), [Phase(("E", "G"), loss)] * self.g_steps)

    def fakes(self, nets: Nets, real: Images) -> Images:
        """Each image's reconstruction, or a sample in its place."""
        z = Posterior.of(nets, real).draw()
        if self.samples:
            from_prior = parallel.rand(len(z), 1, device=z.device) < self.samples
            z = torch.where(from_prior, parallel.randn(*z.shape, device=z.device), z)
        return Images(nets["G"](z, real.y), real.y)

    def autoencoder_loss(self, nets: Nets, batch: Batch, images: int, index: int) -> tuple[Tensor, Scalars]:
        """Minus the bound, plus what D says of the reconstructions (and samples)."""
        critic, real = critic_of(nets), part_of(batch, index, self.real_batches)
        posterior = Posterior.of(nets, real)
        made = nets["G"](posterior.draw(), real.y)
        loss, scalars = self.bound.bound(real.x, made, posterior, images)
        view = self.view(nets, real, images, shared=not self.aligned)
        with torch.no_grad():
            of_real = critic.branch(view(real.x))  # [N, F]
            on_real = critic.head.embed(of_real, real.y)
        of_made = critic.branch(view(made))
        labels = classes_of_pairs(critic, real)
        game = self.g_total(critic, on_real, critic.head.embed(of_made, real.y), images, labels)
        weight = value_at(self.adversarial, images) * pull(loss, made) / (pull(game, made) + TINY)
        if self.samples:
            sample = generate(nets, real)
            on_sample = critic.embed(view(sample.x), sample.y)
            other = self.g_total(critic, on_real, on_sample, images, labels)
            game = (1 - self.samples) * game + self.samples * other
        named = {"loss/G": game, "loss/VAE": loss, "weight/game": weight, **scalars}
        total = loss + weight * game
        if self.features != 0:
            unlike = feature_reconstruction(of_real, of_made)
            named["reconstruction/features"] = unlike
            total = total + value_at(self.features, images) * unlike
        return total, named


def pull(loss: Tensor, made: Tensor) -> Tensor:
    """The length of the gradient of a loss by images: scalar, without a gradient of its own."""
    (gradient,) = torch.autograd.grad(loss, made, retain_graph=True)
    return parallel.mean(gradient.float().square().sum()).sqrt()


def feature_reconstruction(real: Tensor, made: Tensor) -> Tensor:
    """-log N(real; made, best variance), in nats a feature: ``[N, F]`` twice -> scalar.

    It is ½ log of the mean squared error, so the scale of the features does not matter.
    """
    real, made = real.float(), made.float()
    error = parallel.mean((real - made).detach().square().mean())
    return gaussian(real, made, optimal_variance(error, least=1e-12)).mean() / real.shape[1]
