"""Every architecture as ONNX, and how far onnxruntime is from PyTorch on 64 seeds, in fp32 and in fp16.

    python benchmarks/export_parity.py --out results/onnx.json

The networks are narrow and fresh from their initialisation: it is the operators that are tried.  What starts
at nothing (running statistics, a class's gain and shift, the strength of noise) is given a value.
"""

import argparse
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from visavis import __version__
from visavis.core import Shape
from visavis.errors import UserError
from visavis.export.onnx import OPSET, SEEDS, TOLERANCE, export
from visavis.files import to_json, write_json
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import Description
from visavis.networks import build

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
NARROW = {"width": 8, "widest": 16}
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "residual": (
        {"kind": "residual", "widths": [8, 8, 8]},
        {"kind": "residual", "widths": [8, 8, 8]},
        "distance",
    ),
    "mlp": ({"kind": "mlp", "widths": [16]}, {"kind": "mlp", "widths": [16], "pieces": 2}, "cosine"),
    "dcgan": ({"kind": "dcgan"}, {"kind": "dcgan"}, "difference"),
    "ensemble": (
        {"kind": "ensemble", "member": {"kind": "residual", "widths": [8, 8, 8]}, "members": 3},
        {"kind": "residual", "widths": [8, 8, 8]},
        "difference",
    ),
    "upsampling": ({"kind": "upsampling", "widths": [16, 16, 8, 8, 8]}, {"kind": "strided"}, "concat"),
    "sn-resnet": ({"kind": "sn-resnet", "width": 8}, {"kind": "sn-resnet", "width": 8}, "difference"),
    "biggan": ({"kind": "biggan", "width": 8}, {"kind": "sn-resnet", "width": 8}, "difference"),
    "r3gan": ({"kind": "r3gan", "width": 32}, {"kind": "r3gan", "width": 32}, "difference"),
    "progan": ({"kind": "progan", **NARROW}, {"kind": "progan", **NARROW}, "difference"),
    "stylegan2": ({"kind": "stylegan2", **NARROW}, {"kind": "stylegan2", **NARROW}, "difference"),
    "stylegan2-adain": (
        {"kind": "stylegan2", "style": "adain", "truncation": 0.7, **NARROW},
        {"kind": "stylegan2", **NARROW},
        "difference",
    ),
    "siamese": ({"kind": "siamese", "widths": [8, 8]}, {"kind": "siamese", "widths": [8, 8]}, "concat"),
}
OTHERS: dict[str, tuple[dict[str, Any], int, str]] = {
    "autoencoder-conv": (
        {"E": {"kind": "conv-encoder", "widths": [8, 8]}, "G": {"kind": "conv-decoder", "widths": [8, 8]}},
        16,
        "reconstruct",
    ),
    "autoencoder-residual": (
        {
            "E": {"kind": "residual-encoder", "widths": [8, 8, 8]},
            "G": {"kind": "residual-decoder", "widths": [8, 8, 8]},
        },
        16,
        "reconstruct",
    ),
    "single-head": (
        {
            "G": {"kind": "residual", "widths": [8, 8, 8]},
            "D": {"kind": "pair", "head": "single", "branch": {"kind": "residual", "widths": [8, 8, 8]}},
        },
        16,
        "generate",
    ),
    "unet": ({"G": {"kind": "unet", "width": 4}, "D": {"kind": "patch", "width": 4}}, 32, "translate"),
    "resnet-both-ways": (
        {
            **{name: {"kind": "resnet", "width": 4, "blocks": 1} for name in ("G_ab", "G_ba")},
            **{name: {"kind": "patch", "width": 4, "sees": "image"} for name in ("D_a", "D_b")},
        },
        16,
        "translate",
    ),
    "super-resolver": ({"G": {"kind": "super-resolver", "width": 8, "blocks": 1}}, 16, "translate"),
}


def made(networks: dict[str, Any], resolution: int, task: str, classes: int) -> Model:
    """A model that is as if a little training had been done."""
    from small_models import leave_the_start

    torch.manual_seed(0)
    shape, names = Shape(3, resolution), tuple(map(str, range(classes)))
    built = build(networks, shape, classes)
    for network in built.values():
        leave_the_start(network.eval().requires_grad_(False))
    about = Description(networks, shape, names or ("a",), bool(classes), 0, {"name": task}, __version__, task)
    return model_of(built, about)


def cases() -> dict[str, Model]:
    """Every model to be tried; a generator that can be conditional is."""
    found: dict[str, Model] = {}
    for name, (generator, branch, head) in PAIRS.items():
        critic = {"kind": "pair", "head": head, "branch": branch}
        if head != "difference":
            critic["conditioning"] = "none"
        resolution = 32 if name in ("dcgan", "upsampling", "sn-resnet", "biggan") else 16
        for classes in (0, 3):
            try:
                full = f"{name}{'-conditional' if classes else ''}"
                found[full] = made({"G": generator, "D": critic}, resolution, "generate", classes)
            except UserError:
                if not classes:
                    raise
    return found | {name: made(*given, 0) for name, given in OTHERS.items()}


def main() -> None:
    """Export, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows: dict[str, Any] = {}
    for name, model in cases().items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            full = export(model, Path(folder) / "full.onnx")
            half = export(model, Path(folder) / "half.onnx", half=True)
        rows[name] = {
            one.role: {
                "largest_difference": one.difference,
                "half_largest_difference": other.difference,
                "half_grey_levels": None if other.grey_levels is None else dict(other.grey_levels),
            }
            for one, other in zip(full, half, strict=True)
        }
        print(f"{name}: {to_json(rows[name])} in {time.monotonic() - began:.0f} s", flush=True)
        result = {
            "seeds": SEEDS,
            "tolerance": TOLERANCE,
            "opset": OPSET,
            "networks": rows,
            "record": {
                "torch": torch.__version__,
                "onnxruntime": __import__("onnxruntime").__version__,
                "visavis": __version__,
                "python": platform.python_version(),
                "date": time.strftime("%Y-%m-%d"),
            },
        }
        if given.out is not None:
            write_json(given.out, result)


if __name__ == "__main__":
    main()
