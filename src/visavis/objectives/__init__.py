"""Games: which networks are trained, on what loss, in which order."""

from typing import Annotated

from pydantic import Field

from visavis.objectives.cyclegan import CycleGAN
from visavis.objectives.gan import GAN
from visavis.objectives.pairwise import Pairwise
from visavis.objectives.pix2pix import PairwisePix2Pix, Pix2Pix
from visavis.objectives.regression import Regression
from visavis.objectives.vae import VAE
from visavis.objectives.vae_gan import VAEGAN

__all__ = [
    "GAN",
    "VAE",
    "VAEGAN",
    "CycleGAN",
    "ObjectiveConfig",
    "Pairwise",
    "PairwisePix2Pix",
    "Pix2Pix",
    "Regression",
]

ObjectiveConfig = Annotated[
    GAN | Pairwise | VAE | VAEGAN | Pix2Pix | PairwisePix2Pix | CycleGAN | Regression,
    Field(discriminator="kind"),
]
