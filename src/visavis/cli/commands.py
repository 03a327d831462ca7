"""What each command does with its arguments.  A command imports what it needs when it runs."""

import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from visavis.cli.output import print_json, show
from visavis.errors import UserError, unknown

FIELDS = "any field of the recipe can be set, as in --networks.D.head concat or --objective.r1 0.5"


def leads() -> bool:
    """Whether this process prints results: before the group is joined, while it lasts, and after."""
    return os.environ.get("RANK", "0") == "0"


def _check_fields(fields: Mapping[str, str | None], train: Sequence[str]) -> dict[str, str]:
    """The fields, none a misspelt option or without value; the recipe checks what is below its fields."""
    from visavis.recipes.recipe import Recipe

    for path in fields:
        if path.split(".")[0] not in Recipe.model_fields:
            head, dot, rest = path.replace("_", "-").partition(".")
            fields_too = [f"--{name.replace('_', '-')}" for name in Recipe.model_fields]
            raise unknown(
                "option or field",
                f"--{head}{dot}{rest}",
                [name + dot + rest for name in fields_too] if dot else dict.fromkeys([*train, *fields_too]),
            )
    for path, value in fields.items():
        if value is None:
            raise UserError(f"'--{path}' needs a value; {FIELDS}")
    return {path: value for path, value in fields.items() if value is not None}


def recipes(given: Namespace) -> None:
    """Every recipe: its data, size, measured scores."""
    from visavis.recipes.table import describe_all

    rows = describe_all()
    if given.json:
        print_json(rows, indent=2)
        return
    for row in rows:
        sizes = ", ".join(f"{name} {count:,}" for name, count in row["parameters"].items())
        print(f"{row['name']}\n    {row['about']}")
        print(f"    data {row['data']}, {row['resolution']} px; parameters {sizes}")
        for score in row["scores"]:
            print(f"    measured: {score['text']}")


def train(given: Namespace) -> None:
    """Train a recipe, or go on where it stopped."""
    from visavis.api import prepare
    from visavis.report.ending import ending
    from visavis.runs.folder import standing_recipe
    from visavis.runs.run import run
    from visavis.runs.session import Options

    fields = _check_fields(given.changes, given.options)
    shortcuts = {
        "data.source": given.data,
        "data.classes": given.classes,
        "data.resolution": given.resolution,
        "plan.size": given.size,
        "batch_size": given.batch_size,
        "seed": given.seed,
        "data.skip_broken": "true" if given.skip_broken else None,
    }
    changes = {path: value for path, value in shortcuts.items() if value is not None} | fields
    standing = None if given.out is None or given.recipe else standing_recipe(given.out)
    recipe = prepare(standing or given.recipe, changes, lr=given.lr)
    options = Options(
        out=given.out or Path("runs") / recipe.name,
        images=given.images,
        epochs=given.epochs,
        seconds=given.time,
        device=given.device,
        fresh=given.fresh,
        init=given.init,
        init_networks=tuple(name for name in given.init_networks.split(",") if name),
        init_fitting=given.init_fitting,
        checkpoint_every=given.checkpoint_every,
        quiet=given.json and not sys.stderr.isatty(),
        logger=given.logger,
        threads=given.threads,
        change=given.change,
    )
    if given.dry_run:
        from visavis.runs.dryrun import dry_run

        result = dry_run(recipe, options)
    else:
        result = run(recipe, options)
        if recipe.judged:
            _judge_unjudged(given, [options.out])
        if (given.report or recipe.judged) and leads():
            result |= {"report": _page([options.out])["out"]}
    if leads():
        show(given, result if given.json else {k: v for k, v in result.items() if k != "guard"})
        if not given.json and not given.dry_run:
            print(*ending(result, recipe.task, recipe.conditional), sep="\n")


def _page(folders: Sequence[Path]) -> dict[str, Any]:
    """Write the page of runs where their pages stand."""
    from visavis.report.runfiles import open_runs
    from visavis.report.write import place, write
    from visavis.runs.watch import declines

    return write(folders, place(open_runs(folders), None, None, force=False), diagnose=declines)


def report(given: Namespace) -> None:
    """Show runs on one page; while they train, again and again."""
    import time

    from visavis.report.runfiles import open_runs
    from visavis.report.write import place, write
    from visavis.runs.folder import in_training
    from visavis.runs.watch import declines

    runs = open_runs(given.runs)
    where = place(runs, given.out, given.files, given.force)
    if given.evaluate:
        _judge_unjudged(given, [run.folder for run in runs if run.result is None])
    training = given.watch and any(in_training(run.folder) for run in runs)
    while training:
        write(given.runs, where, axis=given.axis, diagnose=declines, reload_seconds=given.every)
        time.sleep(given.every)
        training = any(in_training(run.folder) for run in runs)
    show(given, write(given.runs, where, axis=given.axis, diagnose=declines))


def _judge_unjudged(given: Namespace, folders: Sequence[Path]) -> None:
    """Judge runs into their own folders, as ``visavis evaluate RUN --out … --gallery …`` would."""
    from visavis.api import evaluate as judge
    from visavis.judge.by_task import task_of
    from visavis.models.results import EVALUATION
    from visavis.report.runfiles import GALLERY

    for folder in folders:
        gallery = None if task_of(folder) == "translate" else folder / GALLERY
        judge(folder, out=folder / EVALUATION, gallery=gallery, device=_device(given))


def sample(given: Namespace) -> None:
    """Make images with a run."""
    from visavis.data.write import check_path, write_images
    from visavis.models.load import load
    from visavis.report.grids import save_grid
    from visavis.training.devices import pick_device
    from visavis.training.parallel import together

    sheet = given.out.suffix.lower() == ".png"
    if not sheet:
        check_path(given.out)
    seeds = None if given.seeds is None else _seeds(given)
    with together(pick_device(given.device)) as device:
        model = load(given.run, str(device))
        if seeds is not None:
            pixels = model.seeds(seeds, given.label, given.truncation)
            labels = model.labels_of_seeds(len(seeds), given.label)
        else:
            n = given.n or 16
            pixels = model.pixels(n, given.label, given.seed, given.truncation)
            labels = model.labels(0, n, given.label)
    if not leads():
        return
    if sheet:
        save_grid(given.out, pixels)
    else:
        write_images(given.out, pixels, None if labels is None else labels.numpy(), model.classes)
    show(given, {"out": str(given.out), "images": len(pixels), "resolution": int(pixels.shape[1])})


def _seeds(given: Namespace) -> range:
    """The seeds from a to b."""
    if given.n is not None:
        raise UserError("-n and --seeds exclude each other; --seeds a-b makes one image a seed")
    found = re.fullmatch(r"(\d+)-(\d+)", given.seeds)
    if not found or int(found[1]) > int(found[2]):
        raise UserError(f"--seeds '{given.seeds}' is no range (allowed: a-b with a up to b, as in 0-15)")
    return range(int(found[1]), int(found[2]) + 1)


def interpolate(given: Namespace) -> None:
    """Walk between latents or classes of a run, between two pictures, or along the latents of one."""
    from visavis.models.load import load
    from visavis.report.grids import save_grid

    if given.out.suffix.lower() != ".png":
        raise UserError(f"--out '{given.out}' is no sheet of images (allowed: a name that ends in .png)")
    of_pictures = "--between" if given.between else "--traverse" if given.traverse else None
    if of_pictures and given.seed is not None:
        raise UserError(f"--seed is for random latents, and {of_pictures} has a picture's; leave --seed out")
    if given.traverse and given.linear:
        raise UserError("--linear is for walks between two ends, and --traverse has none; leave --linear out")
    if given.latents and not given.traverse:
        raise UserError("--latents says what --traverse PICTURE moves; give --traverse too, or leave it out")
    model = load(given.run, _device(given))
    classes = _two_classes(given, model.classes)
    if given.between:
        a, b = given.between
        pixels = model.between(a, b, given.steps, given.label, given.linear)
    elif given.traverse:
        latents = given.latents or model.telling_latents(given.traverse)
        pixels = model.traverse(given.traverse, given.steps, given.label, latents)
    elif classes:
        pixels = model.morph(*classes, given.rows, given.steps, given.seed or 0)
    else:
        pixels = model.interpolate(given.rows, given.steps, given.label, given.seed or 0, given.linear)
    save_grid(given.out, pixels, columns=given.steps)
    found = {"out": str(given.out), "rows": len(pixels) // given.steps, "steps": given.steps}
    show(given, found | ({"latents": latents} if given.traverse else {}))


def _two_classes(given: Namespace, known: Sequence[str]) -> list[str] | None:
    """Both names of ``--label 3,5``; None where it is one."""
    if given.label is None or "," not in given.label or given.label in known:
        return None
    names: list[str] = given.label.split(",")
    if len(names) != 2:
        raise UserError(f"--label '{given.label}' names {len(names)} classes (allowed: one, or two: from,to)")
    for option in ("between", "traverse", "linear"):
        if getattr(given, option):
            raise UserError(f"--{option} and two classes are two kinds of walks; leave one of them out")
    return names


def compare(given: Namespace) -> None:
    """Ask a run's critic about two images."""
    from visavis.models.load import load

    found = load(given.run, _device(given)).compare(given.a, given.b, given.label)
    if given.json:
        show(given, {found.kind: found.value})
    elif found.kind == "margin":
        more = given.a if found.value > 0 else given.b
        print(f"margin {found.value:+.4f}: {'equal' if found.value == 0 else f'{more} looks more real'}")
    else:
        print(f"similarity {found.value:.4f} (higher is more alike; only comparable within this run)")


def translate(given: Namespace) -> int:
    """Turn pictures into others; 1 if some could not be read."""
    from visavis.files import finishing
    from visavis.models.load import load
    from visavis.models.translate import BATCH, Translator
    from visavis.models.translate.folder import check_writable, plan, translate_files
    from visavis.report.progress import TrainingProgress

    jobs = plan(given.images, given.out, given.force)
    translator = Translator(load(given.run, _device(given)), given.direction, given.fit, given.original_size)
    check_writable(given.out)
    names = [str(job.target.relative_to(given.out)) for job in jobs]
    with (
        finishing(given.out, names),
        TrainingProgress(len(jobs), quiet=given.json and not sys.stderr.isatty()) as progress,
    ):
        done = translate_files(
            translator, jobs, given.batch_size or BATCH, lambda images: progress.update(images, {})
        )
        seconds = progress.seconds
    for note in done.notes:
        print(f"visavis: {note}", file=sys.stderr)
    for path, why in done.broken:
        print(f"visavis: cannot read '{path}': {why}; the others are done", file=sys.stderr)
    result = {
        "out": str(given.out),
        "images": done.written,
        "broken": [str(path) for path, _ in done.broken],
        "seconds": round(seconds, 3),
        "images_per_second": round(done.written / max(seconds, 1e-9), 2),
    }
    if given.json:
        show(given, result)
    else:
        show(given, result | {"broken": len(done.broken)})
    return 1 if done.broken else 0


def evaluate(given: Namespace) -> None:
    """Judge a run or images."""
    from visavis.api import evaluate as judge
    from visavis.report.verdict import verdict

    names = ("reference", "features", "n", "weights", "resize", "raw", "seed", "split", "held_out")
    more = (
        "range",
        "resolution",
        "skip_broken",
        "infinity",
        "per_class",
        "against",
        "targets",
        "gallery",
        "out",
        "device",
    )
    result = judge(
        given.images,
        classes=tuple(name for name in (given.classes or "").split(",") if name),
        progress=leads() and sys.stderr.isatty(),
        **{name: getattr(given, name) for name in (*names, *more)},
    )
    if not leads():
        return
    if given.json:
        print_json(result, indent=2)
    else:
        print(verdict(result))


def statistics(given: Namespace) -> None:
    """Write the moments of a set's features."""
    from visavis.api import statistics as measure

    names = ("features", "split", "weights", "resize", "resolution", "skip_broken", "range", "device")
    result = measure(
        given.images,
        given.out,
        classes=tuple(name for name in (given.classes or "").split(",") if name),
        progress=leads() and sys.stderr.isatty(),
        **{name: getattr(given, name) for name in names},
    )
    if leads():
        show(given, result)


def cache(given: Namespace) -> None:
    """What is kept of decoded images, features and weights, and how to be rid of it."""
    import shutil

    from visavis.data.cache import root

    folder = root()
    files = [] if folder is None else [file for file in folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    if given.clear and folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    told = {"folder": str(folder), "files": len(files), "bytes": size, "cleared": given.clear}
    show(given, told)


def selftest(given: Namespace) -> int:
    """Print each oracle's expected and measured value; 1 if any is off by more than its tolerance."""
    from visavis.judge.selftest import selftest as checks

    rows = checks()
    if given.json:
        print_json(rows, indent=2)
    else:
        for row in rows:
            verdict = "ok " if row["ok"] else "OFF"
            numbers = f"expected {row['expected']:.5g}, measured {row['measured']:.5g}"
            print(f"{verdict} {row['name']}: {numbers} (± {row['tolerance']:.2g})")
    return 0 if all(row["ok"] for row in rows) else 1


def bench(given: Namespace) -> None:
    """Time the project against what it replaces, or its recipes against each other."""
    if given.name not in BENCHES:
        raise unknown("bench", given.name, BENCHES)
    BENCHES[given.name](given)


def _pair_step(given: Namespace) -> None:
    from visavis.bench.pair_step import time_pair_step

    show(given, time_pair_step(given.batch_size, given.seconds, _device(given)))


def _ladder(given: Namespace) -> None:
    from visavis.bench.ladder import Ladder, climb, in_words

    names = tuple(name for name in (given.recipes or "").split(",") if name)
    asked = Ladder(
        names,
        given.on,
        given.seconds,
        tuple(given.seeds),
        device=_device(given),
        **_given(given, "out", "looks"),
    )
    found = climb(asked)
    if given.json:
        print_json(found, indent=2)
    else:
        print(in_words(found))


def _equilibrium(given: Namespace) -> None:
    from visavis.bench.equilibrium import Equilibrium, in_words, measure

    names = tuple(name.strip() for name in (given.games or "").split(";") if name.strip())
    asked = Equilibrium(names, tuple(given.penalties), tuple(given.seeds), **_given(given, "out", "images"))
    found = measure(asked)
    if given.json:
        print_json(found, indent=2)
    else:
        print(in_words(found))


def _narrow(given: Namespace) -> None:
    from visavis.bench.narrow import WIDTHS, Narrow, in_words, measure

    widths = tuple(given.widths or WIDTHS)
    found = measure(Narrow(widths=widths, seeds=tuple(given.seeds), **_given(given, "out", "images")))
    if given.json:
        print_json(found, indent=2)
    else:
        print(in_words(found))


def _given(given: Namespace, *names: str) -> dict[str, Any]:
    """The options that were given; the others are the bench's own."""
    return {name: getattr(given, name) for name in names if getattr(given, name) is not None}


BENCHES: dict[str, Callable[[Namespace], None]] = {
    "pair-step": _pair_step,
    "ladder": _ladder,
    "equilibrium": _equilibrium,
    "narrow": _narrow,
}


def _device(given: Namespace) -> str:
    from visavis.training.devices import pick_device

    return str(pick_device(given.device))
