"""A user's own extractor, ``module:path``.

``package.module:name`` is imported; ``file.py:name`` is read from the file.  ``name`` (dots reach inside) is

- a ``torch.nn.Module``, or a function of one argument: the extractor itself, or
- a function or class that needs no argument: a factory that returns one of these.

It is given floats ``[n, C, H, W]`` in [-1, 1] on the device and returns vectors ``[n, d]``, or a pair of them
and logits ``[n, K]``.  It may carry the attributes ``classes`` (K names, needed with logits), ``resolution``
(images are resized to it by the rule; without it they come as they are) and ``channels`` (3 by default, to
which grey is brought; 1 takes grey only).  A module is put into evaluation mode.

Its ``sha256`` is the hash of a module's state dict, or, where there is none, of the source file.
"""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visavis.core import Shape
from visavis.errors import UserError
from visavis.metrics.exact import exact_float32
from visavis.metrics.features.extractor import Extractor, in_colour, resized

_BATCH = 64
_PROBE = 32
"""Side of the image that finds out ``dims`` where the extractor has no resolution of its own."""


def own(name: str, resize: str | None, device: str) -> Extractor:
    """The extractor that ``name``, ``module:path``, describes.

    Raises :class:`UserError` when it cannot be imported, or does not return what it should.
    """
    module, found = _named(name)
    call = _made(found, name)
    classes = tuple(str(each) for each in getattr(call, "classes", ()))
    resolution: int | None = getattr(call, "resolution", None)
    channels = int(getattr(call, "channels", 3))
    rule = "none" if resolution is None else resize or "bicubic-pil"
    if resolution is None and resize not in (None, "none"):
        raise UserError(
            f"resize rule '{resize}' for features '{name}' without a resolution (allowed: none); "
            "give the extractor an attribute 'resolution'"
        )
    if isinstance(call, nn.Module):
        call = call.eval().requires_grad_(False).to(device)

    def read(x: Tensor) -> tuple[Tensor, Tensor | None]:
        pixels = (in_colour(x) if channels == 3 else x).float()
        if resolution is not None:
            pixels = resized(pixels, resolution, rule)
        return _answer(call(pixels / 127.5 - 1), len(x), len(classes), name)

    def takes(shape: Shape) -> str | None:
        if rule == "none" and resolution not in (None, shape.resolution):
            return f"{resolution}x{resolution} (or another size with a resize rule)"
        allowed = (1, 3) if channels == 3 else (channels,)
        return None if shape.channels in allowed else f"{' or '.join(map(str, allowed))} channels"

    side = resolution or _PROBE
    with torch.no_grad(), exact_float32(device):
        vectors, _ = read(torch.full((2, channels, side, side), 128, dtype=torch.uint8, device=device))
    sha256 = _hash(call, module)
    return Extractor(name, sha256, vectors.shape[1], classes, rule, _BATCH, read, takes, device)


def _named(name: str) -> tuple[ModuleType, Any]:
    """The module and the object in it."""
    where, _, path = name.rpartition(":")
    try:
        module = _from_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except Exception as error:  # the user's code may raise anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"features '{name}': cannot import '{where}' ({why}); name an importable module or a .py file"
        ) from error
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise UserError(f"features '{name}': '{where}' has no '{path}'; name a module or function in it")
        found = getattr(found, part)
    return module, found


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"no file '{path}'")
    key = f"visavis_own_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(key, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    spec.loader.exec_module(module)
    return module


def _made(found: Any, name: str) -> Callable[[Tensor], Any]:
    """The extractor: ``found`` itself, or what the factory ``found`` returns."""
    if not isinstance(found, nn.Module) and callable(found) and not _arguments(found):
        found = found()
    if not callable(found):
        raise UserError(
            f"features '{name}' is of type {type(found).__name__}; allowed: a torch module, "
            "a function of images, or a function without arguments that returns one of these"
        )
    extractor: Callable[[Tensor], Any] = found
    return extractor


def _arguments(call: Callable[..., Any]) -> int:
    """How many arguments a call must have."""
    empty = inspect.Parameter.empty
    various = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(call).parameters.values()
    return sum(each.default is empty and each.kind not in various for each in parameters)


def _answer(answer: Any, n: int, classes: int, name: str) -> tuple[Tensor, Tensor | None]:
    """What the extractor returned, once it has the right shapes."""
    vectors, logits = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
    fits = isinstance(vectors, Tensor) and vectors.ndim == 2 and len(vectors) == n and vectors.shape[1] > 0
    named = logits is None or (isinstance(logits, Tensor) and logits.shape == (n, classes))
    if not fits or not named or (logits is None and classes):
        shapes = [list(x.shape) if isinstance(x, Tensor) else type(x).__name__ for x in (vectors, logits)]
        raise UserError(
            f"features '{name}' returned vectors {shapes[0]} and logits {shapes[1]} for {n} images and "
            f"{classes} classes; allowed: [{n}, d] alone, or with [{n}, K] and an attribute 'classes' of K"
        )
    return vectors, logits


def _hash(call: Callable[[Tensor], Any], module: ModuleType) -> str:
    state = call.state_dict() if isinstance(call, nn.Module) else {}
    if not state:
        source = getattr(module, "__file__", None)
        if source is None:
            raise UserError(f"'{module.__name__}' has no source file to tell versions apart; use a file")
        return hashlib.sha256(Path(source).read_bytes()).hexdigest()
    total = hashlib.sha256()
    for key, value in sorted(state.items()):
        array = np.ascontiguousarray(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        total.update(f"{key} {value.dtype} {list(value.shape)}\n".encode())
        total.update(array.data)
    return total.hexdigest()
