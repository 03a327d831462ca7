"""Commands that take a run out of the workshop: export, and what it needs from the command line."""

import argparse
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visavis.cli.output import show
from visavis.errors import UserError

if TYPE_CHECKING:
    from visavis.models.model import Model

LAST_PORT = 65535


def export_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``visavis export`` takes."""
    parser.add_argument("run", type=Path, help="a run's folder, or one of its snapshots")
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="a folder as the hub has it: weights, card, scores"
    )
    parser.add_argument("--push", metavar="OWNER/NAME", help="send that folder to the Hugging Face hub")
    parser.add_argument("--licence", help="of the weights, by the hub's name, as in cc-by-4.0")
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

    if given.to is given.push is given.onnx is given.web is None:
        raise UserError(
            "nothing to export; give --to FOLDER, --push OWNER/NAME, --onnx FILE, --web FOLDER or PAGE.html"
        )
    if given.licence is not None and given.to is given.push is None:
        raise UserError("--licence is for --to FOLDER and --push OWNER/NAME; give one, or leave it out")
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
    if given.to is not None:
        model.save_pretrained(given.to, name=name_of(given.run), licence=given.licence)
        found |= {"to": str(given.to), "judged": judged(model)}
    if given.push is not None:
        found |= {"pushed": model.push_to_hub(given.push, licence=given.licence), "judged": judged(model)}
    show(given, found)


def verify_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``visavis verify`` takes."""
    parser.add_argument("run", type=Path, help="a run, a folder of visavis export --to, owner/name")
    parser.add_argument("--device", default="auto")


def verify(given: Namespace) -> int:
    """Measure again what a model claims; 1 if a figure lies outside."""
    from visavis.api import verify as check
    from visavis.report.words import number

    found = check(given.run, device=given.device)
    if given.json:
        show(given, found)
        return 0 if found["holds"] else 1
    for row in found["figures"]:
        ends = "no interval" if row["interval"] is None else " … ".join(map(_end, row["interval"]))
        measured = "not measured" if row["measured"] is None else number(row["measured"])
        verdict = "holds  " if row["holds"] else "OUTSIDE"
        print(f"{verdict} {row['figure']}: claimed {number(row['claimed'])} ({ends}), measured {measured}")
    outside = sum(not row["holds"] for row in found["figures"])
    print(f"{len(found['figures'])} figures measured again, {outside or 'none'} outside")
    return 0 if found["holds"] else 1


def _end(value: float | None) -> str:
    from visavis.report.words import number

    return "∞" if value is None else number(value)


def demo_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``visavis demo`` takes."""
    parser.add_argument("run", type=Path, help="a run's folder, also while it trains, or a snapshot")
    parser.add_argument("--port", type=_port, help="of 127.0.0.1 (default 7860, or any that is free)")
    parser.add_argument("--no-browser", action="store_true", help="tell the address, and open nothing")


def demo(given: Namespace) -> None:
    """Show a run's page to this machine's browser until Ctrl-C."""
    import sys
    import webbrowser
    from contextlib import suppress

    from visavis.models.load import local
    from visavis.serve.demo import HOST, open_server

    with open_server(local(given.run), name_of(given.run), given.port) as server:
        url = f"http://{HOST}:{server.server_port}/"
        show(given, {"url": url} if given.json else {"page": f"{url} (Ctrl-C ends it)"})
        sys.stdout.flush()
        if sys.stdout.isatty() and not given.no_browser:
            webbrowser.open(url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def serve_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``visavis serve`` takes."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="runs, snapshots, exported folders, owner/name; NAME=RUN names"
    )
    parser.add_argument("--host", default="127.0.0.1", help="another than this machine's own needs a key")
    parser.add_argument("--port", type=_port, default=8000, help="0: any (default 8000)")
    parser.add_argument("--api-key", help="what clients must send (or VISAVIS_API_KEY in the environment)")
    parser.add_argument("--queue", help="requests that may wait (default 256); then 429")
    parser.add_argument("--batch", help="images made at a time (default 64); 1: each request alone")
    parser.add_argument("--images", help="of one request, at most (default 64)")
    parser.add_argument("--upload-bytes", help="of a picture (default 8000000)")
    parser.add_argument("--pixels", help="of a picture (default 16000000)")
    parser.add_argument("--seconds", help="for a request, at most (default 30)")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="ray: on a cluster that exists already"
    )
    parser.add_argument("--replicas", type=int, help="with --engine ray (default 1)")


def serve(given: Namespace) -> None:
    """Serve runs over HTTP until SIGTERM or Ctrl-C."""
    import os

    from visavis.export.extras import need

    need("serve", "fastapi", "uvicorn", "multipart", "prometheus_client")
    from pydantic import ValidationError

    from visavis.serve.limits import Limits
    from visavis.serve.start import serve as start

    named = ("queue", "batch", "images", "upload_bytes", "pixels", "seconds")
    try:
        limits = Limits(**{name: value for name in named if (value := getattr(given, name)) is not None})
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise UserError(f"--{option} '{first['input']}': {first['msg']}") from None

    def ready(url: str, names: "list[str]") -> None:
        found = {"url": url, "models": names, "api": f"{url}/openapi.json"}
        show(given, found if given.json else found | {"models": ", ".join(names)})
        print(end="", flush=True)

    key = given.api_key or os.environ.get("VISAVIS_API_KEY")
    asked = (given.runs, given.host, given.port, key, limits, given.device)
    if given.engine == "local":
        if given.replicas is not None:
            raise UserError("--replicas is for --engine ray; start several services on ports of their own")
        return start(*asked, ready)
    need("ray", "ray")
    from visavis.serve.cluster import serve as on_cluster

    replicas = 1 if given.replicas is None else given.replicas
    if replicas < 1:
        raise UserError(f"--replicas {replicas} (allowed: 1 or more)")
    return on_cluster(*asked, replicas, ready)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"'{text}' is no port (allowed: 0 to {LAST_PORT}; 0: any)")
    return int(text)


def name_of(run: Path) -> str:
    """What a run is called: its folder's name, or a snapshot's file's."""
    return run.stem if run.is_file() else run.resolve().name


def judged(model: "Model") -> bool:
    """Whether a judgement of the model goes along, so that its card has scores."""
    from visavis.models.results import result_of

    return model.origin is not None and result_of(model.origin, model.description.images) is not None
