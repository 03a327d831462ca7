"""Train ``cifar10s``, the features that judge colour images and that no recipe trains on.

``python benchmarks/train_cifar_self_supervised.py --data ../shared/data/cifar10 --seconds 4800``

No class is shown: two views of an image (cut out, mirrored, other colours) are to have the same embedding,
and the embeddings of a batch are to vary, each number by itself.  For so many seconds on the training split;
then the test split is read once, by a linear reader and by neighbours, for the record.  The rate falls to 0
as the seconds pass.
With ``--checkpoint FILE`` a run that was stopped goes on.

Source: Bardes, Ponce and LeCun 2022, "VICReg", arXiv 2105.04906, equations 1 to 6.
"""

import math
import sys
import time
from pathlib import Path

import torch
from shipping import parser, ship
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, mse_loss, relu
from train_cifar_classifier import digest, tensors

from visavis.core import mix
from visavis.data.operations import jitter
from visavis.data.pixels import to_float
from visavis.networks.patch_mixer import CIFAR10S, PatchMixer
from visavis.networks.shipped import Record

BATCH = 256
RATE, DECAY = 2e-3, 1e-4
SMALLEST = 0.25
"""Share of the image that a view shows at least."""
LIKE, SPREAD, APART = 25.0, 25.0, 1.0
"""The three weights of the source."""
EMBEDDED = 512


def views(x: Tensor, draws: torch.Generator) -> Tensor:
    """uint8 ``[N, 3, H, W]`` -> float in [-1, 1]: cut out, mirrored, in other colours or grey."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(x), generator=draws)

    share, shape = uniform(SMALLEST, 1.0), uniform(math.log(3 / 4), math.log(4 / 3)).exp()
    width, height = ((share * shape).sqrt().clamp(max=1), (share / shape).sqrt().clamp(max=1))
    right, down = (1 - width) * uniform(-1, 1), (1 - height) * uniform(-1, 1)
    mirrored = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(width)
    maps = torch.stack(
        [torch.stack([width * mirrored, zero, right], 1), torch.stack([zero, height, down], 1)], 1
    )
    cut = grid_sample(
        to_float(x),
        affine_grid(maps, list(x.shape), align_corners=False),
        padding_mode="reflection",
        align_corners=False,
    )
    on = uniform(0, 1) < 0.8
    ones = torch.ones_like(width)
    changed = [torch.where(on, uniform(0.6, 1.4), ones) for _ in range(2)]
    saturation = torch.where(uniform(0, 1) < 0.2, zero, torch.where(on, uniform(0.8, 1.2), ones))
    hue = torch.where(on, uniform(-0.6, 0.6), zero)
    return jitter(cut, *changed, saturation, hue)


def loss_of(a: Tensor, b: Tensor) -> Tensor:
    """The source's equation 6 of embeddings ``[N, d]``."""

    def spread(z: Tensor) -> Tensor:
        return relu(1 - (z.var(0) + 1e-4).sqrt()).mean()

    def apart(z: Tensor) -> Tensor:
        covariance = z.T.cov()
        return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]

    return LIKE * mse_loss(a, b) + SPREAD * (spread(a) + spread(b)) + APART * (apart(a) + apart(b))


def train(x: Tensor, seconds: float, checkpoint: Path | None) -> tuple[PatchMixer, int]:
    """A network that saw ``x: [N, 3, 32, 32]`` for so long, in evaluation mode, and the images it saw."""
    torch.manual_seed(0)
    network = PatchMixer().to(memory_format=torch.channels_last)
    width = network.config.width
    layers = [nn.Linear(width, EMBEDDED), nn.BatchNorm1d(EMBEDDED), nn.ReLU(), nn.Linear(EMBEDDED, EMBEDDED)]
    both = nn.Sequential(network, nn.Sequential(*layers))
    optimiser = torch.optim.AdamW(both.parameters(), RATE, weight_decay=DECAY)
    step, spent = 0, 0.0
    if checkpoint and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        both.load_state_dict(saved["both"])
        optimiser.load_state_dict(saved["optimiser"])
        step, spent = saved["step"], saved["spent"]
    began, told = time.perf_counter() - spent, 0.0
    while spent < seconds:
        share = min(spent / seconds, 1.0)
        rate = RATE * min(step / 200, 1.0) * (1 + math.cos(math.pi * share)) / 2
        for group in optimiser.param_groups:
            group["lr"] = rate
        draws = torch.Generator().manual_seed(mix(0, step))
        chosen = x[torch.randint(len(x), (BATCH,), generator=draws)]
        seen = torch.cat([views(chosen, draws), views(chosen, draws)]).contiguous(
            memory_format=torch.channels_last
        )
        loss = loss_of(*both(seen).chunk(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step, spent = step + 1, time.perf_counter() - began
        if step % 200 == 0:
            print(
                f"{spent:.0f} s, {step * BATCH} images: loss {float(loss.detach()):.3f}",
                file=sys.stderr,
                flush=True,
            )
        if checkpoint and spent - told > 120:
            told = spent
            state = {
                "both": both.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
                "spent": spent,
            }
            torch.save(state, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
    return network.eval(), step * BATCH


@torch.no_grad()
def features_of(network: PatchMixer, x: Tensor) -> Tensor:
    """``[N, width]`` of uint8 ``[N, 3, 32, 32]``."""
    return torch.cat([network(to_float(part)) for part in x.split(500)])


def read_linearly(train: Tensor, y: Tensor, test: Tensor) -> Tensor:
    """What a ridge regression on the classes, its one number fixed beforehand, names the test images."""
    mean, deviation = train.mean(0), train.std(0)
    a, b = (torch.cat([(x - mean) / deviation, torch.ones(len(x), 1)], 1).double() for x in (train, test))
    wanted = torch.eye(10, dtype=torch.float64)[y]
    weights = torch.linalg.solve(a.T @ a + 10 * torch.eye(a.shape[1], dtype=torch.float64), a.T @ wanted)
    return (b @ weights).argmax(1)


def read_by_neighbours(train: Tensor, y: Tensor, test: Tensor, k: int = 20) -> Tensor:
    """What most of the ``k`` nearest training images (by cosine) are."""
    a, b = (nn.functional.normalize(x - train.mean(0), dim=1) for x in (train, test))
    return torch.cat([y[(part @ a.T).topk(k).indices].mode(1).values for part in b.split(500)])


def main() -> None:
    """Train, save, and print the record."""
    asked = parser(__doc__, "cifar10s", CIFAR10S)
    asked.add_argument("--data", default="uoft-cs/cifar10", help="CIFAR-10, as visavis train takes it")
    asked.add_argument("--seconds", type=float, default=4800.0)
    asked.add_argument("--checkpoint", type=Path, help="state every two minutes, to go on from")
    options = asked.parse_args()
    torch.set_flush_denormal(True)

    x, y = tensors(options.data, "train")
    network, images = train(x, options.seconds, options.checkpoint)
    for tensor in network.state_dict().values():
        if tensor.ndim > 1:
            tensor.copy_(tensor.half())  # what is stored is what is measured
    held_out, held_out_y = tensors(options.data, "test")
    seen, new = features_of(network, x), features_of(network, held_out)
    record: Record = {
        "name": "cifar10s",
        "data": "CIFAR-10, 32x32; trained on its training split only, without its classes",
        "method": "VICReg, two views",
        "accuracy_test_linear": float((read_linearly(seen, y, new) == held_out_y).double().mean()),
        "accuracy_test_neighbours": float((read_by_neighbours(seen, y, new) == held_out_y).double().mean()),
        "n_test": len(held_out),
        "n_train": len(x),
        "sha256_test": digest(held_out, held_out_y),
        "sha256_train": digest(x, y),
        "images_seen": images,
        "parameters": sum(p.numel() for p in network.parameters()),
        "batch_size": BATCH,
        "rate": RATE,
        "weight_decay": DECAY,
        "smallest_view": SMALLEST,
        "embedded": EMBEDDED,
        "torch": torch.__version__,
        "device": "cpu",
        "precision": "fp32, fp16 matrices in the file",
    }
    ship(
        network,
        network.config,
        record,
        options,
        half=True,
        seconds=round(options.seconds, 1),
        command="python benchmarks/train_cifar_self_supervised.py --data ../shared/data/cifar10",
    )


if __name__ == "__main__":
    main()
