"""The catalogue on CIFAR-10 at 32×32: S3 and S5 as written and mended, and the papers' systems."""

from collections.abc import Mapping
from typing import Any

from visavis.core import Ramp
from visavis.data import DataConfig
from visavis.networks import (
    BigGANGenerator,
    CriticConfig,
    DCGANBranch,
    DCGANGenerator,
    GeneratorConfig,
    R3GANBranch,
    R3GANGenerator,
    SNResNetBranch,
    SNResNetGenerator,
    StridedBranch,
    UpsamplingGenerator,
)
from visavis.objectives import GAN, ObjectiveConfig, Pairwise
from visavis.recipes.catalogue import DCGAN_ADAM, TWO_RATES
from visavis.recipes.recipe import Recipe
from visavis.recipes.watch import Watch
from visavis.training.loop import Adam, Average

CIFAR10 = DataConfig(source="uoft-cs/cifar10", resolution=32)
EPOCHS = Watch(every=50_000, metric="quality", patience=15)
"""S5's early stopping: its quality score after each epoch, and 15 of them without a better one."""


def on_cifar10(
    name: str,
    about: str,
    g: GeneratorConfig,
    d: CriticConfig,
    objective: ObjectiveConfig,
    adam: Mapping[str, Adam] | Adam = DCGAN_ADAM,
    **fields: Any,
) -> Recipe:
    """A recipe on CIFAR-10: batches of 64, mirrored images, a million images."""
    both = {"G": adam, "D": adam} if isinstance(adam, Adam) else dict(adam)
    settings: dict[str, Any] = {
        "data": CIFAR10.model_copy(update={"flip": True}),
        "batch_size": 64,
        "images": 1_000_000,
        "average": Average(halflife=10_000),
        "precision": "auto",
        "channels_last": True,
        "tick": 2_560,
        "snapshot_every": 50_000,
    }
    return Recipe(
        name=name,
        about=about,
        networks={"G": g, "D": d},
        objective=objective,
        adam=both,
        **(settings | fields),
    )


def conditional_cifar10_as_written() -> Recipe:
    """S3 exactly as it was written: the label / 10 beside z, a D that never sees it, LeakyReLU on the logit.

    Its defect stays: the class does not steer the image.  G moves before D there, on the same
    fakes; here D does.
    """
    return on_cifar10(
        "conditional-cifar10-as-written",
        "S3 as written: the label as one number beside z, D blind to it; the baseline",
        UpsamplingGenerator(conditioning="number"),
        CriticConfig(
            branch=StridedBranch(), head="single", conditioning="none", head_init="torch", logit_slope=0.01
        ),
        GAN(joint=False),
        Adam(lr=1e-4, beta1=0.5, beta2=0.999),
        data=CIFAR10,
        batch_size=32,
        images=15_000_000,
        conditional=True,
    )


def conditional_cifar10() -> Recipe:
    """S3 mended: the class in every norm of G, a projection in D, hinge, spectral norm; narrower."""
    return on_cifar10(
        "conditional-cifar10",
        "S3 mended: class in every norm of G, projection and spectral norm in D, hinge",
        UpsamplingGenerator(widths=(128, 96, 64, 48, 32), conditioning="norm"),
        CriticConfig(branch=SNResNetBranch(width=48), head="single", spectral=True),
        GAN(loss="hinge"),
        Adam(lr=2e-4, beta1=0.0, beta2=0.9),
        conditional=True,
    )


def _four_blocks() -> tuple[DCGANGenerator, DCGANBranch]:
    """S5's four transposed convolutions from 2×2, and four strided ones."""
    sizes = {"width": 64, "widest": 512, "base": 2}
    return DCGANGenerator.model_validate({"z_dim": 128, **sizes}), DCGANBranch.model_validate(
        {"norm": "spectral", **sizes}
    )


def stabilised_cifar10_as_written() -> Recipe:
    """S5 as it was written, ended by its quality score (patience 15 evaluations); the widths are ours."""
    g, branch = _four_blocks()
    return on_cifar10(
        "stabilised-cifar10-as-written",
        "S5 as written: spectral norm, EMA, gradient penalty 0.5, labels 0.9/0.1, two rates",
        g,
        CriticConfig(branch=branch, head="single", head_init="dcgan"),
        GAN(gradient_penalty=0.5, real_target=0.9, fake_target=0.1),
        {"G": DCGAN_ADAM, "D": Adam(lr=1e-4, beta1=0.5, beta2=0.999)},
        data=CIFAR10,
        images=5_000_000,
        average=Average(decay=0.999),
        watch=EPOCHS,
    )


def stabilised_cifar10() -> Recipe:
    """S5 mended: relativistic pairs with R1 and R2 need neither smoothing nor two rates; stops as it did."""
    g, branch = _four_blocks()
    return on_cifar10(
        "stabilised-cifar10",
        "S5 mended: its networks without norm in D, relativistic pairs, R1 + R2",
        g.model_copy(update={"width": 32, "widest": 256}),
        CriticConfig(
            branch=branch.model_copy(update={"norm": "none", "width": 32, "widest": 256}), head="difference"
        ),
        Pairwise(loss="relativistic", r1=0.1, r2=0.1, penalty_every=4),
        Adam(lr=Ramp(start=5e-4, end=5e-5, images=1_000_000), beta1=0.0, beta2=0.99),
        watch=EPOCHS,
    )


def dcgan_cifar10() -> Recipe:
    """Radford et al. 2016 at 32×32, half of its width."""
    return on_cifar10(
        "dcgan-cifar10",
        "DCGAN at 32×32",
        DCGANGenerator(width=32, widest=256),
        CriticConfig(branch=DCGANBranch(width=32, widest=256), head="single", head_init="dcgan"),
        GAN(joint=False),
    )


def wgan_gp_cifar10() -> Recipe:
    """Gulrajani et al. 2017: DCGAN's G, no norm in D, penalty 10, five steps of D."""
    return on_cifar10(
        "wgan-gp-cifar10",
        "WGAN-GP at 32×32",
        DCGANGenerator(width=32, widest=256),
        CriticConfig(branch=DCGANBranch(width=32, widest=256, norm="none"), head="single"),
        GAN(loss="wasserstein", gradient_penalty=10.0, d_steps=5),
        Adam(lr=1e-4, beta1=0.0, beta2=0.9),
    )


def sngan_cifar10() -> Recipe:
    """Miyato et al. 2018, table 4, to the layer (width 256 and 128); five steps of D."""
    return on_cifar10(
        "sngan-cifar10",
        "SNGAN to the layer: residual networks, spectral normalisation, hinge, five D steps",
        SNResNetGenerator(),
        CriticConfig(branch=SNResNetBranch(), head="single", spectral=True),
        GAN(loss="hinge", d_steps=5),
        Adam(lr=2e-4, beta1=0.0, beta2=0.9),
        images=6_400_000,
    )


def sagan_cifar10() -> Recipe:
    """Zhang et al. 2019 at 32×32: self-attention at 16×16, two time scales, projection."""
    return on_cifar10(
        "sagan-cifar10",
        "SAGAN at 32×32: self-attention at 16×16, two time scales, projection",
        SNResNetGenerator(spectral=True, attention=16),
        CriticConfig(branch=SNResNetBranch(attention=16), head="single", spectral=True),
        GAN(loss="hinge"),
        TWO_RATES,
        conditional=True,
        images=6_400_000,
    )


def biggan_cifar10() -> Recipe:
    """Brock et al. 2019 at 32×32: width 256, orthogonal start, shared embeddings, four steps of D."""
    return on_cifar10(
        "biggan-cifar10",
        "BigGAN at 32×32: shared embeddings, z in parts, orthogonal start, projection",
        BigGANGenerator(),
        CriticConfig(branch=SNResNetBranch(width=256, init="orthogonal"), head="single", spectral=True),
        GAN(loss="hinge", d_steps=4),
        Adam(lr=2e-4, beta1=0.0, beta2=0.999),
        conditional=True,
        images=25_000_000,
    )


def r3gan_cifar10() -> Recipe:
    """Huang et al. 2024, "The GAN is dead; long live the GAN!", its CIFAR-10 networks to the parameter.

    Batches of 512; rate, γ, β₂ and the average's half-life move over the first 20 M images; made for
    several GPUs: one of 80 GB does not hold 512 in fp32 (``--accumulate 4`` takes them in parts), but 256 in
    bf16 (`results/gpu.json`).
    """
    images, moving = 250_000_000, 20_000_000
    adam = Adam(
        lr=Ramp(start=2e-4, end=5e-5, images=moving),
        beta1=0.0,
        beta2=Ramp(start=0.9, end=0.99, images=moving),
    )
    gamma = Ramp(start=0.05, end=0.005, images=moving)
    return on_cifar10(
        "r3gan-cifar10",
        "R3GAN's CIFAR-10 networks to the parameter: relativistic pairs, R1 + R2; for a GPU",
        R3GANGenerator(),
        CriticConfig(branch=R3GANBranch(), head="difference", conditioning="embedding"),
        Pairwise(loss="relativistic", r1=gamma, r2=gamma),
        adam,
        batch_size=512,
        images=images,
        average=Average(halflife=Ramp(start=1, end=5_000_000, images=moving)),
        conditional=True,
        tick=51_200,
        snapshot_every=1_024_000,
    )
