"""What a run saves as it goes: checkpoints, snapshots with their sample grids and curves, metrics."""

import logging
import time
from pathlib import Path
from typing import Any

import torch

import visavis
from visavis import files
from visavis.data import PairSet
from visavis.metrics import METRICS
from visavis.models import snapshot
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import Description
from visavis.report.curves import plot_curves
from visavis.report.sheets import sheet
from visavis.runs.session import Session
from visavis.training.loop import Diverged, State

LOG = logging.getLogger("visavis")
CURVES_SECONDS = 10.0
"""Between two drawings of the curves on the way; they take most of a second, and the end has its own."""


def save_checkpoint(session: Session) -> None:
    """Make the run safe up to here, which is between two steps."""
    state = session.state
    _check_finite(state)
    snapshot.save_checkpoint(session.options.out, state.tensors(), state.numbers())
    session.saved_at, session.saved_time = state.images, time.monotonic()


def _check_finite(state: State) -> None:
    """The loop sees a step's losses, not yet the weights that it leads to."""
    for name, tensor in state.tensors().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise Diverged(f"{name} is not finite after {state.images} images")


def save_snapshot(session: Session) -> None:
    """Sample grid and weights as of now, curves from time to time; older snapshots than the recipe keeps are
    removed.

    The weights come last: where they stand, the grid does, whenever the process was killed.
    """
    state, out, keep = session.state, session.options.out, session.recipe.keep_snapshots
    sample_grid(session)
    if session.recipe.task == "generate":
        guard(session)
    if time.monotonic() - session.drawn_time >= CURVES_SECONDS:
        draw_curves(session)
    _write_snapshot(session, snapshot.snapshot_path(out, state.images))
    if keep is not None:
        for old in snapshot.snapshots(out)[:-keep]:
            old.unlink()


def draw_curves(session: Session) -> None:
    """curves.png of the log as it is now."""
    rows = session.log.rows()
    if any("event" not in row for row in rows):  # none in a run that was stopped before its first step
        plot_curves(rows, session.options.out / "curves.png", title=session.recipe.name)
    session.drawn_at, session.drawn_time = session.state.images, time.monotonic()


def guard(session: Session) -> None:
    """Look at a few samples, log what they are like, and say aloud what has become wrong since last time."""
    from visavis.runs.guard import as_row, look, said_before, warnings

    stats, images = session.log.rows(), session.state.images
    if any(row.get("event") == "guard" and row["images"] == images for row in stats):
        return  # a process that was killed since then has looked
    found = look(averaged(session), session.data, stats)
    told = warnings(found)
    for kind in told.keys() - said_before(stats):
        LOG.warning("at %d images: %s", images, told[kind])
    session.log.event("guard", images, **as_row(found, told))


def last_look(session: Session) -> dict[str, Any] | None:
    """What the guard says of the run's end; of a conditional run of enough samples to tell a share."""
    from visavis.runs.guard import CLOSING, as_row, look, warnings

    if session.recipe.task != "generate":
        return None
    stats = session.log.rows()
    if session.recipe.conditional:
        found = look(averaged(session), session.data, stats, CLOSING)
        return as_row(found, warnings(found))
    rows = [row for row in stats if row.get("event") == "guard"]
    return {key: value for key, value in rows[-1].items() if key not in ("event", "images")} if rows else None


def save_best(session: Session) -> None:
    """Keep the weights as of now apart, as the best so far."""
    _write_snapshot(session, session.options.out / snapshot.BEST)


def _write_snapshot(session: Session, path: Path) -> None:
    state = session.state
    _check_finite(state)
    shown = {name: (state.ema if name in state.ema else state.nets)[name] for name in session.recipe.networks}
    snapshot.save_snapshot(path, shown, _description(session))


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
        task=recipe.task,
        shrunk=data.shrunk if isinstance(data, PairSet) else 1.0,
    )


def averaged(session: Session) -> Model:
    """The averaged networks as of now."""
    return model_of(dict(session.state.ema.items()), _description(session), session.device)


def sample_grid(session: Session) -> None:
    """The sheet of the run's task as of now."""
    found = sheet(session.recipe.task, averaged(session), session.data, lambda: session.shown)
    found.save(session.options.out / "samples" / f"{session.state.images:012d}.png")


def save_all(session: Session) -> None:
    """Save whatever is not saved, where training stopped."""
    if session.saved_at != session.state.images:
        save_checkpoint(session)
    if not snapshot.snapshot_path(session.options.out, session.state.images).exists():
        save_snapshot(session)
    if session.drawn_at != session.state.images:
        draw_curves(session)


def measure(session: Session) -> None:
    """Append the recipe's metrics of a run that came to its end to metrics.jsonl, unless they stand there."""
    names, n = session.recipe.metrics, session.recipe.metric_samples
    row = measured(session)
    if not names or (row.get("samples") == n and all(any(k.startswith(f"{m}/") for k in row) for m in names)):
        return
    pixels = torch.from_numpy(averaged(session).pixels(n, seed=1))
    scores: dict[str, float | int] = {}
    for name in names:
        scores |= {f"{name}/{key}": value for key, value in METRICS[name](pixels).items()}
    table = files.JsonLines(session.options.out / "metrics.jsonl")
    table.append({"images": session.state.images, "samples": n, "weights": "ema", "seed": 1, **scores})


def measured(session: Session) -> dict[str, Any]:
    """The newest row of metrics of these weights; empty if there is none."""
    rows = files.JsonLines(session.options.out / "metrics.jsonl").rows()
    return next((row for row in reversed(rows) if row["images"] == session.state.images), {})
