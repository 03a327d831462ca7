"""The page of a model: ``index.html`` with its assets beside it, or the same page with them inside.

Its assets are gzipped: the networks as ONNX, and onnxruntime-web.  The page looks for each inside itself
first, so both forms are one source.
"""

import base64
import gzip
import hashlib
import html
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from visavis import __version__, files
from visavis.data.pixels import to_uint8
from visavis.errors import UserError
from visavis.export.onnx import export
from visavis.export.parts import Part, parts_of
from visavis.export.web.runtime import LICENCE, VERSION, runtime
from visavis.models.generator import latents
from visavis.models.model import Model
from visavis.models.snapshot import Description

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("latents.js", "model.js", "page.js")
SPACE = """---
title: {title}
emoji: 👁
colorFrom: blue
colorTo: indigo
sdk: static
app_file: index.html
pinned: false
---

{line}

Made with visavis {version}. `assets/ort.*` are of onnxruntime-web {runtime} (see `onnxruntime-licence.txt`).
"""
"""README.md of the folder: its head makes it a static Space of the hub."""
PROVEN = 4
"""Images of seed 0 that the page makes and compares with PyTorch's as it opens."""


def write_page(model: Model, path: Path, name: str) -> dict[str, Any]:
    """Write the page of a model: one file where ``path`` ends in ``.html``, else a folder.

    ``name``: the run's.  Raises :class:`UserError` for a file, or a folder with something in it, that stands
    there, and as :func:`visavis.export.onnx.export`.
    """
    single = path.suffix.lower() in (".html", ".htm")
    if path.exists() if single else files.in_the_way(path):
        raise UserError(f"'{path}' exists; give another --web, or remove it")
    assets = model_assets(model)
    packed = {each: gzip.compress(data, 9, mtime=0) for each, data in assets.items()} | runtime()
    config = configure(model, name, _digest(assets))
    if single:
        files.sweep_beside(path)
        files.write_atomic(path, compose(config, packed).encode())
    else:
        write_folder(path, config, packed)
    return {
        "web": str(path),
        "bytes": sum(
            file.stat().st_size for file in ([path] if single else path.rglob("*")) if file.is_file()
        ),
        "without_model": sum(len(packed[each]) for each in packed if not each.endswith(".onnx")),
        "networks": [part["role"] for part in config["parts"]],
    }


def write_folder(path: Path, config: Mapping[str, Any], packed: Mapping[str, bytes]) -> None:
    """Everything of the folder; ``index.html`` comes last, so that half a folder shows nothing."""
    readme = SPACE.format(
        title=json.dumps(config["title"], ensure_ascii=False),
        line=config["line"],
        version=__version__,
        runtime=VERSION,
    )
    contents = {
        **{f"assets/{each}.gz": data for each, data in packed.items()},
        LICENCE.name: LICENCE.read_bytes(),
        "README.md": readme.encode(),
        "index.html": compose(config, {}).encode(),
    }
    with files.finishing(path, contents):
        for name, data in contents.items():
            files.write_atomic(path / name, data)


def model_assets(model: Model) -> dict[str, bytes]:
    """``ROLE.onnx`` of every network, checked against PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        made = export(model, Path(folder) / "model.onnx", parts=parts_of(model))
        return {f"{each.role}.onnx": each.path.read_bytes() for each in made}


def configure(model: Model, name: str, digest: str, live: bool = False) -> dict[str, Any]:
    """What the page must know of its model; ``live``: it is served beside a run's progress."""
    description, parts = model.description, parts_of(model)
    channels, resolution = description.shape
    if channels not in (1, 3):
        raise UserError(f"a page shows grey and RGB, and this run makes {channels} channels; export --onnx")
    return {
        "name": name,
        "title": name,
        "line": _line(description),
        "channels": channels,
        "resolution": resolution,
        "classes": list(description.classes),
        "abilities": list(model.abilities),
        "parts": [
            {"role": p.role, "inputs": p.inputs, "outputs": p.outputs, "about": dict(p.about)} for p in parts
        ],
        "proof": _proof(parts[0]),
        "paper": "#ffffff",
        "digest": digest,
        "live": live,
        "record": {
            "run": name,
            "recipe": description.recipe,
            "images seen": description.images,
            "visavis": description.version,
            "onnxruntime-web": VERSION,
        },
    }


def blank(name: str, live: bool) -> dict[str, Any]:
    """The configuration of a page without a model: of a run that has no snapshot yet."""
    return {
        "name": name,
        "title": name,
        "line": "",
        "channels": 1,
        "resolution": 1,
        "classes": [],
        "abilities": [],
        "parts": [],
        "proof": "",
        "paper": "#ffffff",
        "digest": "",
        "live": live,
        "record": {"run": name},
    }


def compose(config: Mapping[str, Any], embedded: Mapping[str, bytes]) -> str:
    """The page as one text, with ``embedded`` assets inside."""
    scripts = "\n".join((PAGE / each).read_text() for each in SCRIPTS)
    inside = [
        f'<script type="text/plain" id="asset:{each}">{base64.b64encode(data).decode()}</script>'
        for each, data in embedded.items()
    ]
    if embedded:
        inside.append(f"<!--\n{LICENCE.read_text()}-->")
    told = files.to_json(config).replace("<", "\\u003c")
    page = (PAGE / "index.html").read_text()
    filled = {
        "title": html.escape(str(config["title"])),
        "style": (PAGE / "style.css").read_text(),
        "script": scripts,
        "assets": "\n".join(inside),
        "config": told,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], page)


def _line(description: Description) -> str:
    told = f"{description.recipe.get('name', 'a model')}: {description.shape.resolution} pixels"
    return f"{told}, {description.images:,} images seen in training."


def _proof(part: Part) -> str:
    """Base64 of the grey levels that PyTorch makes of inputs that the page can make too."""
    if part.role == "generator":
        z = torch.cat([latents(0, i, 1, part.about["z_dim"]) for i in range(PROVEN)])
        given = {"z": z, **{name: x for name, x in part.examples(PROVEN).items() if name == "label"}}
    else:
        x = part.examples(1)["images"]
        ramp = torch.arange(x.numel()) * 37 % 256
        given = {"images": (ramp / 127.5 - 1).view_as(x)}
    with torch.no_grad():
        made = part.network(*given.values())
    return base64.b64encode(np.ascontiguousarray(to_uint8(made).numpy()).tobytes()).decode()


def _digest(assets: Mapping[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(assets):
        digest.update(assets[name])
    return digest.hexdigest()
