"""Image to image: S6 as written and for a small machine, its pairwise form, CycleGAN, super-resolution.

The faces and facades are sets that a user brings: ``--data FOLDER`` says where they are.
"""

from visavis.core import Ramp
from visavis.data import PairsConfig
from visavis.data.filters import Invert, Shrink
from visavis.networks import PatchGAN, ResnetTranslator, SuperResolver, UNet
from visavis.objectives import CycleGAN, PairwisePix2Pix, Pix2Pix, Regression
from visavis.recipes.recipe import Recipe
from visavis.recipes.watch import Watch
from visavis.training.loop import Adam, Average

SKETCHES = 138
"""Training pairs of the CUHK student sketches in the split that the recipes are for: an epoch."""
FACADES = 280
"""Training pairs of the facades, likewise."""
SKETCH_TO_PHOTO = PairsConfig(source="sketch2face", a="sketch", b="photo", resolution=64, flip=True, jitter=8)
LABELS_TO_FACADE = PairsConfig(
    source="facades", layout="side-by-side", direction="b-to-a", resolution=64, flip=True, jitter=8
)


def _falling(lr: float, images: int) -> Adam:
    """pix2pix's Adam (β₁ 0.5), its rate falling to a twentieth over the run."""
    return Adam(lr=Ramp(start=lr, end=lr / 20, images=images), beta1=0.5, beta2=0.999)


def pix2pix_sketch2face_as_written() -> Recipe:
    """S6 exactly as it was written.

    What it leaves open is the paper's (Isola et al. 2017): Adam at 2e-4 with β₁ 0.5, dropout 0.5 in three
    doublings, the first layer and the bottleneck without BatchNorm, G's loss non-saturating.  No augmentation
    and no average of the weights.  Its defect: 54 million parameters for 138 pairs, and nothing against
    learning them by heart.
    """
    adam = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    return Recipe(
        name="pix2pix-sketch2face-as-written",
        about="S6 as written: 256×256, U-Net of 8 + 8 blocks, spectral 70×70 PatchGAN, L1 × 100",
        data=SKETCH_TO_PHOTO.model_copy(update={"resolution": 256, "flip": False, "jitter": 0}),
        networks={"G": UNet(norm="batch"), "D": PatchGAN(halvings=3)},
        objective=Pix2Pix(),
        adam={"G": adam, "D": adam},
        batch_size=16,
        images=100 * SKETCHES,
        average=Average(decay=0.0),
        channels_last=True,
        tick=SKETCHES,
        snapshot_every=10 * SKETCHES,
        watch=Watch(every=SKETCHES),
    )


def pix2pix_sketch2face() -> Recipe:
    """Sketch to photo at 64×64, in some minutes on two cores: narrower nets, flips and crops, an average."""
    return _pix2pix("sketch2face", "sketch to photo", SKETCH_TO_PHOTO, epoch=SKETCHES)


def pix2pix_facades() -> Recipe:
    """Label map to facade; the photo is the left half of each picture."""
    return _pix2pix("facades", "label map to facade", LABELS_TO_FACADE, epoch=FACADES)


def _pix2pix(data: str, about: str, pairs: PairsConfig, epoch: int) -> Recipe:
    """120 epochs: from then on the held-out faces are met no better, only those of the training set."""
    adam = _falling(3e-4, 120 * epoch)
    return Recipe(
        name=f"pix2pix-{data}",
        about=f"{about}, 64×64: U-Net of 6 + 6 blocks, spectral 34×34 PatchGAN, L1 × 100",
        data=pairs,
        networks={"G": UNet(width=32, widest=256, up="resize"), "D": PatchGAN()},
        objective=Pix2Pix(),
        adam={"G": adam, "D": adam},
        batch_size=8,
        images=120 * epoch,
        average=Average(halflife=1_000),
        precision="auto",
        channels_last=True,
        tick=5 * epoch,
        snapshot_every=20 * epoch,
        watch=Watch(every=5 * epoch),
    )


def pairwise_pix2pix_sketch2face() -> Recipe:
    """As pix2pix, but the critic compares the photo with the one generated from its sketch; R1 + R2."""
    return _pairwise(pix2pix_sketch2face(), "pairwise-pix2pix-sketch2face")


def _pairwise(base: Recipe, name: str) -> Recipe:
    critic = base.networks["D"].model_copy(update={"spectral": False})  # the penalties keep it smooth
    return base.model_copy(
        update={
            "name": name,
            "about": f"as {base.name}, with a critic that compares two images of one input; R1 + R2",
            "networks": {**base.networks, "D": critic},
            "objective": PairwisePix2Pix(r1=10.0, r2=10.0, penalty_every=4),
        }
    )


def pairwise_pix2pix_facades() -> Recipe:
    """The pairwise form on facades."""
    return _pairwise(pix2pix_facades(), "pairwise-pix2pix-facades")


def cyclegan_digits() -> Recipe:
    """Digits and their negatives, not told which belongs to which: a map whose right answer is known.

    No normalisation, which would hide how dark an image is; 3×3 kernels, since 7×7 ones see nearly all of an
    8×8 image and make other digits; no identity loss, since no pixel should stay as it is.
    """
    adam = _falling(1e-3, 40_000)
    translator = ResnetTranslator(width=32, halvings=0, blocks=1, outer=3, norm="none")
    critic = PatchGAN(width=32, sees="image")
    return Recipe(
        name="cyclegan-digits",
        about="8×8 digits and their negatives, unpaired: residual generators, image pools",
        data=PairsConfig(source="digits", layout="made", made_by=Invert(), resolution=8, shuffled=True),
        networks={"G_ab": translator, "G_ba": translator, "D_a": critic, "D_b": critic},
        objective=CycleGAN(identity=0.0),
        adam=dict.fromkeys(("G_ab", "G_ba", "D_a", "D_b"), adam),
        batch_size=16,
        images=40_000,
        average=Average(halflife=2_000),
        tick=1_600,
        snapshot_every=10_000,
    )


def cyclegan_sketch2face() -> Recipe:
    """Sketch and photo, each side in an order of its own, as if nobody had drawn from the other."""
    images = 200 * SKETCHES
    adam = _falling(2e-4, images)
    translator = ResnetTranslator(width=32, up="resize")
    critic = PatchGAN(sees="image")
    return Recipe(
        name="cyclegan-sketch2face",
        about="sketch and photo, 64×64, unpaired: residual generators of 6 blocks, image pools",
        data=SKETCH_TO_PHOTO.model_copy(update={"shuffled": True}),
        networks={"G_ab": translator, "G_ba": translator, "D_a": critic, "D_b": critic},
        objective=CycleGAN(),
        adam=dict.fromkeys(("G_ab", "G_ba", "D_a", "D_b"), adam),
        batch_size=4,
        images=images,
        average=Average(halflife=1_000),
        precision="auto",
        channels_last=True,
        tick=5 * SKETCHES,
        snapshot_every=50 * SKETCHES,
        watch=Watch(every=10 * SKETCHES),
    )


def superres_cifar10() -> Recipe:
    """CIFAR-10 from 16×16 back to 32×32; it starts from bicubic interpolation, which is to be beaten."""
    return Recipe(
        name="superres-cifar10",
        about="CIFAR-10, 16×16 to 32×32: residual net without norm, pixel shuffle, L1",
        data=PairsConfig(
            source="uoft-cs/cifar10", layout="made", made_by=Shrink(factor=2), resolution=32, flip=True
        ),
        networks={"G": SuperResolver(scale=2, width=48, blocks=6)},
        objective=Regression(),
        adam={"G": Adam(lr=Ramp(start=1e-3, end=2e-5, images=500_000), beta1=0.9, beta2=0.999)},
        batch_size=32,
        images=500_000,
        average=Average(halflife=10_000),
        precision="auto",
        channels_last=True,
        tick=6_400,
        snapshot_every=50_000,
    )
