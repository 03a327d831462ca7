"""How a command's result is printed."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from visavis.files import to_json


def show(given: Namespace, result: Mapping[str, Any]) -> None:
    """Print a result: as JSON where ``--json`` asks for it, else a line a name."""
    if given.json:
        print(to_json(result, indent=2))
        return
    width = max(map(len, result), default=0)
    for name, value in result.items():
        lines = value if isinstance(value, list) else [value]
        for index, line in enumerate(lines):
            print(f"{'' if index else name:<{width}}  {_plain(line)}")


def _plain(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    told = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
    return ", ".join(told) or "none"
