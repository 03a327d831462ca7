"""Games: which networks are trained, on what loss, in which order."""

from typing import Annotated

from pydantic import Field

from visavis.objectives.gan import GAN
from visavis.objectives.pairwise import Pairwise

__all__ = ["GAN", "ObjectiveConfig", "Pairwise"]

ObjectiveConfig = Annotated[GAN | Pairwise, Field(discriminator="kind")]
