"""What goes to a stdout that cannot say everything."""

import io
import json
import sys
from collections.abc import Callable

import pytest

from visavis.cli.output import fit_streams, print_json


def printed(show: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes that a stdout of ASCII gets."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        patched.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
        fit_streams()
        show()
        return raw.getvalue()


def test_text_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(lambda: print("8×8 … \N{MINUS SIGN} 火"), monkeypatch) == b"8x8 ... - ?\n"


def test_json_keeps_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"name": "café \udcff"}
    assert json.loads(printed(lambda: print_json(value), monkeypatch)) == value
