"""Recipes: a name -> the function that returns it.  A variant calls another and changes it."""

from collections.abc import Callable

from visavis.errors import unknown
from visavis.recipes import catalogue, cifar10, digits, images, mnist, siamese, translation, vae
from visavis.recipes.recipe import Recipe

DEFAULT = "mnist"

RECIPES: dict[str, Callable[[], Recipe]] = {
    "images": images.images,
    "mnist": mnist.mnist,
    "stacked-mnist": mnist.stacked_mnist,
    "stacked-digits": digits.stacked_digits,
    "digits": digits.digits,
    "siamese-catsdogs": siamese.siamese_catsdogs,
    "siamese-catsdogs-64": siamese.siamese_catsdogs_64,
    "projected-catsdogs": siamese.projected_catsdogs,
    "siamese-catsdogs-as-written": siamese.siamese_catsdogs_as_written,
    "siamese-catsdogs-2": siamese.siamese_catsdogs_2,
    "siamese-catsdogs-2-as-written": siamese.siamese_catsdogs_2_as_written,
    "mlp-gan-mnist": catalogue.mlp_gan_mnist,
    "dcgan-mnist": catalogue.dcgan_mnist,
    "minimax-mnist": catalogue.minimax_mnist,
    "lsgan-mnist": catalogue.lsgan_mnist,
    "hinge-mnist": catalogue.hinge_mnist,
    "wgan-mnist": catalogue.wgan_mnist,
    "wgan-gp-mnist": catalogue.wgan_gp_mnist,
    "r1-mnist": catalogue.r1_mnist,
    "zero-centred-mnist": catalogue.zero_centred_mnist,
    "cgan-mlp-mnist": catalogue.cgan_mlp_mnist,
    "cgan-mnist": catalogue.cgan_mnist,
    "cgan-cbn-mnist": catalogue.cgan_cbn_mnist,
    "projection-mnist": catalogue.projection_mnist,
    "acgan-mnist": catalogue.acgan_mnist,
    "conditional-mnist": catalogue.conditional_mnist,
    "conditional-mnist-as-written": catalogue.conditional_mnist_as_written,
    "stabilised-mnist": catalogue.stabilised_mnist,
    "tricks-mnist": catalogue.tricks_mnist,
    "feature-matching-mnist": catalogue.feature_matching_mnist,
    "minibatch-mnist": catalogue.minibatch_mnist,
    "minibatch-stddev-mnist": catalogue.minibatch_stddev_mnist,
    "unrolled-mnist": catalogue.unrolled_mnist,
    "ensemble-mnist": catalogue.ensemble_mnist,
    "pacgan-mnist": catalogue.pacgan_mnist,
    "pairgan-mnist": catalogue.pairgan_mnist,
    "residual-mnist": mnist.residual_mnist,
    "single-mnist": catalogue.single_mnist,
    "relativistic-mnist": catalogue.relativistic_mnist,
    "relativistic-average-mnist": catalogue.relativistic_average_mnist,
    "relativistic-all-mnist": catalogue.relativistic_all_mnist,
    "dual-contrastive-mnist": catalogue.dual_contrastive_mnist,
    "drifting-mnist": catalogue.drifting_mnist,
    "sngan-mnist": catalogue.sngan_mnist,
    "sagan-mnist": catalogue.sagan_mnist,
    "biggan-mnist": catalogue.biggan_mnist,
    "r3gan-mnist": catalogue.r3gan_mnist,
    "progan-mnist": catalogue.progan_mnist,
    "stylegan2-mnist": catalogue.stylegan2_mnist,
    "stylegan-mnist": catalogue.stylegan_mnist,
    "conditional-cifar10-as-written": cifar10.conditional_cifar10_as_written,
    "conditional-cifar10": cifar10.conditional_cifar10,
    "stabilised-cifar10-as-written": cifar10.stabilised_cifar10_as_written,
    "stabilised-cifar10": cifar10.stabilised_cifar10,
    "dcgan-cifar10": cifar10.dcgan_cifar10,
    "dcgan-cifar10-64": catalogue.dcgan_cifar10_64,
    "wgan-gp-cifar10": cifar10.wgan_gp_cifar10,
    "sngan-cifar10": cifar10.sngan_cifar10,
    "sagan-cifar10": cifar10.sagan_cifar10,
    "biggan-cifar10": cifar10.biggan_cifar10,
    "r3gan-cifar10": cifar10.r3gan_cifar10,
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
