"""What a network is for: how a game knows its players without asking for their class."""

from typing import Literal

Role = Literal["generator", "critic", "encoder", "translator", "patch-critic"]
"""A generator makes an image of a latent; a critic scores pairs of images or single ones; an encoder gives
the latents of an image; a translator makes an image of another; a patch critic scores each patch of one."""

IN_WORDS: dict[str, str] = {
    "generator": "generator of images",
    "critic": "pair critic",
    "encoder": "encoder",
    "translator": "translator",
    "patch-critic": "critic of patches",
}
