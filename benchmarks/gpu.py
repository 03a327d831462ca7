"""What a GPU gives: gradients beside the CPU's, and images a second of R3GAN's CIFAR-10 networks.

``python benchmarks/gpu.py --data PARQUET_FOLDER`` compares the gradients of both phases of ``r3gan-cifar10``
on the GPU with the CPU's in float64 (‖g - reference‖ / ‖reference‖; same weights, same noise), times its
training step by precision and memory layout (rate, share of the peak that one large product reaches, memory;
medians of repeated groups of steps), says where the step's time goes, and writes
a file beside results/gpu.json, which was put together from several such calls and a training.
"""

import argparse
import gc
import json
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from tables import ROOT, results, table

from visavis.core import Phase
from visavis.recipes import get
from visavis.recipes.recipe import Recipe
from visavis.runs.session import Options, ready_session
from visavis.runs.speed import flops_of, peaks, share_of_peak, timed
from visavis.training.loop import State, autocast, train

GPU, CPU = torch.device("cuda"), torch.device("cpu")
GROUPS, STEPS = 5, 4
WAYS = (("fp32", False), ("fp32", True), ("bf16", False), ("bf16", True))
"""Precision, and whether memory is laid out channels last."""


def gpu() -> str:
    """The table of docs/speed.md."""
    found = results("gpu")
    rows = [
        [
            f"`{row['recipe']}`",
            f"{row['batch']}",
            row["precision"] + (", channels last" if row["channels_last"] else ""),
            "out of memory" if row.get("out_of_memory") else f"{row['images_per_second']:,.0f}",
            "" if row.get("out_of_memory") else f"{100 * row['share_of_peak']:.1f}%",
        ]
        for row in found["steps"]
    ]
    note = f"\n\nOne {found['gpu']}, torch {found['torch']}, {found['date']}, commit {found['commit']}."
    return table(["recipe", "batch", "precision", "images/s", "share of peak"], rows) + note


def main() -> None:
    """Compare, time, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--recipe", default="r3gan-cifar10")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "gpu-new.json")
    asked = parser.parse_args()
    recipe = get(asked.recipe)
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"source": asked.data})})
    found: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe.name,
        "batch_size": asked.batch_size,
    }
    for name, part in (
        ("gradients", lambda: gradients(recipe)),
        ("steps", lambda: [step(recipe, asked.batch_size, *way) for way in WAYS]),
        ("kernels", lambda: kernels(recipe, asked.batch_size)),
    ):
        found[name] = part()  # type: ignore[no-untyped-call]
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
        print(name, json.dumps(found[name]), flush=True)


def session(recipe: Recipe, device: torch.device, **changes: object):  # type: ignore[no-untyped-def]
    """A session of ``recipe`` that writes nothing."""
    changed = recipe.model_copy(update=changes)
    return ready_session(
        changed, Options(Path("/nowhere"), device=str(device), fresh=True, images=10**9), device
    )[0]


def gradients(recipe: Recipe) -> list[dict[str, Any]]:
    """Relative errors of each phase's gradients: float32 on the CPU, and on the GPU in three precisions."""
    plain = torch.randn
    made = session(recipe, CPU, batch_size=8, precision="fp32")
    phases, batch = made.recipe.objective.phases(), made.batches(0)

    def drawn(*size: Any, device: Any = None, dtype: Any = None, **options: Any) -> torch.Tensor:
        return plain(*size, **options).to(device=device, dtype=dtype)

    def gradient(
        state: State, phase: Phase, device: torch.device, dtype: torch.dtype, precision: str
    ) -> torch.Tensor:
        nets = state.nets.to(device, dtype)
        for name, net in nets.items():
            net.requires_grad_(name in phase.trains)
            net.zero_grad(set_to_none=True)
        torch.manual_seed(0)
        moved = _moved(batch, device, dtype)
        with autocast(precision, device):  # type: ignore[arg-type]
            loss, _ = phase.loss(dict(nets.items()), moved, 0)
        loss.backward()  # type: ignore[no-untyped-call]
        found = [
            p.grad.flatten() for name in phase.trains for p in nets[name].parameters() if p.grad is not None
        ]
        return torch.cat(found).double().cpu()

    torch.randn = drawn  # the same noise on both devices
    try:
        rows = []
        for phase in phases:
            reference = gradient(made.state, phase, CPU, torch.float64, "fp32")
            row: dict[str, Any] = {"trains": list(phase.trains)}
            for name, device, precision, tf32 in (
                ("cpu fp32", CPU, "fp32", False),
                ("gpu fp32", GPU, "fp32", False),
                ("gpu tf32", GPU, "fp32", True),
                ("gpu bf16", GPU, "bf16", True),
            ):
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
                got = gradient(made.state, phase, device, torch.float32, precision)
                row[name] = float((got - reference).norm() / reference.norm())
            rows.append(row)
        return rows
    finally:
        torch.randn = plain


def _moved(batch: Any, device: torch.device, dtype: torch.dtype) -> Any:
    def move(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(device, dtype if value.is_floating_point() else value.dtype)
        return value

    return batch._make(map(move, batch))


def step(recipe: Recipe, size: int, precision: str, last: bool) -> dict[str, Any]:
    """Images a second of training, and what part of the peak that is."""
    gc.collect()  # of what stood before, to measure the memory of this alone
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    made = session(recipe, GPU, batch_size=size, precision=precision, channels_last=last)
    state = made.state

    def steps(count: int) -> None:
        schedule = made.recipe.schedule()
        list(train(state, made.recipe.objective, made.batches, schedule, state.images + count * size))

    steps(3)
    flops = flops_of(lambda: steps(1)) / size
    rate = statistics.median(STEPS * size / timed(lambda: steps(STEPS), GPU) for _ in range(GROUPS))
    peak = peaks(GPU)[f"{precision}_tflops"]
    row = {
        "precision": precision,
        "channels_last": last,
        "images_per_second": round(rate, 1),
        "gigaflop_per_image": round(flops / 1e9, 3),
        "peak_tflops": peak,
        "share_of_peak": share_of_peak(rate, flops, peak),
        "memory_bytes": torch.cuda.max_memory_allocated(),
    }
    print(json.dumps(row), flush=True)
    return row


def kernels(recipe: Recipe, size: int) -> dict[str, Any]:
    """The operations that take the most of two steps' time on the GPU, and how long it did nothing."""
    made = session(recipe, GPU, batch_size=size, precision="bf16", channels_last=True)
    state, schedule = made.state, made.recipe.schedule()

    def steps() -> None:
        list(train(state, made.recipe.objective, made.batches, schedule, state.images + 2 * size))

    steps()
    took = timed(steps, GPU)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        steps()
        torch.cuda.synchronize()
    rows = sorted(profile.key_averages(), key=lambda e: -e.self_device_time_total)
    total = sum(e.self_device_time_total for e in rows) / 1e6
    top = [[e.key[:90], e.count, round(e.self_device_time_total / 1e6 / total, 3)] for e in rows[:14]]
    return {"seconds": took, "busy_seconds": total, "top": top}


if __name__ == "__main__":
    main()
