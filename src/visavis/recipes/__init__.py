"""Recipes: a name -> the function that returns it.  A variant calls another and changes it."""

from collections.abc import Callable

from visavis.errors import unknown
from visavis.recipes import digits, mnist, siamese, translation, vae
from visavis.recipes.recipe import Recipe

DEFAULT = "mnist"

RECIPES: dict[str, Callable[[], Recipe]] = {
    "mnist": mnist.mnist,
    "stacked-mnist": mnist.stacked_mnist,
    "stacked-digits": digits.stacked_digits,
    "digits": digits.digits,
    "siamese-catsdogs": siamese.siamese_catsdogs,
    "siamese-catsdogs-64": siamese.siamese_catsdogs_64,
    "siamese-catsdogs-as-written": siamese.siamese_catsdogs_as_written,
    "siamese-catsdogs-2": siamese.siamese_catsdogs_2,
    "siamese-catsdogs-2-as-written": siamese.siamese_catsdogs_2_as_written,
    "vae-digits": vae.vae_digits,
    "vae-cifar10": vae.vae_cifar10,
    "vae-cifar10-residual": vae.vae_cifar10_residual,
    "vae-faces": vae.vae_faces,
    "vae-gan-digits": vae.vae_gan_digits,
    "vae-gan-cifar10": vae.vae_gan_cifar10,
    "pix2pix-sketch2face": translation.pix2pix_sketch2face,
    "pairwise-pix2pix-sketch2face": translation.pairwise_pix2pix_sketch2face,
    "pix2pix-sketch2face-as-written": translation.pix2pix_sketch2face_as_written,
    "pix2pix-facades": translation.pix2pix_facades,
    "pairwise-pix2pix-facades": translation.pairwise_pix2pix_facades,
    "cyclegan-digits": translation.cyclegan_digits,
    "cyclegan-sketch2face": translation.cyclegan_sketch2face,
    "superres-cifar10": translation.superres_cifar10,
}


def get(name: str) -> Recipe:
    """The recipe of that name; raises :class:`UserError` with the nearest one."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]()
