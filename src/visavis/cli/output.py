"""What goes to stdout, whatever that can say: a C locale and some consoles know ASCII only."""

import codecs
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from visavis.files import to_json

_PLAIN = {
    "×": "x",
    "·": "*",
    "…": "...",
    "–": "-",
    "—": "-",
    "\N{MINUS SIGN}": "-",
    "±": "+-",
    "∞": "inf",
    "≤": "<=",
    "√": "sqrt",
    "²": "^2",
    "σ": "sigma",
    "β": "beta",
    "γ": "gamma",
    "→": "->",
}
"""What stands for a character that a stream cannot say; of every other one a question mark."""
_HANDLER = "visavis.plain"


def _plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_PLAIN.get(each, "?") for each in error.object[error.start : error.end]), error.end


def fit_streams() -> None:
    """Let stdout and stderr replace what they cannot say, instead of failing at it."""
    codecs.register_error(_HANDLER, _plainly)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def print_json(value: object, indent: int | None = None) -> None:
    """Print JSON; where stdout cannot say a character it is escaped, so that the value stays the same."""
    text = to_json(value, indent)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = to_json(value, indent, ascii_only=True)
    print(text)


def show(given: Namespace, result: Mapping[str, Any]) -> None:
    """Print a result: as JSON where ``--json`` asks for it, else a line a name."""
    if given.json:
        print_json(result, indent=2)
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
