"""A run on disk: start it, resume it, log it, keep it safe, finish it.

``runs/NAME/`` holds recipe.json, stats.jsonl, metrics.csv, metrics.jsonl, real.png, samples/, snapshots/, curves.png,
tensorboard/, checkpoint.safetensors and the one before.  Process 0 writes; all processes compute.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import nn

import visavis
from visavis import files, parallel, snapshot
from visavis.core import Shape, mix
from visavis.devices import pick_device
from visavis.data import ImageSet, load_images, make_batches
from visavis.errors import UserError
from visavis.generate import Model
from visavis.metrics import METRICS
from visavis.recipe import Recipe
from visavis.report.curves import plot_curves
from visavis.report.grids import save_grid
from visavis.report.logs import RunLog
from visavis.report.progress import TrainingProgress
from visavis.snapshot import Description
from visavis.train import Report, State, train

CHECKPOINT_SECONDS = 30.0
GRID = 64


@dataclass(frozen=True)
class Options:
    """How to run a recipe: where, how long, on what.  Nothing here changes what a step computes."""

    out: Path
    images: int | None = None
    seconds: float | None = None
    device: str = "auto"
    fresh: bool = False
    init: Path | None = None
    checkpoint_every: int | None = None
    quiet: bool = False


@dataclass
class Interrupt:
    """Set by Ctrl-C or SIGTERM: stop after this step, save, leave."""

    signal: int | None = None


@dataclass
class Session:
    """One process's part in a run."""

    recipe: Recipe
    options: Options
    device: torch.device
    data: ImageSet
    state: State
    log: RunLog
    interrupt: Interrupt = field(default_factory=Interrupt)
    saved_at: int = -1
    saved_time: float = field(default_factory=time.monotonic)

    @property
    def folder(self) -> Path:
        """Where the run is."""
        return self.options.out

    @property
    def writes(self) -> bool:
        """Whether this process owns the files."""
        return parallel.rank() == 0


def run(recipe: Recipe, options: Options) -> dict[str, Any]:
    """Train ``recipe`` in ``options.out``, resuming what stands there; returns what ``visavis train --json`` prints.

    Raises :class:`UserError` for a user's mistake, before anything is written; KeyboardInterrupt once an interrupted
    run is saved; :class:`~visavis.train.Diverged` with the last good checkpoint in place.
    """
    device = parallel.start(pick_device(options.device))
    try:
        session = open_session(recipe, options, device)
        with _signals(session.interrupt):
            _train(session)
        _finish(session)
        if session.interrupt.signal is not None:
            raise KeyboardInterrupt
        return parallel.from_first(lambda: _result(session))
    finally:
        parallel.stop()


def open_session(recipe: Recipe, options: Options, device: torch.device) -> Session:
    """Data, networks and state, fresh or from the checkpoint; then the run's folder."""
    _tune(device)
    data = load_images(recipe.data)
    check(recipe, data)
    batch_check = make_batches(data, recipe.batch_size, recipe.objective.real_batches, recipe.seed)
    del batch_check  # raises for a batch that does not fit, before anything is written
    state = build_state(recipe, data, device)
    if parallel.rank() == 0:
        _check_folder(recipe, options, data)
    loaded = parallel.from_first(lambda: _load(options, state.images))
    session = Session(recipe, options, device, data, state, RunLog(options.out))
    if session.writes and options.fresh:
        _clear(options.out)
    if loaded is not None:
        tensors, numbers, complaints = loaded
        state.load(tensors, numbers)
        session.saved_at = state.images
        if session.writes:
            for complaint in complaints:
                print(f"visavis: {complaint}; going on from the checkpoint before", file=sys.stderr)
            session.log.cut_back(state.images)
            session.log.event("resume", state.images)
    elif options.init is not None:
        _take_weights(state, options.init)
    if session.writes and loaded is None:
        _begin(session)
    return session


def _tune(device: torch.device) -> None:
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True


def check(recipe: Recipe, data: ImageSet) -> None:
    """Refuse data, metrics or a batch that the recipe cannot take."""
    if recipe.conditional and data.labels is None:
        raise UserError(f"'{data.name}' has no labels, which a conditional recipe needs; give --conditional false")
    unknown_metrics = [name for name in recipe.metrics if name not in METRICS]
    if unknown_metrics:
        raise UserError(f"unknown metric '{unknown_metrics[0]}' (allowed: {', '.join(METRICS)})")
    if recipe.batch_size % parallel.world_size():
        raise UserError(
            f"a batch of {recipe.batch_size} does not divide among {parallel.world_size()} processes; "
            f"give --batch-size {recipe.batch_size // parallel.world_size() * parallel.world_size() or parallel.world_size()}"
        )


def build_networks(recipe: Recipe, shape: Shape, classes: int) -> dict[str, nn.Module]:
    """The recipe's networks with fresh weights, which depend on the seed and the network's name alone."""
    networks = {}
    for index, name in enumerate(sorted(recipe.networks)):
        torch.manual_seed(mix(recipe.seed, -1, index))
        networks |= snapshot.build({name: recipe.networks[name]}, shape, classes if recipe.conditional else 0)
    return networks


def build_state(recipe: Recipe, data: ImageSet, device: torch.device) -> State:
    """Networks with fresh weights on their device, their averages and optimisers."""
    networks = build_networks(recipe, data.shape, len(data.classes))
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    placed = {name: net.to(device=device, memory_format=layout) for name, net in networks.items()}  # type: ignore[call-overload]
    return State(placed, recipe.objective, recipe.schedule())


def _check_folder(recipe: Recipe, options: Options, data: ImageSet) -> None:
    """Refuse a folder that holds another run, or something that is no run."""
    folder = options.out
    if folder.exists() and not folder.is_dir():
        raise UserError(f"'{folder}' is a file; give --out a folder")
    if not folder.exists() or options.fresh:
        return
    standing = folder / "recipe.json"
    if not standing.exists():
        if any(folder.iterdir()):
            raise UserError(f"'{folder}' is not empty and holds no run; give --out another folder")
        return
    old = files.read_json(standing)
    for path, before, now in _differences(old["identity"], _identity(recipe, data)):
        raise UserError(
            f"'{folder}' holds a run with {path} = {before!r}, and this one has {now!r}; "
            "give --out another folder, or --fresh to start over there"
        )


def _identity(recipe: Recipe, data: ImageSet) -> dict[str, Any]:
    return recipe.identity() | {"data_digest": data.digest}


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield path, old, new


def _load(options: Options, images: int) -> tuple[Any, Any, list[str]] | None:
    if options.fresh or not options.out.exists():
        return None
    files.sweep(options.out)
    return snapshot.load_checkpoint(options.out)


def _clear(folder: Path) -> None:
    """Remove a run's own files, and nothing else that may stand beside them."""
    import shutil

    for name in ("samples", "snapshots", "tensorboard"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (
        "recipe.json stats.jsonl metrics.csv metrics.jsonl real.png curves.png best.safetensors "
        f"{snapshot.CHECKPOINT} {snapshot.PREVIOUS}"
    ).split():
        (folder / name).unlink(missing_ok=True)


def _take_weights(state: State, init: Path) -> None:
    """Start networks and averages from another run's snapshot."""
    path = snapshot.find_snapshot(init)
    networks, _ = snapshot.load_snapshot(path)
    for name, net in state.nets.items():
        if name not in networks:
            continue
        for target in (net, *([state.ema[name]] if name in state.ema else [])):
            try:
                target.load_state_dict(networks[name].state_dict())
            except RuntimeError as error:
                raise UserError(f"--init {init}: its {name} does not fit this recipe's: {str(error).splitlines()[1].strip()}") from None


def _begin(session: Session) -> None:
    """The first files of a run."""
    recipe, data, folder = session.recipe, session.data, session.folder
    files.make_folder(folder)
    for name in ("stats.jsonl", "metrics.csv", "metrics.jsonl"):
        (folder / name).unlink(missing_ok=True)  # a run killed before its first checkpoint starts over
    shape = data.shape
    files.write_json(
        folder / "recipe.json",
        {
            "recipe": recipe.model_dump(mode="json"),
            "identity": _identity(recipe, data),
            "data": {
                "name": data.name,
                "images": len(data),
                "channels": shape.channels,
                "resolution": shape.resolution,
                "classes": list(data.classes),
                "digest": data.digest,
                "skipped": data.skipped,
            },
            "version": visavis.__version__,
            "torch": torch.__version__,
        },
    )
    shown = np.random.default_rng(0).permutation(len(data))[:GRID]
    save_grid(folder / "real.png", np.asarray(data.images[shown]))
    _sample_grid(session)


def _train(session: Session) -> None:
    recipe, options, state = session.recipe, session.options, session.state
    total = (options.images or recipe.images) if options.seconds is None else options.images
    batches = make_batches(
        session.data,
        recipe.batch_size,
        recipe.objective.real_batches,
        recipe.seed,
        flip=recipe.data.flip,
        device=session.device,
        channels_last=recipe.channels_last,
    )
    started, seconds_before = time.monotonic(), state.seconds

    def stop(current: State) -> bool:
        current.seconds = seconds_before + time.monotonic() - started
        out_of_time = options.seconds is not None and current.seconds >= options.seconds
        return out_of_time or session.interrupt.signal is not None

    with TrainingProgress(total, options.seconds, quiet=options.quiet or not session.writes, start_images=state.images, start_seconds=state.seconds) as progress:
        last_images, last_seconds = state.images, state.seconds
        for report in train(state, recipe.objective, batches, recipe.schedule(), total, stop):
            state.seconds = seconds_before + time.monotonic() - started
            rate = (state.images - last_images) / max(state.seconds - last_seconds, 1e-9)
            last_images, last_seconds = state.images, state.seconds
            if session.writes:
                _record(session, report, rate)
                progress.update(report.images, report.scalars)
    state.seconds = seconds_before + time.monotonic() - started


def _record(session: Session, report: Report, rate: float) -> None:
    """One tick's row; a checkpoint and a snapshot when they are due."""
    state, recipe = session.state, session.recipe
    row = {"images": report.images, "seconds": round(state.seconds, 3), "images_per_second": round(rate, 2)}
    session.log.append({**row, **report.scalars})
    every = session.options.checkpoint_every
    if every is not None:
        due = report.images - max(session.saved_at, 0) >= every
    else:
        due = time.monotonic() - session.saved_time >= CHECKPOINT_SECONDS
    step = recipe.tick if recipe.tick > recipe.batch_size else recipe.batch_size
    if report.images // recipe.snapshot_every > (report.images - step) // recipe.snapshot_every:
        save_snapshot(session)
    if due:
        save_checkpoint(session)


def save_checkpoint(session: Session) -> None:
    """Make the run safe up to here."""
    if session.saved_at != session.state.images:
        snapshot.save_checkpoint(session.folder, session.state.tensors(), session.state.numbers())
        session.saved_at, session.saved_time = session.state.images, time.monotonic()


def save_snapshot(session: Session) -> None:
    """Weights, sample grid and curves as of now; older snapshots than the recipe keeps are removed."""
    path = snapshot.snapshot_path(session.folder, session.state.images)
    snapshot.save_snapshot(path, _shown_networks(session), _description(session))
    keep = session.recipe.keep_snapshots
    if keep is not None:
        for old in sorted(path.parent.glob("*.safetensors"))[:-keep]:
            old.unlink()
    _sample_grid(session)
    plot_curves(session.log.rows(), session.folder / "curves.png", title=session.recipe.name)


def _shown_networks(session: Session) -> dict[str, nn.Module]:
    """Averages where there are any, raw weights of the others."""
    return {name: session.state.ema[name] if name in session.state.ema else session.state.nets[name] for name in session.recipe.networks}


def _description(session: Session) -> Description:
    recipe, data = session.recipe, session.data
    plain = recipe.model_dump(mode="json")
    return Description(
        networks=plain["networks"],
        shape=data.shape,
        classes=data.classes,
        conditional=recipe.conditional,
        images=session.state.images,
        recipe=plain,
        version=visavis.__version__,
    )


def _model(session: Session) -> Model:
    return Model({"G": session.state.ema["G"]}, _description(session), session.device)


def _sample_grid(session: Session) -> None:
    pixels = _model(session).pixels(GRID)
    save_grid(session.folder / "samples" / f"{session.state.images:012d}.png", pixels)


def _finish(session: Session) -> None:
    """Save whatever is not saved, and take the metrics of a run that came to its end."""
    if not session.writes:
        return
    save_checkpoint(session)
    if not snapshot.snapshot_path(session.folder, session.state.images).exists():
        save_snapshot(session)
    if session.interrupt.signal is None and session.recipe.metrics:
        _measure(session)
    session.log.close()


def _measure(session: Session) -> None:
    """Append the recipe's metrics of this snapshot to metrics.jsonl, unless they stand there."""
    table = files.JsonLines(session.folder / "metrics.jsonl")
    table.cut_back(session.state.images)
    n = session.recipe.metric_samples
    done = [row for row in table.rows() if row["images"] == session.state.images and row["samples"] == n]
    if done:
        return
    pixels = torch.from_numpy(_model(session).pixels(n, seed=1))
    scores: dict[str, float | int] = {}
    for name in session.recipe.metrics:
        scores |= {f"{name}/{key}": value for key, value in METRICS[name](pixels).items()}
    table.append({"images": session.state.images, "samples": n, "weights": "ema", "seed": 1, **scores})


def _result(session: Session) -> dict[str, Any]:
    state = session.state
    rows = files.JsonLines(session.folder / "metrics.jsonl").rows()
    return {
        "run": str(session.folder),
        "images": state.images,
        "seconds": round(state.seconds, 3),
        "images_per_second": round(state.images / max(state.seconds, 1e-9), 2),
        "snapshot": str(snapshot.snapshot_path(session.folder, state.images)),
        "metrics": rows[-1] if rows else {},
    }


@contextmanager
def _signals(interrupt: Interrupt) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run after its current step; a second one ends it at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupt.signal is not None:
            raise KeyboardInterrupt
        interrupt.signal = number

    caught = (signal.SIGINT, signal.SIGTERM)
    try:
        before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in caught}
    except ValueError:  # not in the main thread: the caller handles its signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


