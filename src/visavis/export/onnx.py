"""ONNX: every network of a model as a file that any runtime takes, checked against PyTorch before it counts.

Needs the extra ``export`` (onnx, onnxscript, onnxruntime).
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim
from torch.nn.functional import interpolate

from visavis import __version__, files
from visavis.errors import UserError
from visavis.export.extras import need
from visavis.export.parts import Part, Tensors, all_parts
from visavis.models.model import Model
from visavis.models.snapshot import Description

OPSET = 18
"""The version of ONNX's operators: what runtimes since 2023 know, the browser's among them."""
SEEDS = 64
TOLERANCE = 1e-4
"""The largest difference from PyTorch, over ``SEEDS`` inputs, up to which an export is called done; of a
critic's logits above 1 a share of the largest.
"""
MOST = 2**16
"""Images in a batch, at most: a bound that the exporter asks for."""


@dataclass(frozen=True)
class Exported:
    """A file, and how far what it computes is from PyTorch, in the units of its outputs."""

    role: str
    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    difference: float
    half: bool
    grey_levels: Mapping[str, float] | None = None
    """Of images made in half precision, on the scale 0 to 255: the mean and the largest difference."""

    def told(self) -> dict[str, Any]:
        """What the command line prints of it."""
        found: dict[str, Any] = {
            "role": self.role,
            "file": str(self.path),
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "precision": "fp16" if self.half else "fp32",
            "largest_difference": self.difference,
        }
        return found if self.grey_levels is None else found | {"grey_levels": dict(self.grey_levels)}


def export(
    model: Model, path: Path, half: bool = False, parts: Sequence[Part] | None = None
) -> list[Exported]:
    """Write the main network to ``path`` and the others beside it, as ``NAME-critic.onnx`` and so on.

    ``half``: weights and arithmetic in fp16, inputs and outputs in fp32 still; ``parts``: which of the
    model's networks (all).  Raises :class:`UserError` for an ending other than ``.onnx``, a file that exists,
    a missing extra, and a network whose export computes something else than PyTorch; in that case nothing is
    written.
    """
    if path.suffix.lower() != ".onnx":
        raise UserError(f"--onnx '{path}' is no name for a model (allowed: one that ends in .onnx)")
    parts = all_parts(model) if parts is None else parts
    paths = [
        path if not index else path.with_name(f"{path.stem}-{part.role}.onnx")
        for index, part in enumerate(parts)
    ]
    for each in paths:
        if each.exists():
            raise UserError(f"'{each}' exists; give another --onnx, or remove it")
    need("export", "onnx", "onnxscript", "onnxruntime")
    made: list[Exported] = []
    try:
        for part, to in zip(parts, paths, strict=True):
            made.append(export_part(part, model.description, to, half))
    except BaseException:
        for done in made:
            done.path.unlink(missing_ok=True)
        raise
    return made


def export_part(part: Part, description: Description, path: Path, half: bool = False) -> Exported:
    """Write one network, once its file has been checked; errors as :func:`export`."""
    files.sweep_beside(path)
    with files.atomic(path) as fresh:
        _write(part, _record(part, description), fresh, half)
        difference, size, pixels = _differences(part, fresh)
        # a logit has no unit of its own: a Wasserstein critic's may be hundreds
        allowed = TOLERANCE * max(1.0, size) if part.about.get("kind") == "logit" else TOLERANCE
        if not half and not difference <= allowed:
            raise UserError(
                f"the {part.role}'s export differs from PyTorch by {difference:.2g} on {SEEDS} seeds "
                f"(allowed: {allowed:g}), so it is not written; report this run's recipe"
            )
        if half and not np.isfinite(difference):
            raise UserError(f"the {part.role} leaves fp16's range, so it is not written; leave --half out")
    shown = pixels if half and part.outputs[0] in ("images", "translated") else None
    return Exported(part.role, path, part.inputs, part.outputs, difference, half, shown)


def _write(part: Part, record: Mapping[str, str], path: Path, half: bool) -> None:
    import onnx

    with _quiet():
        program = torch.onnx.export(
            part.network.eval(),
            _traced(part),
            dynamo=True,
            dynamic_shapes=_dynamic_shapes(part),
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            opset_version=OPSET,
            custom_translation_table=_translations(),
            verbose=False,
        )
        assert program is not None
        program.save(path)
    if half or record:
        model = onnx.load(path)
        if half:
            from onnxruntime.transformers.float16 import convert_float_to_float16

            model = _sorted(convert_float_to_float16(model, keep_io_types=True))
        onnx.helper.set_model_props(model, dict(record) | {"visavis.precision": "fp16" if half else "fp32"})
        onnx.checker.check_model(model)
        onnx.save(model, path)


def _traced(part: Part) -> tuple[Tensor, ...]:
    """Two rows of inputs; images of any size have two strides a side at least: one is special."""
    inputs = tuple(part.examples(2).values())
    if not part.any_size or part.about["resolution"] >= 2 * part.about["stride"]:
        return inputs
    return tuple(interpolate(x, scale_factor=2.0) for x in inputs)


def _sorted(model: Any) -> Any:
    """The model with every node after those that it takes from: the conversion to fp16 leaves casts last."""
    import onnx_ir
    from onnx_ir.passes.common import TopologicalSortPass

    sorted_one = onnx_ir.from_proto(model)
    TopologicalSortPass()(sorted_one)
    return onnx_ir.to_proto(sorted_one)


def _dynamic_shapes(part: Part) -> tuple[dict[int, Any], ...]:
    n = Dim("n", min=1, max=MOST)
    batch = {0: n}
    if not part.any_size:
        return (batch,) * len(part.inputs)
    stride = part.about["stride"]
    rows, columns = (Dim(name, min=2, max=MOST // stride) for name in ("rows", "columns"))
    return ({0: n, 2: stride * rows, 3: stride * columns},)


def _record(part: Part, description: Description) -> dict[str, str]:
    """What stands in the file's metadata: enough to call it and to know where it comes from."""
    told: dict[str, Any] = {
        "role": part.role,
        "task": description.task,
        "shape": list(description.shape),
        "classes": list(description.classes),
        "conditional": description.conditional,
        "images": description.images,
        "about": dict(part.about),
        "recipe": dict(description.recipe),
        "networks": dict(description.networks),
        "opset": OPSET,
        "torch": torch.__version__,
        "version": __version__,
    }
    return {
        f"visavis.{name}": value if isinstance(value, str) else files.to_json(value)
        for name, value in told.items()
    }


def _differences(part: Part, path: Path) -> tuple[float, float, dict[str, float]]:
    """The largest difference of any output on ``SEEDS`` inputs, the largest output; and grey levels of the
    first output's differences.
    """
    examples = part.examples(SEEDS)
    theirs = run(path, examples)
    with torch.no_grad():
        found: Tensor | tuple[Tensor, ...] = part.network(*examples.values())
    ours = found if isinstance(found, tuple) else (found,)
    gaps = [np.abs(one - other.numpy()) for one, other in zip(theirs, ours, strict=True)]
    largest = max(float(gap.max()) for gap in gaps)
    grey = {"mean": float(gaps[0].mean() * 127.5), "largest": float(gaps[0].max() * 127.5)}
    return largest, max(float(each.abs().max()) for each in ours), grey


def run(path: Path, inputs: Tensors) -> list[Any]:
    """What onnxruntime computes on this machine's processor: the outputs, as arrays."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    outputs: list[Any] = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return outputs


def _translations() -> dict[Any, Any]:
    """Operators that the exporter does not know."""
    from onnxscript import opset18

    op: Any = opset18

    def bicubic(x: Any, size: Any, align_corners: bool, *_scales: Any) -> Any:
        """Pillow's bicubic enlargement: Keys' a = -0.5, half-pixel centres, no weight outside."""
        kept = op.Shape(x, start=0, end=2)
        sizes = op.Concat(kept, op.Cast(size, to=7), axis=0)
        return op.Resize(
            x, None, None, sizes, mode="cubic", cubic_coeff_a=-0.5, antialias=1, exclude_outside=1
        )

    return {torch.ops.aten._upsample_bicubic2d_aa.default: bicubic}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on its own insides and on packages that nobody asked for."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
