"""The variational autoencoder: E says which latents may have made an image, G makes it from one of them."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from visavis.core import Batch, Config, Images, Nets, Phase, Scalars, Value, value_at
from visavis.data import AnyData
from visavis.losses.latent import kl_to_standard, with_free_bits
from visavis.losses.reconstruction import bce, gaussian, optimal_variance, psnr, squared_error, ssim
from visavis.objectives.adversarial import part_of
from visavis.objectives.fit import Networks, check_autoencoder, takes_images
from visavis.training import parallel

ACTIVE = 0.01
"""The variance of a latent's mean over images above which it is in use (Burda et al. 2016, sec. 5.2)."""


@dataclass(frozen=True)
class Posterior:
    """q(z | x) of a batch: ``mean, log_variance: [N, z_dim]``."""

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, nets: Nets, real: Images) -> "Posterior":
        """What E says of images."""
        return cls(*nets["E"](real.x))

    def draw(self) -> Tensor:
        """A latent of each image, ``[N, z_dim]``, differentiable (Kingma and Welling 2014, sec. 2.4)."""
        noise = parallel.randn(*self.mean.shape, device=self.mean.device)
        return self.mean + noise * (self.log_variance / 2).exp()


class VAE(Config):
    """Minus the evidence bound, E and G together: reconstruction + ``beta`` · KL (Kingma and Welling 2014).

    ``likelihood``: "gaussian" has one variance of all values, the best for the batch (σ-VAE: Rybkin et al.
    2021), so that it needs no weight; "mse" is the squared error of pixels in [0, 1], "bce" a Bernoulli on
    them.  ``beta``: a number (β-VAE: Higgins et al. 2017) or a warm-up in images (Bowman et al. 2016).
    ``free_bits``: nats that each latent may cost without a price (Kingma et al. 2016).
    """

    kind: Literal["vae"] = "vae"
    likelihood: Literal["gaussian", "mse", "bce"] = "gaussian"
    beta: Value = 1.0
    free_bits: NonNegativeFloat = 0.0

    task: ClassVar[str] = "reconstruct"
    averaged: ClassVar[tuple[str, ...]] = ("E", "G")
    real_batches: ClassVar[int] = 1

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless E and G share their latents."""
        takes_images(self.kind, data)
        check_autoencoder(networks)

    def phases(self) -> tuple[Phase, ...]:
        """One, of both networks."""
        return (Phase(("E", "G"), self.loss),)

    def state(self) -> dict[str, nn.Module]:
        """Nothing beside the networks."""
        return {}

    def loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Minus the bound, in nats a value of the image."""
        real = part_of(batch, 0, 1)
        posterior = Posterior.of(nets, real)
        made = nets["G"](posterior.draw(), real.y)
        loss, scalars = self.bound(real.x, made, posterior, images)
        return loss, {"loss/VAE": loss, **scalars}

    def bound(self, x: Tensor, made: Tensor, posterior: Posterior, images: int) -> tuple[Tensor, Scalars]:
        """Minus the bound of ``x``, of which ``made`` is the reconstruction, both ``[N, C, H, W]``.

        In nats a value, so that images of any size weigh alike beside another loss; the scalars are in nats
        an image.
        """
        error = squared_error(x, made) / x[0].numel()  # [N], the MSE of pixels in [0, 1]
        variance = optimal_variance(4 * parallel.mean(error.mean().detach()))
        if self.likelihood == "gaussian":
            reconstruction = gaussian(x, made, variance).mean()
        else:
            reconstruction = (squared_error if self.likelihood == "mse" else bce)(x, made).mean()
        kl = kl_to_standard(posterior.mean, posterior.log_variance).mean(0)  # [z_dim]
        price = with_free_bits(parallel.mean(kl), self.free_bits)
        loss = (reconstruction + value_at(self.beta, images) * price) / x[0].numel()
        scalars = {
            "reconstruction/nats": reconstruction,
            "kl/nats": kl.sum(),
            "sigma/values": variance.sqrt(),
        }
        return loss, scalars | watch(x, made, error, posterior)


@torch.no_grad()
def watch(x: Tensor, made: Tensor, error: Tensor, posterior: Posterior) -> Scalars:
    """PSNR (dB), SSIM and how many latents are in use, of this batch and of drawn latents, not of means."""
    with torch.autocast(x.device.type, enabled=False):
        similarity = ssim(x, made).mean()
    moments = parallel.mean(torch.stack([posterior.mean.mean(0), posterior.mean.square().mean(0)]))
    active = (moments[1] - moments[0].square() > ACTIVE).float().sum()
    return {"psnr/batch": psnr(error).mean(), "ssim/batch": similarity, "latents/active": active}
