"""Variational autoencoders (S4), and the pair game with an autoencoder."""

from visavis.core import Ramp
from visavis.data import DataConfig
from visavis.networks import (
    ConvDecoder,
    ConvEncoder,
    CriticConfig,
    ResidualBranch,
    ResidualDecoder,
    ResidualEncoder,
)
from visavis.objectives import VAE, VAEGAN
from visavis.recipes.recipe import Recipe
from visavis.training.loop import Adam, Average


def vae_digits() -> Recipe:
    """8×8 digits in a minute: β 2 gives clearer samples for blurrier reconstructions."""
    adam = Adam(lr=Ramp(start=2e-3, end=1e-4, images=300_000), beta1=0.9, beta2=0.999)
    return Recipe(
        name="vae-digits",
        about="8×8 grey digits: convolutional VAE, learned variance, latent 16",
        data=DataConfig(source="digits"),
        networks={
            "E": ConvEncoder(z_dim=16, widths=(64, 32), base=2),
            "G": ConvDecoder(z_dim=16, widths=(64, 32), base=2),
        },
        objective=VAE(beta=2.0),
        adam={"E": adam, "G": adam},
        batch_size=64,
        images=300_000,
        tick=6_400,
        snapshot_every=50_000,
        metrics=("digit-modes",),
        metric_samples=10_000,
    )


def vae_cifar10() -> Recipe:
    """S4: latent 128, batch 128, 50 epochs; a network that a CPU can train."""
    images = 50 * 50_000
    adam = Adam(lr=Ramp(start=1e-3, end=1e-5, images=images), beta1=0.9, beta2=0.999)
    return Recipe(
        name="vae-cifar10",
        about="S4 on CIFAR-10: convolutional VAE, latent 128, 50 epochs, learned variance",
        data=DataConfig(source="uoft-cs/cifar10", resolution=32),
        networks={"E": ConvEncoder(), "G": ConvDecoder()},
        objective=VAE(beta=Ramp(start=0.0, end=1.0, images=100_000, shape="linear")),
        adam={"E": adam, "G": adam},
        batch_size=128,
        images=images,
        average=Average(halflife=20_000),
        precision="auto",
        channels_last=True,
        tick=5_120,
        snapshot_every=250_000,
    )


def vae_cifar10_residual() -> Recipe:
    """The same with residual stages."""
    widths = (128, 64, 32, 16)
    return vae_cifar10().model_copy(
        update={
            "name": "vae-cifar10-residual",
            "about": "as vae-cifar10, residual encoder and decoder without normalisation",
            "networks": {
                "E": ResidualEncoder(widths=widths, resample="box"),
                "G": ResidualDecoder(widths=widths, resample="box"),
            },
        }
    )


def vae_faces() -> Recipe:
    """Faces, or photos of any one thing, from the user's own folder (``--data FOLDER``), at 64×64."""
    base = vae_cifar10()
    images = 500_000
    adam = Adam(lr=Ramp(start=1e-3, end=1e-5, images=images), beta1=0.9, beta2=0.999)
    return base.model_copy(
        update={
            "name": "vae-faces",
            "about": "64×64 photos of your own (--data FOLDER): convolutional VAE, latent 128",
            "data": DataConfig(source="./faces", resolution=64, flip=True),
            "networks": {
                "E": ConvEncoder(widths=(128, 128, 64, 32)),
                "G": ConvDecoder(widths=(128, 128, 64, 32)),
            },
            "adam": {"E": adam, "G": adam},
            "batch_size": 32,
            "images": images,
            "snapshot_every": 50_000,
        }
    )


def vae_gan_digits() -> Recipe:
    """As vae-digits, and a critic compares each digit with its reconstruction, or with a sample.

    The game pulls at a reconstruction as hard as the likelihood does.
    """
    images = 150_000
    adam = Adam(lr=Ramp(start=2e-3, end=1e-4, images=images), beta1=0.0, beta2=0.99)
    return vae_digits().model_copy(
        update={
            "name": "vae-gan-digits",
            "about": "8×8 grey digits: autoencoder and a pair critic of image and reconstruction",
            "networks": {
                "E": ConvEncoder(z_dim=16, widths=(64, 32), base=2, norm="none"),
                "G": ResidualDecoder(z_dim=16, widths=(64, 32), resample="box"),
                "D": CriticConfig(
                    branch=ResidualBranch(widths=(64, 32), features=64, resample="box"), head="difference"
                ),
            },
            "objective": VAEGAN(
                bound=VAE(beta=2.0),
                adversarial=1.0,
                samples=0.5,
                r1=0.1,
                r2=0.1,
                penalty_every=4,
            ),
            "adam": {"E": adam, "G": adam, "D": adam},
            "images": images,
        }
    )


def vae_gan_cifar10() -> Recipe:
    """The same game on CIFAR-10: it pulls at each reconstruction a third as hard as the likelihood.

    No BatchNorm: G makes reconstructions and samples in batches of their own, and averaged statistics fit
    neither (17.8 dB when sampled, 22.9 in training).
    """
    base, images = vae_cifar10_residual(), 400_000
    adam = Adam(lr=Ramp(start=1e-3, end=1e-5, images=images), beta1=0.9, beta2=0.999)
    adam_d = Adam(lr=Ramp(start=2e-4, end=2e-5, images=images), beta1=0.0, beta2=0.99)
    branch = ResidualBranch(widths=(64, 64, 32, 16), features=128, resample="box")
    return base.model_copy(
        update={
            "name": "vae-gan-cifar10",
            "about": "as vae-cifar10-residual, and a pair critic compares each image with its reconstruction",
            "networks": {**base.networks, "D": CriticConfig(branch=branch, head="difference")},
            "objective": VAEGAN(
                bound=VAE(beta=Ramp(start=0.0, end=1.0, images=100_000, shape="linear")),
                adversarial=0.3,
                samples=0.5,
                r1=0.5,
                r2=0.5,
                penalty_every=8,
            ),
            "adam": {"E": adam, "G": adam, "D": adam_d},
            "images": images,
            "snapshot_every": 100_000,
        }
    )
