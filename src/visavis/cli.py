"""The command line.  Each command imports what it needs when it runs, so ``visavis --help`` imports no torch.

Results go to stdout (JSON with ``--json``), progress and errors to stderr.  Exit status: 0, or 2 with one line for
a user's mistake, 130 when interrupted, 1 when training diverged or another process died.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from visavis import __version__
from visavis.errors import UserError, unknown

FIELDS = "any field of the recipe can be set, as in --networks.D.head concat or --objective.r1 0.5"


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the complaint and exit with 2."""
        raise UserError(f"{message}; see: {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``visavis``; exits with the status."""
    sys.exit(_guarded(list(sys.argv[1:] if arguments is None else arguments)))


def _guarded(arguments: list[str]) -> int:
    try:
        return run_command(arguments)
    except UserError as error:
        print(f"visavis: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("visavis: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except RuntimeError as error:
        line = _explain(error)
        if line is None:
            raise
        print(f"visavis: {line}", file=sys.stderr)
        return 1


def _explain(error: RuntimeError) -> str | None:
    """One line for failures that are no bug of ours: divergence, and the death of another process."""
    from visavis import parallel
    from visavis.train import Diverged

    if isinstance(error, Diverged):
        return (
            f"training diverged: {error}; the last good checkpoint is kept; "
            "lower the rate (--lr) or raise --objective.r1 and r2, and give another --out"
        )
    if parallel.launched() and re.search(r"gloo|nccl|peer|connection|timed? ?out", str(error), re.IGNORECASE):
        return f"another process is gone ({str(error).splitlines()[0][:120]}); run the same command again to resume"
    return None


def run_command(arguments: list[str]) -> int:
    """Parse and run one command."""
    parser = _parser()
    known, rest = parser.parse_known_args(arguments)
    if known.command is None:
        parser.print_help()
        return 0
    if known.command != "train" and rest:
        raise UserError(f"unknown argument '{rest[0]}'; see: visavis {known.command} --help")
    if known.command == "train":
        known.changes = _changes(rest)
    known.run_it(known)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="visavis", description="Train, judge and deploy image generators.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"visavis {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def command(name: str, run_it: Callable[[argparse.Namespace], None], about: str, epilog: str = "") -> Parser:
        added: Parser = commands.add_parser(
            name, help=about, description=about, epilog=epilog, allow_abbrev=False
        )
        added.set_defaults(run_it=run_it)
        added.add_argument("--json", action="store_true", help="print the result as JSON")
        return added

    command("recipes", _recipes, "list the recipes: data, size, measured scores")
    _train_arguments(command("train", _train, "train a recipe, or go on where it stopped", epilog=FIELDS))

    sample = command("sample", _sample, "make images with a trained run")
    sample.add_argument("run", type=Path, help="a run's folder, or one of its snapshots")
    sample.add_argument("-n", type=_positive, default=None, help="how many (default 16)")
    sample.add_argument("--label", help="a class, where the run is conditional")
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument("--seeds", help="the first image of each seed from a to b, as in 0-15")
    sample.add_argument("--out", type=Path, default=Path("samples.png"), help="grid.png, a folder, x.npz, x.parquet")
    sample.add_argument("--device", default="auto")

    walk = command("interpolate", _interpolate, "walk between latents of a trained run")
    walk.add_argument("run", type=Path)
    walk.add_argument("--rows", type=_positive, default=4)
    walk.add_argument("--steps", type=_positive, default=8)
    walk.add_argument("--label")
    walk.add_argument("--seed", type=int, default=0)
    walk.add_argument("--linear", action="store_true", help="straight lines instead of great circles")
    walk.add_argument("--out", type=Path, default=Path("interpolation.png"))
    walk.add_argument("--device", default="auto")

    compare = command("compare", _compare, "ask a run's critic about two images")
    compare.add_argument("run", type=Path)
    compare.add_argument("a", type=Path)
    compare.add_argument("b", type=Path)
    compare.add_argument("--label", help="the images' class, where the run is conditional")
    compare.add_argument("--device", default="auto")

    bench = command("bench", _bench, "time the project against what it replaces, on this machine")
    bench.add_argument("name", help="pair-step")
    bench.add_argument("--seconds", type=_seconds, default=60.0, help="about how long (default 60s)")
    bench.add_argument("--batch-size", type=_positive, default=128)
    bench.add_argument("--device", default="auto")
    return parser


def _train_arguments(train: Parser) -> None:
    train.add_argument("recipe", nargs="?", help="a name from: visavis recipes (default stacked-digits)")
    train.add_argument("--data", help="digits, stacked-digits, a folder, a parquet folder, an .npz, or owner/name on the hub")
    train.add_argument("--classes", help="keep these classes, as in cat,dog")
    train.add_argument("--resolution", help="resize to this many pixels")
    train.add_argument("--out", type=Path, help="the run's folder (default runs/RECIPE)")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--images", type=_positive, help="train until this many images are seen")
    length.add_argument("--epochs", type=_positive, help="the same in passes over the data")
    length.add_argument("--time", type=_seconds, help="train for this long, as in 90s, 10m, 1h30m")
    train.add_argument("--batch-size", help="images per step, over all processes")
    train.add_argument("--lr", help="learning rate of all networks")
    train.add_argument("--seed")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    train.add_argument("--skip-broken", action="store_true", help="leave out images that do not decode")
    train.add_argument("--checkpoint-every", type=_positive, help="images between checkpoints (default: half a minute)")
    train.add_argument("--init", type=Path, help="start from another run's weights")
    train.add_argument("--fresh", action="store_true", help="start over, forgetting what stands in the run's folder")
    train.add_argument("--dry-run", action="store_true", help="sizes and speed of a few steps; nothing is written")


def _positive(text: str) -> int:
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
    return number


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text)
    hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found and text else (0.0, 0.0, 0.0)
    total = hours * 3600 + minutes * 60 + seconds
    if total <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no length of time (allowed: 90s, 10m, 1h30m)")
    return total


def _changes(rest: list[str]) -> dict[str, str]:
    """``--a.b value`` and ``--a.b=value`` as ``{"a.b": "value"}``."""
    changes: dict[str, str] = {}
    words = iter(rest)
    for word in words:
        if not word.startswith("--"):
            raise UserError(f"unexpected '{word}'; a field is set by --name value; {FIELDS}")
        name, equals, value = word[2:].partition("=")
        if not equals:
            following = next(words, None)
            if following is None:
                raise UserError(f"'{word}' needs a value; {FIELDS}")
            value = following
        changes[name.replace("-", "_")] = value
    return changes


def _recipes(given: argparse.Namespace) -> None:
    from visavis.recipes.table import describe_all

    rows = describe_all()
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        sizes = ", ".join(f"{name} {count:,}" for name, count in row["parameters"].items())
        print(f"{row['name']}\n    {row['about']}\n    data {row['data']}, {row['resolution']} px; parameters {sizes}")
        for score in row["scores"]:
            print(f"    measured: {score['text']}")


def _train(given: argparse.Namespace) -> None:
    from visavis.api import prepare

    shortcuts = {
        "data.source": given.data,
        "data.classes": given.classes,
        "data.resolution": given.resolution,
        "batch_size": given.batch_size,
        "seed": given.seed,
        "data.skip_broken": "true" if given.skip_broken else None,
    }
    changes = {path: value for path, value in shortcuts.items() if value is not None} | given.changes
    recipe = prepare(given.recipe, changes, lr=given.lr)
    if given.dry_run:
        from visavis.dryrun import dry_run

        _print(given, dry_run(recipe, given.device, given.images))
        return
    from visavis.run import Options, run

    images = given.images if given.epochs is None else _epoch_images(recipe, given.epochs)
    options = Options(
        out=given.out or Path("runs") / recipe.name,
        images=images,
        seconds=given.time,
        device=given.device,
        fresh=given.fresh,
        init=given.init,
        checkpoint_every=given.checkpoint_every,
        quiet=given.json and not sys.stderr.isatty(),
    )
    result = run(recipe, options)
    from visavis import parallel

    if parallel.leads():
        _print(given, result)


def _epoch_images(recipe: Any, epochs: int) -> int:
    from visavis.data import load_images

    return epochs * len(load_images(recipe.data))


def _print(given: argparse.Namespace, result: dict[str, Any]) -> None:
    if given.json:
        print(json.dumps(result, indent=2))
        return
    width = max(map(len, result), default=0)
    for name, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items()) or "none"
        print(f"{name:<{width}}  {value}")


def _sample(given: argparse.Namespace) -> None:
    import numpy as np

    from visavis.data.write import write_images
    from visavis.generate import load
    from visavis.report.grids import save_grid

    model = load(given.run, _device(given))
    if given.seeds is not None:
        if given.n is not None:
            raise UserError("-n and --seeds exclude each other; --seeds a-b makes one image a seed")
        found = re.fullmatch(r"(\d+)-(\d+)", given.seeds)
        if not found or int(found[1]) > int(found[2]):
            raise UserError(f"--seeds '{given.seeds}' is no range (allowed: a-b with a up to b, as in 0-15)")
        pixels = model.seeds(range(int(found[1]), int(found[2]) + 1), given.label)
    else:
        pixels = model.pixels(given.n or 16, given.label, given.seed)
    if given.out.suffix.lower() in (".png", ".webp"):
        save_grid(given.out, pixels)
    else:
        labels = model.labels(0, len(pixels), given.label)
        write_images(given.out, pixels, None if labels is None else labels.numpy().astype(np.int64), model.classes)
    _print(given, {"out": str(given.out), "images": len(pixels), "resolution": int(pixels.shape[1])})


def _interpolate(given: argparse.Namespace) -> None:
    from visavis.generate import load
    from visavis.report.grids import save_grid

    model = load(given.run, _device(given))
    pixels = model.interpolate(given.rows, given.steps, given.label, given.seed, given.linear)
    save_grid(given.out, pixels, columns=given.steps)
    _print(given, {"out": str(given.out), "rows": given.rows, "steps": given.steps})


def _compare(given: argparse.Namespace) -> None:
    from visavis.generate import load

    found = load(given.run, _device(given)).compare(given.a, given.b, given.label)
    if given.json:
        _print(given, {found.kind: found.value})
    elif found.kind == "margin":
        more = given.a if found.value > 0 else given.b
        print(f"margin {found.value:+.4f}: {'equal' if found.value == 0 else f'{more} looks more real'}")
    else:
        print(f"similarity {found.value:.4f} (higher is more alike; only comparable within this run)")


def _bench(given: argparse.Namespace) -> None:
    from visavis.bench import BENCHES

    if given.name not in BENCHES:
        raise unknown("bench", given.name, BENCHES)
    _print(given, BENCHES[given.name](given.batch_size, given.seconds, _device(given)))


def _device(given: argparse.Namespace) -> str:
    from visavis.devices import pick_device

    return str(pick_device(given.device))
