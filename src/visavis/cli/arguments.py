"""What the command line takes: the commands, their options, and what a recipe's fields are."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from visavis import __version__
from visavis.cli import commands, deploy
from visavis.errors import UserError


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint."""
        raise UserError(f"{message}; see: {self.prog} --help")

    def option_names(self) -> list[str]:
        """All options, as ``--out``."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]


def make_parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser, and those of the commands."""
    parser = Parser(
        prog="visavis", description="Train, judge and deploy image generators.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"visavis {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    added: dict[str, Parser] = {}

    def command(
        name: str, run_it: Callable[[argparse.Namespace], int | None], about: str, epilog: str = ""
    ) -> Parser:
        made: Parser = subparsers.add_parser(
            name, help=about, description=about, epilog=epilog, allow_abbrev=False
        )
        made.set_defaults(run_it=run_it)
        made.add_argument("--json", action="store_true", help="print the result as JSON")
        added[name] = made
        return made

    command("recipes", commands.recipes, "list the recipes: data, size, measured scores")
    _train_arguments(
        command("train", commands.train, "train a recipe, or go on where it stopped", epilog=commands.FIELDS)
    )

    sample = command("sample", commands.sample, "make images with a trained run")
    sample.add_argument("run", type=Path, help="a run's folder, or one of its snapshots")
    sample.add_argument("-n", type=_positive, default=None, help="how many (default 16)")
    sample.add_argument("--label", help="a class, where the run is conditional")
    sample.add_argument("--seed", type=_whole, default=0)
    sample.add_argument(
        "--truncation", type=float, metavar="PSI", help="draw w to its mean, to this part of its distance"
    )
    sample.add_argument("--seeds", help="the first image of each seed from a to b, as in 0-15")
    sample.add_argument(
        "--out", type=Path, default=Path("samples.png"), help="grid.png, a folder, x.npz, x.parquet"
    )
    sample.add_argument("--device", default="auto")

    walk = command("interpolate", commands.interpolate, "walk through the latents of a trained run")
    walk.add_argument("run", type=Path)
    way = walk.add_mutually_exclusive_group()
    way.add_argument("--rows", type=_positive, default=4, help="walks between random latents (default 4)")
    way.add_argument(
        "--between", type=Path, nargs=2, metavar="PICTURE", help="from one picture to another (autoencoders)"
    )
    way.add_argument(
        "--traverse", type=Path, metavar="PICTURE", help="move a picture's latents one by one (autoencoders)"
    )
    walk.add_argument("--latents", type=_wholes, help="which to move, as in 3,12 (default: the most telling)")
    walk.add_argument("--steps", type=_positive, default=8)
    walk.add_argument("--label", help="a class, or two, as in 3,5: from one to the other, the latents kept")
    walk.add_argument("--seed", type=_whole, help="of the random latents (default 0)")
    walk.add_argument("--linear", action="store_true", help="straight lines instead of great circles")
    walk.add_argument("--out", type=Path, default=Path("interpolation.png"))
    walk.add_argument("--device", default="auto")

    compare = command("compare", commands.compare, "ask a run's critic about two images")
    compare.add_argument("run", type=Path)
    compare.add_argument("a", type=Path)
    compare.add_argument("b", type=Path)
    compare.add_argument("--label", help="the images' class, where the run is conditional")
    compare.add_argument("--device", default="auto")

    turn = command("translate", commands.translate, "turn pictures into others with a run that learned to")
    turn.add_argument("run", type=Path, help="a run's folder, or one of its snapshots")
    turn.add_argument("images", type=Path, nargs="+", help="pictures and folders of pictures, of any sizes")
    turn.add_argument("--out", type=Path, required=True, help="folder for the PNGs, which keep their names")
    turn.add_argument("--direction", help="a-to-b (the default) or b-to-a, where the run learned both")
    fit = turn.add_mutually_exclusive_group()
    for name, about in (
        ("tile", "cut what is larger than the training images into overlapping tiles, at its own scale"),
        ("whole", "run the network on the whole picture"),
        ("resize", "resize the short side to that of the training images"),
    ):
        fit.add_argument(f"--{name}", dest="fit", action="store_const", const=name, help=about)
    turn.add_argument("--original-size", action="store_true", help="after --resize, resize the result back")
    turn.add_argument("--batch-size", type=_positive, default=None, help="tiles at a time (default 8)")
    turn.add_argument("--force", action="store_true", help="replace files that exist")
    turn.add_argument("--device", default="auto")

    _evaluate_arguments(command("evaluate", commands.evaluate, "judge a run, or images from anywhere"))

    _statistics_arguments(
        command(
            "statistics", commands.statistics, "write the features' mean and covariance, to be a reference"
        )
    )

    _report_arguments(command("report", commands.report, "one page of one run, or of several side by side"))
    deploy.export_arguments(
        command(
            "export", deploy.export, "write a run as a folder of the hub, as ONNX, as a page in the browser"
        )
    )

    deploy.demo_arguments(command("demo", deploy.demo, "open a run's page in this machine's browser"))
    deploy.serve_arguments(command("serve", deploy.serve, "serve runs over HTTP"))
    deploy.verify_arguments(
        command("verify", deploy.verify, "measure again what a model's card claims; 1 if it lies outside")
    )

    kept = command("cache", commands.cache, "what is kept of images and features, to be fast the second time")
    kept.add_argument("--clear", action="store_true", help="remove it; VISAVIS_CACHE says where it stands")

    command("selftest", commands.selftest, "check the metrics against answers that are known")

    bench = command("bench", commands.bench, "time the project against what it replaces, on this machine")
    bench.add_argument(
        "name",
        help="pair-step; ladder: recipes at one budget of seconds each; equilibrium: which critic drives a "
        "generator away from the data; narrow: critics of few units, by game",
    )
    bench.add_argument("--seconds", type=_seconds, default=60.0, help="about how long (default 60s)")
    bench.add_argument("--batch-size", type=_positive, default=128, help="of pair-step")
    bench.add_argument("--recipes", help="of the ladder, as in mnist,stacked-mnist (default: all that fit)")
    bench.add_argument("--on", default="stacked-mnist", help="its set: stacked-mnist, stacked-digits, mnist")
    bench.add_argument("--looks", type=_positive, help="how often a line's modes are counted (default 6)")
    bench.add_argument("--seeds", type=_wholes, default=[0], help="its seeds, as in 0,1,2 (default 0)")
    bench.add_argument("--images", type=_positive, help="of a line of equilibrium or narrow")
    bench.add_argument(
        "--penalties", type=_numbers, default=[0.0], help="of equilibrium: R1 = R2, as in 0,0.5 (default 0)"
    )
    bench.add_argument(
        "--games", help="of equilibrium, as in 'single; distance, linear' (default: all that it has)"
    )
    bench.add_argument("--widths", type=_wholes, help="of narrow's critics (default 4,8,16,32,64)")
    bench.add_argument("--out", type=Path, help="the file that its lines are added to (results/NAME.json)")
    bench.add_argument("--device", default="auto")
    return parser, added


def _train_arguments(train: Parser) -> None:
    train.add_argument("recipe", nargs="?", help="a name from: visavis recipes (default mnist)")
    train.add_argument(
        "--data", help="mnist-10k, digits, a folder, a parquet folder, an .npz, or owner/name on the hub"
    )
    train.add_argument("--classes", help="keep these classes, as in cat,dog")
    train.add_argument("--resolution", help="resize to this many pixels")
    train.add_argument("--size", help="of images, your own pictures: tiny, small (default), medium, large")
    train.add_argument("--out", type=Path, help="the run's folder (default runs/RECIPE)")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--images", type=_positive, help="train until this many images are seen")
    length.add_argument("--epochs", type=_positive, help="the same in passes over the data")
    length.add_argument("--time", type=_seconds, help="train for this long, as in 90s, 10m, 1h30m")
    train.add_argument("--batch-size", help="images per step, over all processes")
    train.add_argument("--lr", help="learning rate of all networks")
    train.add_argument("--seed")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    train.add_argument("--threads", type=_positive, help="of the CPU (default: the fastest, measured)")
    train.add_argument("--skip-broken", action="store_true", help="leave out images that do not decode")
    train.add_argument(
        "--checkpoint-every", type=_positive, help="images between checkpoints (default: half a minute)"
    )
    train.add_argument(
        "--change",
        action="store_true",
        help="go on with the run that stands there though rates, batch, average or the game's weights differ",
    )
    train.add_argument("--init", type=Path, help="start from another run's weights")
    train.add_argument("--init-networks", default="", help="of these networks only, as in G or G,D")
    train.add_argument(
        "--init-fitting", action="store_true", help="of --init only what fits: other sizes, classes, networks"
    )
    train.add_argument(
        "--fresh", action="store_true", help="start over, forgetting what stands in the run's folder"
    )
    train.add_argument("--logger", help="send the log elsewhere too: trackio or wandb")
    train.add_argument(
        "--report", action="store_true", help="write the run's page, report.html, when training ends"
    )
    train.add_argument(
        "--dry-run", action="store_true", help="sizes and speed of a few steps; nothing is written"
    )


def _report_arguments(report: Parser) -> None:
    report.add_argument("runs", type=Path, nargs="+", metavar="run", help="folders that visavis train wrote")
    report.add_argument(
        "--out", type=Path, help="the page (default: the run's report.html; of several runs ./report.html)"
    )
    report.add_argument("--files", type=Path, help="folder for tables as CSV and LaTeX, figures as SVG")
    report.add_argument("--axis", choices=("images", "seconds"), default="images", help="of the curves")
    report.add_argument("--evaluate", action="store_true", help="judge first what is not judged yet")
    report.add_argument("--watch", action="store_true", help="write it again and again while a run trains")
    report.add_argument("--every", type=_seconds, default=10.0, help="between two pages (default 10s)")
    report.add_argument("--force", action="store_true", help="replace what exists")
    report.add_argument("--device", default="auto")


def _evaluate_arguments(judge: Parser) -> None:
    judge.add_argument(
        "images", help="a run, a snapshot, a folder of images, .npz, parquet; a stored result with --against"
    )
    judge.add_argument(
        "--reference",
        help="real images, named as --data names them, or statistics (default: what the run was trained on)",
    )
    judge.add_argument("--split", help="the reference's part (default train, or the run's)")
    judge.add_argument(
        "--held-out",
        default="auto",
        help="what gives the nulls: a split, another folder or set, auto (test, …), none",
    )
    judge.add_argument("--classes", help="these classes only, as in cat,dog")
    _features_arguments(judge)
    judge.add_argument("-n", type=_positive, default=None, help="how many images (default: as are held out)")
    judge.add_argument("--raw", action="store_true", help="a run's own weights instead of their average")
    judge.add_argument("--seed", type=_whole, default=0)
    judge.add_argument("--against", help="other images, another run or a stored result: which is better?")
    judge.add_argument(
        "--targets", help="a folder of right answers, by file name: L1, MSE, PSNR, SSIM of each pair"
    )
    judge.add_argument("--infinity", action="store_true", help="extrapolate to infinitely many images too")
    judge.add_argument("--per-class", action="store_true", help="insist on figures of each class")
    judge.add_argument("--gallery", type=Path, help="folder for sheets of nearest and closest images")
    judge.add_argument("--out", type=Path, help="write the result, with its record, to this .json")
    judge.add_argument("--device", default="auto")


def _statistics_arguments(measure: Parser) -> None:
    measure.add_argument("images", help="real images, named as --data names them")
    measure.add_argument(
        "--out", type=Path, required=True, help="an .npz of mu and sigma, as pytorch-fid has"
    )
    measure.add_argument("--split", default="train", help="the part that is measured (default train)")
    measure.add_argument("--classes", help="these classes only, as in cat,dog")
    _features_arguments(measure)
    measure.add_argument("--device", default="auto")


def _features_arguments(judge: Parser) -> None:
    """What says how images are read and which features see them."""
    judge.add_argument(
        "--features",
        help="digitsr, mnistr, cifar10r, cifar10s, inception, module:path (by size); several: a,b",
    )
    judge.add_argument("--weights", type=Path, help="the features' weights, as inception needs")
    judge.add_argument("--resize", help="the rule that fits images to the features, by name")
    judge.add_argument("--resolution", type=_positive, help="resize the images to this many pixels")
    judge.add_argument("--skip-broken", action="store_true", help="leave out images that do not decode")
    judge.add_argument(
        "--range", default="auto", help="black and white in float arrays: unit (0, 1), signed (-1, 1), byte"
    )


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 (allowed: 0, 1, 2, …)")
    return number


def _wholes(text: str) -> list[int]:
    return [_whole(part.strip()) for part in text.split(",")]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' are no numbers (allowed: as in 0,0.5)") from None


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0 (allowed: 1, 2, 3, …)")
    return number


def _seconds(text: str) -> float:
    number = r"(\d+(?:\.\d+)?)"
    found = re.fullmatch(f"{number}|(?:{number}h)?(?:{number}m)?(?:{number}s)?", text)
    plain, hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (0.0,) * 4
    total = plain + hours * 3600 + minutes * 60 + seconds
    if total <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no length of time (allowed: 90s, 10m, 1h30m)")
    return total


def take_fields(arguments: Sequence[str], train: Parser) -> tuple[list[str], dict[str, str | None]]:
    """Part what argparse knows from the recipe's fields: ``--a.b value`` as ``{"a.b": "value"}``.

    argparse would take a field's value for the recipe's name.  None where no value follows: the name may be
    a misspelt switch, which those who know the recipe's fields can tell.
    """
    known = train.option_names()
    kept: list[str] = []
    fields: dict[str, str | None] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("--") or name in known:
            kept.append(word)
            continue
        given: str | None = value
        if not equals:
            given = words.pop(0) if words and not words[0].startswith("--") else None
        fields[name[2:].replace("-", "_")] = given
    return kept, fields
