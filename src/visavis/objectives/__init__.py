"""Games: which networks are trained, on what loss, in which order."""

from typing import Annotated

from pydantic import Field

from visavis.objectives.acgan import ACGAN
from visavis.objectives.cyclegan import CycleGAN
from visavis.objectives.drifting import Drifting
from visavis.objectives.feature_matching import FeatureMatching
from visavis.objectives.gan import GAN
from visavis.objectives.pairwise import Pairwise
from visavis.objectives.path_length import PathLength
from visavis.objectives.pix2pix import PairwisePix2Pix, Pix2Pix
from visavis.objectives.regression import Regression
from visavis.objectives.unrolled import Unrolled
from visavis.objectives.vae import VAE
from visavis.objectives.vae_gan import VAEGAN

__all__ = [
    "ACGAN",
    "GAN",
    "VAE",
    "VAEGAN",
    "CycleGAN",
    "Drifting",
    "FeatureMatching",
    "ObjectiveConfig",
    "Pairwise",
    "PairwisePix2Pix",
    "PathLength",
    "Pix2Pix",
    "Regression",
    "Unrolled",
]

ObjectiveConfig = Annotated[
    GAN
    | ACGAN
    | FeatureMatching
    | Unrolled
    | PathLength
    | Pairwise
    | VAE
    | VAEGAN
    | Pix2Pix
    | PairwisePix2Pix
    | CycleGAN
    | Drifting
    | Regression,
    Field(discriminator="kind"),
]
