"""Commands that take a run out of the workshop: export, and what it needs from the command line."""

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from visavis.cli.output import show
from visavis.errors import UserError


def export_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``visavis export`` takes."""
    parser.add_argument("run", type=Path, help="a run's folder, or one of its snapshots")
    parser.add_argument(
        "--onnx", type=Path, metavar="FILE", help="ONNX: FILE, and FILE-critic and so on beside"
    )
    parser.add_argument(
        "--web", type=Path, metavar="PLACE", help="a page for the browser: a folder, or one file NAME.html"
    )
    parser.add_argument("--half", action="store_true", help="the ONNX in fp16, and how far that is off")


def export(given: Namespace) -> None:
    """Write a run in the forms that are asked for."""
    from visavis.models.load import load

    if given.onnx is None and given.web is None:
        raise UserError("nothing to export; give --onnx FILE, --web FOLDER or --web PAGE.html")
    if given.half and given.onnx is None:
        raise UserError("--half is for --onnx FILE; give it too, or leave --half out")
    model = load(given.run)
    found: dict[str, Any] = {"run": str(given.run), "images": model.description.images}
    if given.onnx is not None:
        from visavis.export.onnx import OPSET, SEEDS
        from visavis.export.onnx import export as to_onnx

        made = to_onnx(model, given.onnx, given.half)
        found |= {"opset": OPSET, "checked_on_seeds": SEEDS, "onnx": [each.told() for each in made]}
    if given.web is not None:
        from visavis.export.web.site import write_page

        found |= write_page(model, given.web, name_of(given.run))
    show(given, found)


def name_of(run: Path) -> str:
    """What a run is called: its folder's name, or a snapshot's file's."""
    return run.stem if run.is_file() else run.resolve().name
