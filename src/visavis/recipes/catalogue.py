"""The catalogue on MNIST at 28×28: what the textbooks name, as its source has it, sized for two CPU cores.

Every one is trained by ``visavis train NAME``; its docstring says where it departs from its
source.  docs/catalogue.md shows what each reached.
"""

from collections.abc import Mapping
from typing import Any

from visavis.core import Ramp
from visavis.data import DataConfig
from visavis.networks import (
    BigGANGenerator,
    CriticConfig,
    DCGANBranch,
    DCGANGenerator,
    EnsembleGenerator,
    GeneratorConfig,
    MLPBranch,
    MLPGenerator,
    ProGANBranch,
    ProGANGenerator,
    R3GANBranch,
    R3GANGenerator,
    SNResNetBranch,
    SNResNetGenerator,
    StridedBranch,
    StyleGAN2Branch,
    StyleGAN2Generator,
    UpsamplingGenerator,
)
from visavis.objectives import (
    ACGAN,
    GAN,
    Drifting,
    FeatureMatching,
    ObjectiveConfig,
    Pairwise,
    PathLength,
    Unrolled,
)
from visavis.recipes.mnist import small_nets
from visavis.recipes.recipe import Recipe
from visavis.recipes.watch import Watch
from visavis.training.loop import Adam, Average

MNIST = DataConfig(source="mnist-10k")
DCGAN_ADAM = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
"""Radford et al. 2016, section 4."""
TWO_RATES = {"G": Adam(lr=1e-4, beta1=0.0, beta2=0.9), "D": Adam(lr=4e-4, beta1=0.0, beta2=0.9)}
"""Heusel et al. 2017 as SAGAN and S7 have it."""


def on_mnist(
    name: str,
    about: str,
    g: GeneratorConfig,
    d: CriticConfig | None,
    objective: ObjectiveConfig,
    adam: Mapping[str, Adam] | Adam = DCGAN_ADAM,
    **fields: Any,
) -> Recipe:
    """A recipe on MNIST: batches of 64, 100,000 images, an average of the last 2,000."""
    networks: dict[str, Any] = {"G": g} if d is None else {"G": g, "D": d}
    rates = dict.fromkeys(networks, adam) if isinstance(adam, Adam) else dict(adam)
    settings: dict[str, Any] = {
        "data": MNIST,
        "batch_size": 64,
        "images": 100_000,
        "average": Average(halflife=2_000),
        "channels_last": True,
        "tick": 1_280,
        "snapshot_every": 12_800,
    }
    return Recipe(
        name=name,
        about=about,
        networks=networks,
        objective=objective,
        adam=rates,
        **(settings | fields),
    )


def _dcgan(**fields: Any) -> DCGANGenerator:
    return DCGANGenerator.model_validate({"width": 32, "widest": 128, **fields})


def _dcgan_critic(norm: str = "batch", **fields: Any) -> CriticConfig:
    branch = DCGANBranch.model_validate({"width": 32, "widest": 128, "norm": norm})
    return CriticConfig.model_validate({"branch": branch, "head": "single", "head_init": "dcgan", **fields})


def mlp_gan_mnist() -> Recipe:
    """The original GAN: two perceptrons (Goodfellow et al. 2014; the non-saturating loss of section 3)."""
    return on_mnist(
        "mlp-gan-mnist",
        "the original GAN: perceptrons, non-saturating loss",
        MLPGenerator(norm="none"),
        CriticConfig(branch=MLPBranch(), head="single"),
        GAN(),
    )


def dcgan_mnist() -> Recipe:
    """Radford et al. 2016: strided convolutions, BatchNorm in both, separate batches."""
    return on_mnist(
        "dcgan-mnist",
        "DCGAN: strided convolutions, BatchNorm in both networks",
        _dcgan(),
        _dcgan_critic(),
        GAN(joint=False),
    )


def dcgan_cifar10_64() -> Recipe:
    """Radford et al. 2016 as they had it, at 64×64: five layers each, z of 100, widths of 64 to 512, batches
    of 128; CIFAR-10 enlarged, or any pictures with ``--data``.
    """
    networks = {
        "G": DCGANGenerator(z_dim=100, width=64, widest=512),
        "D": CriticConfig(branch=DCGANBranch(width=64, widest=512), head="single", head_init="dcgan"),
    }
    changes = {
        "name": "dcgan-cifar10-64",
        "about": "DCGAN at 64×64, in its paper's size",
        "data": DataConfig(source="uoft-cs/cifar10", resolution=64),
        "networks": networks,
        "batch_size": 128,
        "images": 1_000_000,
    }
    return dcgan_mnist().model_copy(update=changes)


def minimax_mnist() -> Recipe:
    """Goodfellow et al. 2014, equation 1: G lowers log(1 - D(G(z))), whose slope vanishes where D is sure."""
    return on_mnist(
        "minimax-mnist",
        "the minimax loss with DCGAN's networks",
        _dcgan(),
        _dcgan_critic(),
        GAN(loss="minimax", joint=False),
    )


def lsgan_mnist() -> Recipe:
    """Mao et al. 2017: DCGAN's networks, least squares."""
    return on_mnist(
        "lsgan-mnist",
        "least squares (LSGAN) with DCGAN's networks",
        _dcgan(),
        _dcgan_critic(),
        GAN(loss="least-squares", joint=False),
    )


def hinge_mnist() -> Recipe:
    """Lim and Ye 2017: the hinge loss, with spectral normalisation of D (Miyato et al. 2018)."""
    return on_mnist(
        "hinge-mnist",
        "hinge loss, D with spectral normalisation",
        _dcgan(),
        _dcgan_critic("spectral", spectral=True),
        GAN(loss="hinge"),
    )


def wgan_mnist() -> Recipe:
    """Arjovsky et al. 2017: weights clipped at 0.01, five steps of D; RMSProp is Adam without momentum."""
    return on_mnist(
        "wgan-mnist",
        "Wasserstein GAN: D's weights clipped at 0.01, five D steps",
        _dcgan(),
        _dcgan_critic(),
        GAN(loss="wasserstein", clip=0.01, d_steps=5, joint=False),
        Adam(lr=5e-5, beta1=0.0, beta2=0.99),
    )


def wgan_gp_mnist() -> Recipe:
    """Gulrajani et al. 2017: a gradient penalty of 10 on interpolates, over all values of an image."""
    return on_mnist(
        "wgan-gp-mnist",
        "WGAN-GP: gradient penalty 10 on interpolates, five D steps, no norm in D",
        _dcgan(),
        _dcgan_critic("none"),
        GAN(loss="wasserstein", gradient_penalty=10.0, d_steps=5),
        Adam(lr=1e-4, beta1=0.0, beta2=0.9),
    )


def r1_mnist() -> Recipe:
    """Mescheder et al. 2018: the squared slope on real images, γ 10 as S7 has it; no norm in D."""
    return on_mnist(
        "r1-mnist",
        "R1 with weight 10, non-saturating loss, no norm in D",
        _dcgan(),
        _dcgan_critic("none"),
        GAN(r1=10.0),
        Adam(lr=2e-4, beta1=0.0, beta2=0.99),
    )


def zero_centred_mnist() -> Recipe:
    """Thanh-Tung et al. 2019: slopes on interpolates are drawn to 0 instead of 1, λ 10; no norm in D."""
    return on_mnist(
        "zero-centred-mnist",
        "zero-centred gradient penalty 10 on interpolates, no norm in D",
        _dcgan(),
        _dcgan_critic("none"),
        GAN(zero_centred=10.0),
        Adam(lr=2e-4, beta1=0.0, beta2=0.99),
    )


def cgan_mlp_mnist() -> Recipe:
    """Mirza and Osindero 2014: perceptrons of 128-256-512, an embedding of the class beside z and pixels."""
    return on_mnist(
        "cgan-mlp-mnist",
        "conditional GAN of perceptrons: the class embedded beside z and beside the pixels",
        MLPGenerator(),
        CriticConfig(branch=MLPBranch(), head="single", conditioning="map"),
        GAN(),
        conditional=True,
    )


def cgan_mnist() -> Recipe:
    """The convolutional conditional GAN: embeddings by concatenation, to z and as a map before D."""
    return on_mnist(
        "cgan-mnist",
        "convolutional conditional GAN: embeddings by concatenation",
        _dcgan(),
        _dcgan_critic("spectral", conditioning="map"),
        GAN(),
        conditional=True,
    )


def cgan_cbn_mnist() -> Recipe:
    """Conditional batch normalisation in G (Dumoulin et al. 2017; de Vries et al. 2017), a map before D."""
    return on_mnist(
        "cgan-cbn-mnist",
        "conditional GAN with conditional batch normalisation in G",
        _dcgan(conditioning="norm"),
        _dcgan_critic("spectral", conditioning="map"),
        GAN(),
        conditional=True,
    )


def projection_mnist() -> Recipe:
    """The projection discriminator (Miyato and Koyama 2018), conditional batch normalisation, hinge."""
    return on_mnist(
        "projection-mnist",
        "projection discriminator, conditional batch normalisation, hinge loss",
        _dcgan(conditioning="norm"),
        _dcgan_critic("spectral", conditioning="projection"),
        GAN(loss="hinge"),
        conditional=True,
    )


def acgan_mnist() -> Recipe:
    """Odena et al. 2017: D tells the class as well, and both players want it told rightly."""
    return on_mnist(
        "acgan-mnist",
        "auxiliary classifier (AC-GAN)",
        _dcgan(),
        _dcgan_critic("spectral", conditioning="classifier"),
        ACGAN(),
        conditional=True,
    )


def conditional_mnist() -> Recipe:
    """S3 mended, on MNIST: the class through conditional batch normalisation, and D sees it (projection)."""
    return on_mnist(
        "conditional-mnist",
        "S3 mended: upsampling generator, class in every norm, projection in D, hinge",
        UpsamplingGenerator(widths=(64, 64, 48, 32, 24), conditioning="norm"),
        _dcgan_critic("spectral", conditioning="projection"),
        GAN(loss="hinge"),
        Adam(lr=1e-3, beta1=0.0, beta2=0.9),
        conditional=True,
    )


def conditional_mnist_as_written() -> Recipe:
    """S3's game on MNIST: label / 10 beside z, a D that never sees the label; near chance is expected."""
    return on_mnist(
        "conditional-mnist-as-written",
        "S3 as written: the label as one number beside z, D blind to it",
        UpsamplingGenerator(widths=(64, 64, 48, 32, 24), conditioning="number"),
        CriticConfig(
            branch=StridedBranch(widths=(16, 32, 64)),
            head="single",
            conditioning="none",
            head_init="torch",
            logit_slope=0.01,
        ),
        GAN(joint=False),
        Adam(lr=1e-4, beta1=0.5, beta2=0.999),
        conditional=True,
    )


def stabilised_mnist() -> Recipe:
    """S5 on MNIST: spectral norm, penalty 0.5 on interpolates, targets 0.9 and 0.1, two rates.

    It ends when 15 looks at its quality score, one each half epoch, found none better.
    """
    return on_mnist(
        "stabilised-mnist",
        "S5: spectral norm, gradient penalty 0.5, labels 0.9/0.1, two rates",
        _dcgan(z_dim=128),
        _dcgan_critic("spectral"),
        GAN(gradient_penalty=0.5, real_target=0.9, fake_target=0.1),
        {"G": DCGAN_ADAM, "D": Adam(lr=1e-4, beta1=0.5, beta2=0.999)},
        watch=Watch(every=5_000, samples=1_000, metric="quality", patience=15),
    )


def tricks_mnist() -> Recipe:
    """S7's list of tricks at once: one-sided smoothing 0.9, 5 % flips, noise that decays, replay, historical
    averaging, five steps of D at first and one at last.
    """
    return on_mnist(
        "tricks-mnist",
        "S7's tricks at once: smoothing, flips, decaying noise, replay, historical averaging, 5:1 to 1:1",
        _dcgan(),
        _dcgan_critic(),
        GAN(
            joint=False,
            real_target=0.9,
            flips=0.05,
            pool=256,
            historical=1e-5,
            noise=Ramp(start=0.1, end=0.001, images=50_000, shape="exponential"),
            d_steps=Ramp(start=5, end=1, images=50_000, shape="linear"),
        ),
    )


def feature_matching_mnist() -> Recipe:
    """Salimans et al. 2016, section 3.1: G meets the means of D's features."""
    return on_mnist(
        "feature-matching-mnist",
        "feature matching: G meets the means of D's features",
        _dcgan(),
        _dcgan_critic("spectral"),
        FeatureMatching(),
    )


def minibatch_mnist() -> Recipe:
    """Salimans et al. 2016, section 3.2: learned minibatch discrimination."""
    return on_mnist(
        "minibatch-mnist",
        "learned minibatch discrimination",
        _dcgan(),
        _dcgan_critic("spectral", minibatch="discrimination"),
        GAN(joint=False),
    )


def minibatch_stddev_mnist() -> Recipe:
    """Karras et al. 2018, section 3: one channel more, the deviation over the batch, and nothing else."""
    return on_mnist(
        "minibatch-stddev-mnist",
        "minibatch standard deviation alone, with DCGAN's networks",
        _dcgan(),
        _dcgan_critic("spectral", minibatch="stddev"),
        GAN(joint=False),
    )


def unrolled_mnist() -> Recipe:
    """Metz et al. 2017: G differentiates through five steps of D; perceptrons, since each costs a pass."""
    return on_mnist(
        "unrolled-mnist",
        "unrolled GAN: G sees D five steps ahead",
        MLPGenerator(norm="none"),
        CriticConfig(branch=MLPBranch(), head="single"),
        Unrolled(unroll=5, unroll_rate=0.1),
    )


def ensemble_mnist() -> Recipe:
    """Four DCGAN generators of half the width share a critic (Hoang et al. 2018, without its classifier)."""
    return on_mnist(
        "ensemble-mnist",
        "an ensemble: four generators share one critic, z tells whose turn it is",
        EnsembleGenerator(member=_dcgan(width=16, widest=64), members=4),
        _dcgan_critic(),
        GAN(joint=False),
    )


def pacgan_mnist() -> Recipe:
    """Lin et al. 2018: two images in one input of D."""
    return on_mnist(
        "pacgan-mnist",
        "PacGAN: two images in one input of D",
        _dcgan(),
        _dcgan_critic("spectral", pack=2),
        GAN(),
    )


def pairgan_mnist() -> Recipe:
    """Tong et al. 2020: an image against the mean of its partners, through an MLP; all kinds of pairs.

    Their weight of G's fake pairs changes sign over a schedule; here it is the pair game's, constant.
    """
    return on_mnist(
        "pairgan-mnist",
        "PairGAN: a joint critic of an image and the mean of its partners",
        _dcgan(),
        CriticConfig(branch=DCGANBranch(width=32, widest=128, norm="spectral"), head="concat", hidden=(128,)),
        Pairwise(loss="bce", kinds=("like", "unlike", "fakes"), pairing="mean"),
    )


def single_mnist() -> Recipe:
    """The ordinary discriminator, R1 + R2, ``relativistic-mnist``'s nets: what pairs are measured by."""
    g, branch = small_nets(coarse=1)
    return on_mnist(
        "single-mnist",
        "as relativistic-mnist with an ordinary discriminator (R1 + R2)",
        g,
        CriticConfig(branch=branch, head="single"),
        GAN(r1=0.5, r2=0.5, penalty_every=4),
        Adam(lr=Ramp(start=1e-3, end=1e-4, images=100_000), beta1=0.0, beta2=0.99),
        batch_size=32,
    )


def relativistic_mnist() -> Recipe:
    """RpGAN + R1 + R2 (Huang et al. 2024) with DCGAN's nets, unconditional."""
    g, branch = small_nets(coarse=1)
    return on_mnist(
        "relativistic-mnist",
        "relativistic pairs + R1 + R2, DCGAN's nets without norm in D",
        g,
        CriticConfig(branch=branch, head="difference"),
        Pairwise(loss="relativistic", r1=0.5, r2=0.5, penalty_every=4),
        Adam(lr=Ramp(start=1e-3, end=1e-4, images=100_000), beta1=0.0, beta2=0.99),
        batch_size=32,
    )


def _relativistic(name: str, about: str, pairing: str) -> Recipe:
    base = relativistic_mnist()
    game = base.objective.model_copy(update={"pairing": pairing})
    return base.model_copy(update={"name": name, "about": about, "objective": game})


def relativistic_average_mnist() -> Recipe:
    """Jolicoeur-Martineau 2018 (RaGAN): an image's score against the mean of the other kind; R1 + R2."""
    about = "relativistic average: a score against the mean of the other kind's, R1 + R2"
    return _relativistic("relativistic-average-mnist", about, "average")


def relativistic_all_mnist() -> Recipe:
    """Each real image against every generated one of the batch, not a partner each; R1 + R2."""
    about = "relativistic pairs, each real image with every generated one, R1 + R2"
    return _relativistic("relativistic-all-mnist", about, "all")


def dual_contrastive_mnist() -> Recipe:
    """Yu et al. 2021: each real image among all generated ones and the other way round; R1 beside it."""
    g, branch = small_nets(coarse=1)
    return on_mnist(
        "dual-contrastive-mnist",
        "dual contrastive loss over all pairs, R1 + R2",
        g,
        CriticConfig(branch=branch, head="difference"),
        Pairwise(loss="dual-contrastive", pairing="all", r1=0.5, r2=0.5, penalty_every=4),
        Adam(lr=Ramp(start=1e-3, end=1e-4, images=100_000), beta1=0.0, beta2=0.99),
        batch_size=32,
    )


def drifting_mnist() -> Recipe:
    """Deng et al. 2026: no critic; the pixels' field draws towards real digits and pushes from its own."""
    return on_mnist(
        "drifting-mnist",
        "drifting: a field of the pixels instead of a critic, class-conditional",
        small_nets(coarse=1)[0],
        None,
        Drifting(),
        Adam(lr=1e-3, beta1=0.0, beta2=0.99),
        batch_size=128,
        conditional=True,
    )


def sngan_mnist() -> Recipe:
    """Miyato et al. 2018: the residual networks with spectral normalisation, hinge; one step of D for time's
    sake, where the paper takes five.
    """
    return on_mnist(
        "sngan-mnist",
        "SNGAN: residual networks, spectral normalisation, hinge",
        SNResNetGenerator(width=32),
        CriticConfig(branch=SNResNetBranch(width=32), head="single", spectral=True),
        GAN(loss="hinge"),
        Adam(lr=2e-4, beta1=0.0, beta2=0.9),
    )


def sagan_mnist() -> Recipe:
    """Zhang et al. 2019: self-attention at 14×14, spectral normalisation, two time scales, projection."""
    return on_mnist(
        "sagan-mnist",
        "SAGAN: self-attention, spectral normalisation in both, two time scales",
        SNResNetGenerator(width=32, spectral=True, attention=14),
        CriticConfig(branch=SNResNetBranch(width=32, attention=14), head="single", spectral=True),
        GAN(loss="hinge"),
        TWO_RATES,
        conditional=True,
    )


def biggan_mnist() -> Recipe:
    """Brock et al. 2019 in the small: shared embeddings, parts of z for each block, orthogonal start."""
    return on_mnist(
        "biggan-mnist",
        "BigGAN's blocks: shared embeddings, z in parts, orthogonal start, projection",
        BigGANGenerator(z_dim=60, width=32, class_dim=32),
        CriticConfig(branch=SNResNetBranch(width=32, init="orthogonal"), head="single", spectral=True),
        GAN(loss="hinge"),
        TWO_RATES,
        conditional=True,
    )


def r3gan_mnist() -> Recipe:
    """R3GAN's networks in the small (Huang et al. 2024): inverted residual blocks, grouped, no norm."""
    return on_mnist(
        "r3gan-mnist",
        "R3GAN's networks in the small: relativistic pairs, R1 + R2, no norm",
        R3GANGenerator(width=32, blocks=1, class_dim=16),
        CriticConfig(branch=R3GANBranch(width=32, blocks=1), head="difference", conditioning="embedding"),
        Pairwise(loss="relativistic", r1=0.5, r2=0.5, penalty_every=4),
        Adam(lr=Ramp(start=1e-3, end=1e-4, images=100_000), beta1=0.0, beta2=0.99),
        batch_size=32,
        conditional=True,
    )


def progan_mnist() -> Recipe:
    """Karras et al. 2018 at 32×32: from 4×4 upward, each stage 8,000 images and 8,000 to fade in, WGAN-GP."""
    sizes = {"width": 16, "widest": 64, "stage_images": 8_000, "fade_images": 8_000}
    return on_mnist(
        "progan-mnist",
        "ProGAN at 32×32: 4×4 upward with fade-in, equalised rates, pixel norm, WGAN-GP",
        ProGANGenerator.model_validate({"z_dim": 64, **sizes}),
        CriticConfig(branch=ProGANBranch.model_validate(sizes), head="single"),
        GAN(loss="wasserstein", gradient_penalty=10.0, joint=False),
        Adam(lr=1e-3, beta1=0.0, beta2=0.99),
        data=MNIST.model_copy(update={"resolution": 32}),
        channels_last=False,
    )


def stylegan2_mnist() -> Recipe:
    """Karras et al. 2020 at 32×32: mapping network, weight demodulation, noise, style mixing; R1 every 16
    steps of D, path lengths every 8 of G, as the paper has them.
    """
    return on_mnist(
        "stylegan2-mnist",
        "StyleGAN2 at 32×32: mapping, demodulation, noise, skips, lazy R1 and path lengths, style mixing",
        StyleGAN2Generator(width=16, widest=64, z_dim=64, w_dim=64, mapping=4),
        CriticConfig(branch=StyleGAN2Branch(width=16, widest=64), head="single"),
        PathLength(r1=1.0, penalty_every=16, path_every=8, joint=False),
        Adam(lr=2e-3, beta1=0.0, beta2=0.99),
        batch_size=32,
        data=MNIST.model_copy(update={"resolution": 32}),
        channels_last=False,
    )


def stylegan_mnist() -> Recipe:
    """The older form of style injection (Karras et al. 2019): AdaIN instead of demodulation."""
    base = stylegan2_mnist()
    changes = {
        "name": "stylegan-mnist",
        "about": "StyleGAN's style injection (AdaIN) at 32×32",
        "networks": {**base.networks, "G": base.networks["G"].model_copy(update={"style": "adain"})},
        "objective": GAN(r1=1.0, penalty_every=16, joint=False),  # path lengths came with StyleGAN2
    }
    return base.model_copy(update=changes)
