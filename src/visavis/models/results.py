"""What was judged of a model, as it stands beside its weights: the JSON of ``visavis evaluate --out``."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from visavis.errors import UserError
from visavis.files import read_json
from visavis.models.snapshot import WEIGHTS

EVALUATION = "evaluation.json"
"""Where a judgement stands in a run's folder, or in a folder that was exported."""
APART = ("per_class", "by_class", "warnings", "record", "against", "shares", "other_features")
"""What no table of figures shows."""
Place = tuple[str, ...]
"""Where a figure stands in a judgement."""
Part = Mapping[str, Any]
Result = dict[str, Any]


def folder_of(snapshot: Path) -> Path:
    """The folder that a snapshot belongs to: its run's, or the one that it lies in."""
    return snapshot.parent.parent if snapshot.parent.name == "snapshots" else snapshot.parent


def results(folder: Path) -> list[Result]:
    """The judgements that lie in ``folder``, the newest last."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = read_json(path)
        except UserError:  # another program's, or half written
            continue
        if isinstance(result, dict) and isinstance(result.get("record"), dict):
            found.append(result)
    return sorted(found, key=lambda result: result["record"].get("trained_images") or 0)


def result_of(snapshot: Path, images: int) -> Result | None:
    """The newest judgement of these averaged weights, which ``images`` images made; None: not judged."""
    own = None if snapshot.name == WEIGHTS else hashlib.sha256(snapshot.read_bytes()).hexdigest()
    fitting = [
        result
        for result in results(folder_of(snapshot))
        if result["record"].get("trained_images") == images
        and result["record"].get("weights") == "ema"
        and (own is None or result["record"].get("weights_sha256", own) == own)
    ]
    return fitting[-1] if fitting else None


def figures(result: Part, above: Place = ()) -> Iterator[tuple[Place, Part]]:
    """Every figure of a judgement, below its path: parts with a ``value``, an ``interval``, a ``null``."""
    for name, part in result.items():
        if name in APART or not isinstance(part, Mapping):
            continue
        if "value" in part:
            yield (*above, name), part
        else:
            yield from figures(part, (*above, name))
