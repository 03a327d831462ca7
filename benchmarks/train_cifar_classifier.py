"""Train ``cifar10r``, the classifier whose features judge generated colour images.

``python benchmarks/train_cifar_classifier.py --data ../shared/data/cifar10``, a quarter of an hour or so on
two cores with bfloat16 units (AMX), an hour or more without.

Trains on the training split only, once, with settings chosen beforehand; the test split is read once, at the
end.  Writes the weights into the package (matrices as float16) and the record into ``results/cifar10r.json``,
and prints that record.  Set ``CIFAR10R_SHA256`` in ``visavis/networks/cifar_classifier.py`` to the hash it
prints.  With ``--checkpoint FILE`` a run that was stopped goes on after its last whole epoch.

Sources: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498 (whitening,
initialisation, alternating flip, rates); Szegedy et al. 2016, arXiv 1512.00567 (label smoothing).
"""

import hashlib
import sys
import time
from pathlib import Path

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from shipping import parser, ship
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, unfold

from visavis.core import Config, mix
from visavis.data import DataConfig, load_images
from visavis.data.pixels import to_float
from visavis.networks.cifar_classifier import CIFAR10R, PATCH, CifarClassifier
from visavis.networks.shipped import Record


class Training(Config):
    """How the classifier is trained."""

    seed: NonNegativeInt = 0
    epochs: PositiveInt = 24
    batch_size: PositiveInt = 512
    rate: PositiveFloat = 11.5
    """For 1,024 images of momentum's reach: torch's is this times batch / (1024 (1 + 1/(1 - momentum)))."""
    momentum: NonNegativeFloat = 0.85
    weight_decay: NonNegativeFloat = 0.0153
    """In the same unit, and not multiplied by the rate."""
    bias_rate: PositiveFloat = 64.0
    """Biases of the normalisations learn so many times faster."""
    label_smoothing: NonNegativeFloat = 0.2
    start: NonNegativeFloat = 0.2
    """The first rate, as a share of the highest; it rises until ``peak`` and falls to 0."""
    peak: PositiveFloat = 0.23
    """Share of the steps before the highest rate."""
    shift: NonNegativeInt = 2
    """Up to so many pixels either way, reflected at the border."""
    whiten_bias_epochs: NonNegativeInt = 3
    """For so many epochs the first layer's bias learns; its weights never do."""


def whitening(x: Tensor) -> Tensor:
    """The first layer's weights ``[24, 3, 2, 2]``: the patches' principal directions, each at variance 1.

    ``x: [N, 3, H, W]`` standardised; the second half is the negative of the first.
    """
    patches = unfold(x, PATCH).transpose(1, 2).reshape(-1, 3 * PATCH**2).double()  # (patches, 12)
    variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
    rows = (directions / (variances + 5e-4).sqrt()).T.flip(0)
    return torch.cat([rows, -rows]).reshape(-1, 3, PATCH, PATCH).float()


def initialised(x: Tensor) -> CifarClassifier:
    """A classifier to train: whitened first layer, the others' first filters pass their input on."""
    classifier = CifarClassifier()
    with torch.no_grad():
        classifier.whiten.weight.copy_(whitening(classifier.standardised(x)))
        for module in classifier.blocks.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.dirac_(module.weight[: module.in_channels])
            if isinstance(module, nn.BatchNorm2d):
                module.weight.requires_grad_(False)
    classifier.whiten.weight.requires_grad_(False)
    return classifier.to(memory_format=torch.channels_last)


def optimiser_of(classifier: CifarClassifier, training: Training) -> torch.optim.SGD:
    """Nesterov SGD; weight decay is given to torch divided by the rate that it multiplies it with."""
    unit = training.batch_size / (1024 * (1 + 1 / (1 - training.momentum)))
    named = [(name, p) for name, p in classifier.named_parameters() if name != "whiten.weight"]
    norms = [p for name, p in named if ".norm" in name and p.requires_grad]
    others = [p for name, p in named if ".norm" not in name]
    rate, decay = training.rate * unit, training.weight_decay * unit
    fast = rate * training.bias_rate
    groups = [
        {"params": norms, "lr": fast, "weight_decay": decay / fast},
        {"params": others, "lr": rate, "weight_decay": decay / rate},
    ]
    return torch.optim.SGD(groups, momentum=training.momentum, nesterov=True)


def triangle(step: int, steps: int, training: Training) -> float:
    """The rate's share of the highest at ``step`` of ``steps``."""
    top = training.peak * steps
    if step < top:
        return training.start + (1 - training.start) * step / top
    return (steps - step) / (steps - top)


def augmented(x: Tensor, flips: Tensor, shifts: Tensor, shift: int) -> Tensor:
    """uint8 ``[N, 3, 32, 32]`` -> float in [-1, 1]: mirrored where ``flips``, moved by ``shifts: [N, 2]``."""
    n, _, height, width = x.shape
    padded = pad(to_float(x), (shift,) * 4, mode="reflect")
    rows = shifts[:, 0, None] + torch.arange(height)  # (n, height)
    columns = shifts[:, 1, None] + torch.arange(width)
    columns = torch.where(flips[:, None], columns.flip(1), columns)
    image = torch.arange(n)[:, None, None]
    channels_last = padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]]
    return channels_last.permute(0, 3, 1, 2)


def epoch_batches(
    x: Tensor, y: Tensor, epoch: int, training: Training
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Indices, flips and shifts of an epoch's batches; every image is mirrored in every other epoch."""
    coins = torch.rand(len(x), generator=torch.Generator().manual_seed(mix(training.seed, 0))) < 0.5
    draws = torch.Generator().manual_seed(mix(training.seed, 1, epoch))
    order = torch.randperm(len(x), generator=draws)
    shifts = torch.randint(0, 2 * training.shift + 1, (len(x), 2), generator=draws)
    whole = len(x) // training.batch_size * training.batch_size
    return [
        (index, coins[index] ^ bool(epoch % 2), shifts[index])
        for index in order[:whole].split(training.batch_size)
    ]


def train_cifar_classifier(
    x: Tensor, y: Tensor, training: Training, checkpoint: Path | None = None
) -> CifarClassifier:
    """A classifier of uint8 ``x: [N, 3, 32, 32]`` with ``y: [N]``, in evaluation mode."""
    torch.manual_seed(training.seed)
    classifier = initialised(to_float(x[:5000]))
    optimiser = optimiser_of(classifier, training)
    steps = training.epochs * (len(x) // training.batch_size)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: triangle(step, steps, training))
    parts = {"classifier": classifier, "optimiser": optimiser, "rates": rates}
    first = 0
    if checkpoint and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        first = saved["epoch"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    for epoch in range(first, training.epochs):
        start, total = time.perf_counter(), 0.0
        classifier.whiten.bias.requires_grad_(epoch < training.whiten_bias_epochs)
        batches = epoch_batches(x, y, epoch, training)
        for index, flips, shifts in batches:
            images = augmented(x[index], flips, shifts, training.shift)
            with torch.autocast("cpu", torch.bfloat16):
                logits = classifier(images)
            loss = cross_entropy(logits.float(), y[index], label_smoothing=training.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
            total += loss.item()
        speed = len(batches) * training.batch_size / (time.perf_counter() - start)
        print(
            f"epoch {epoch + 1}: loss {total / len(batches):.4f}, {speed:.0f} images/s",
            file=sys.stderr,
            flush=True,
        )
        if checkpoint:
            states = {name: part.state_dict() for name, part in parts.items()}
            torch.save({"epoch": epoch + 1, **states}, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
    return classifier.eval()


def tensors(source: str, split: str) -> tuple[Tensor, Tensor]:
    """Images of a split, uint8 ``[N, 3, 32, 32]``, and their labels ``[N]``."""
    images = load_images(DataConfig(source=source, split=split, stream="never"))
    assert images.labels is not None
    pixels = torch.tensor(images.images[:]).permute(0, 3, 1, 2)
    return pixels.contiguous(memory_format=torch.channels_last), torch.tensor(images.labels)


def digest(x: Tensor, y: Tensor) -> str:
    """The SHA-256 of images ``[N, H, W, C]`` and labels, so that a change of the split is noticed."""
    pixels = x.permute(0, 2, 3, 1).contiguous().numpy().tobytes()
    return hashlib.sha256(pixels + y.numpy().tobytes()).hexdigest()


@torch.no_grad()
def logits_of(classifier: nn.Module, x: Tensor, mirrored: bool = False) -> Tensor:
    """Logits ``[N, 10]`` in float32 of uint8 ``x: [N, 3, 32, 32]``."""
    parts = (to_float(part.flip(3) if mirrored else part) for part in x.split(500))
    return torch.cat([classifier(part) for part in parts])


def accuracy(logits: Tensor, y: Tensor) -> float:
    """The fraction of images that is named rightly."""
    return float((logits.argmax(1) == y).double().mean())


def main() -> None:
    """Train, save, and print the record."""
    asked = parser(__doc__, "cifar10r", CIFAR10R)
    asked.add_argument("--data", default="uoft-cs/cifar10", help="CIFAR-10, as visavis train takes it")
    asked.add_argument("--epochs", type=int, default=Training().epochs)
    asked.add_argument("--checkpoint", type=Path, help="state after every epoch, to go on from")
    options = asked.parse_args()

    # GELU's gradient is full of them: six times as fast on x86.  Threads that run already are not reached.
    torch.set_flush_denormal(True)

    training = Training(epochs=options.epochs)
    x, y = tensors(options.data, "train")

    start = time.perf_counter()
    classifier = train_cifar_classifier(x, y, training, options.checkpoint)
    seconds = time.perf_counter() - start

    for tensor in classifier.state_dict().values():
        if tensor.ndim > 1:
            tensor.copy_(tensor.half())  # what is stored is what is measured
    held_out, held_out_y = tensors(options.data, "test")
    plain, mirrored = logits_of(classifier, held_out), logits_of(classifier, held_out, mirrored=True)
    record: Record = {
        "name": "cifar10r",
        "data": "CIFAR-10, 32x32; trained on its training split only",
        "accuracy_test": accuracy(plain, held_out_y),
        "accuracy_test_with_mirror": accuracy(plain + mirrored, held_out_y),
        "accuracy_train": accuracy(logits_of(classifier, x), y),
        "n_test": len(held_out),
        "n_train": len(x),
        "sha256_test": digest(held_out, held_out_y),
        "sha256_train": digest(x, y),
        "parameters": sum(p.numel() for p in classifier.parameters()),
        "torch": torch.__version__,
        "device": "cpu",
        "precision": "bf16 autocast in training, fp32 in evaluation, fp16 matrices in the file",
        **training.model_dump(),
    }
    ship(
        classifier,
        classifier.config,
        record,
        options,
        half=True,
        seconds=round(seconds, 1),
        images_per_second=round(training.epochs * len(x) / seconds),
        command="python benchmarks/train_cifar_classifier.py --data ../shared/data/cifar10",
    )


if __name__ == "__main__":
    main()
