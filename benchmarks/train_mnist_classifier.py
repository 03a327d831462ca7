"""Train ``mnistr``, the classifier that judges generated 28x28 digits.

``python benchmarks/train_mnist_classifier.py --data ../shared/data/mnist/mnist``, ten minutes on one
core.

Trains on the training split only, once, with settings chosen beforehand; the test split is read once, at the
end.  Writes the weights into the package (matrices as float16) and the record into ``results/mnistr.json``,
and prints that record.  Set ``MNISTR_SHA256`` in ``visavis/networks/mnist_classifier.py`` to the hash it
prints.  With ``--checkpoint FILE`` a run that was stopped goes on after its last whole epoch.
"""

import sys
import time
from pathlib import Path

import torch
from shipping import parser, ship
from torch import Tensor
from torch.nn.functional import cross_entropy
from train_digit_classifier import Training, accuracy, augmented, digest

from visavis.core import mix
from visavis.data import DataConfig, load_images
from visavis.data.pixels import to_float
from visavis.networks.mnist_classifier import MNISTR, MnistClassifier
from visavis.networks.shipped import Record

TRAINING = Training(epochs=6, batch_size=128, rate=6e-3, rotation=10.0, shift=2.0)


def tensors(source: str, split: str) -> tuple[Tensor, Tensor]:
    """Digits of a split, float ``[N, 1, 28, 28]`` in [-1, 1], and their labels ``[N]``."""
    images = load_images(DataConfig(source=source, split=split, stream="never"))
    assert images.labels is not None
    pixels = torch.tensor(images.images[:]).permute(0, 3, 1, 2)
    return to_float(pixels[:, :1]), torch.tensor(images.labels)


def train_mnist_classifier(
    x: Tensor, y: Tensor, training: Training, checkpoint: Path | None
) -> MnistClassifier:
    """A classifier of ``x: [N, 1, 28, 28]`` in [-1, 1] with ``y: [N]``, in evaluation mode."""
    torch.manual_seed(training.seed)
    classifier = MnistClassifier().to(memory_format=torch.channels_last)
    batches = len(x) // training.batch_size
    optimiser = torch.optim.AdamW(
        classifier.parameters(), training.rate, weight_decay=training.weight_decay, fused=True
    )
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.rate, training.epochs * batches)
    parts = {"classifier": classifier, "optimiser": optimiser, "rates": rates}
    first = 0
    if checkpoint and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        first = saved["epoch"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    for epoch in range(first, training.epochs):
        start, total = time.perf_counter(), 0.0
        torch.manual_seed(mix(training.seed, epoch))
        for index in torch.randperm(len(x))[: batches * training.batch_size].split(training.batch_size):
            images = augmented(x[index], training).to(memory_format=torch.channels_last)
            loss = cross_entropy(classifier(images), y[index], label_smoothing=training.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
            total += loss.item()
        speed = batches * training.batch_size / (time.perf_counter() - start)
        told = f"epoch {epoch + 1}: loss {total / batches:.4f}, {speed:.0f} images/s"
        print(told, file=sys.stderr, flush=True)
        if checkpoint:
            states = {name: part.state_dict() for name, part in parts.items()}
            torch.save({"epoch": epoch + 1, **states}, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
    return classifier.eval()


@torch.no_grad()
def share_right(classifier: MnistClassifier, x: Tensor, y: Tensor) -> float:
    """The fraction of ``x`` that is named rightly, a thousand at a time."""
    parts = list(zip(x.split(1000), y.split(1000), strict=True))
    return sum(accuracy(classifier, a, b) * len(a) for a, b in parts) / len(x)


def main() -> None:
    """Train, save, and print the record."""
    asked = parser(__doc__, "mnistr", MNISTR)
    asked.add_argument("--data", default="ylecun/mnist", help="MNIST, as visavis train takes it")
    asked.add_argument("--checkpoint", type=Path, help="state after every epoch, to go on from")
    options = asked.parse_args()
    torch.set_flush_denormal(True)
    (x, y), training = tensors(options.data, "train"), TRAINING

    start = time.perf_counter()
    classifier = train_mnist_classifier(x, y, training, options.checkpoint)
    seconds = time.perf_counter() - start

    for tensor in classifier.state_dict().values():
        if tensor.ndim > 1:
            tensor.copy_(tensor.half())  # what is stored is what is measured
    held_out, held_out_y = tensors(options.data, "test")
    record: Record = {
        "name": "mnistr",
        "data": "MNIST, 28x28; trained on its training split only",
        "accuracy_test": share_right(classifier, held_out, held_out_y),
        "accuracy_train": share_right(classifier, x, y),
        "n_test": len(held_out),
        "n_train": len(x),
        "sha256_test": digest(held_out, held_out_y),
        "sha256_train": digest(x, y),
        "parameters": sum(p.numel() for p in classifier.parameters()),
        "torch": torch.__version__,
        "device": "cpu",
        "precision": "fp32 in training and evaluation, fp16 matrices in the file",
        **training.model_dump(),
    }
    ship(
        classifier,
        classifier.config,
        record,
        options,
        half=True,
        seconds=round(seconds, 1),
        command="python benchmarks/train_mnist_classifier.py --data ../shared/data/mnist/mnist",
    )


if __name__ == "__main__":
    main()
