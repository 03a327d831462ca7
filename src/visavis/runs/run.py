"""A run: start or resume it, train, log, keep it safe, finish.  Process 0 writes; all processes compute."""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import torch

from visavis.models import snapshot
from visavis.recipes.recipe import Recipe
from visavis.report.progress import TrainingProgress
from visavis.runs.energy import Meter
from visavis.runs.judging import Watcher
from visavis.runs.pace import Pace
from visavis.runs.saving import (
    last_look,
    measure,
    measured,
    sample_grid,
    save_all,
    save_checkpoint,
    save_snapshot,
)
from visavis.runs.session import Options, Session, open_session
from visavis.training import parallel
from visavis.training.devices import pick_device
from visavis.training.loop import Diverged, Report, State, take_report, train

__all__ = ["Options", "run"]

LOG = logging.getLogger("visavis")

CHECKPOINT_SECONDS = 30.0
"""Seconds between two checkpoints, where ``--checkpoint-every`` says nothing."""


def run(recipe: Recipe, options: Options) -> dict[str, Any]:
    """Train ``recipe`` in ``options.out``, resuming what stands there; what ``visavis train --json`` prints.

    Raises :class:`UserError` for a user's mistake, before anything is written; KeyboardInterrupt once an
    interrupted run is saved; :class:`~visavis.training.loop.Diverged` with the last good checkpoint, if one
    was saved before, in place.
    """
    device = parallel.start(pick_device(options.device))
    with ExitStack() as stack:
        try:
            session = open_session(recipe, options, device, stack)
            with _signals(session), _divergence_logged(session):
                if session.writes and not session.state.images:
                    sample_grid(session)
                _train(session)
                interrupted = parallel.agree(session.interrupt is not None, device)
                if session.writes:
                    save_all(session)
        except Diverged as error:
            raise Diverged(f"{error}; {_kept(options)}") from error
        finally:
            parallel.stop()
        if interrupted:
            raise KeyboardInterrupt
        if not session.writes:
            return _result(session)
        measure(session)
        best = Watcher(session).best() if session.recipe.watch.every else None
        kept = {} if best is None else {"best": best}
        return _result(session) | kept | {"guard": last_look(session)}


@contextmanager
def _divergence_logged(session: Session) -> Iterator[None]:
    """Leave in the log that the run diverged, and why: its pages tell."""
    try:
        yield
    except Diverged as error:
        if session.writes:
            session.log.event("diverged", session.state.images, why=str(error))
        raise


def _kept(options: Options) -> str:
    """What a run that diverged leaves to go on from."""
    if (options.out / snapshot.CHECKPOINT).exists():
        return "the last good checkpoint is kept"
    return "no checkpoint was saved before"


def _length(session: Session) -> str:
    """The option that says how long a run is."""
    given = session.options
    return "--time" if given.seconds is not None else "--epochs" if given.epochs is not None else "--images"


def _train(session: Session) -> None:
    watcher = Watcher(session) if session.writes and session.recipe.watch.every else None
    session.settled = parallel.from_first(lambda: watcher.settled() if watcher else None)
    if session.ended:
        if session.writes and session.settled is None:
            LOG.warning(
                "'%s' is trained to its end; to go on give a larger %s", session.options.out, _length(session)
            )
        return
    recipe, options, state, pace = session.recipe, session.options, session.state, Pace(session)
    clock = pace.clock

    def stop(current: State) -> bool:
        pace.step()
        if session.writes and _checkpoint_due(session):
            save_checkpoint(session)
        return session.ended or session.interrupt is not None

    progress = TrainingProgress(
        session.total,
        options.seconds,
        quiet=options.quiet or not session.writes,
        start_images=state.images,
        start_seconds=state.seconds,
        now=lambda: clock.seconds,
    )
    pace.start()
    images, since, meter = state.images, clock.seconds, Meter()

    def record(report: Report) -> None:
        nonlocal images, since
        state.seconds = clock.seconds
        rate = (state.images - images) / max(state.seconds - since, 1e-9)
        with clock.stopped():  # what looking and writing take is not training
            if session.writes:
                _record(session, report, rate, meter.joules())
                if watcher is not None and watcher.due(images):
                    watcher.look()
        images, since = state.images, clock.seconds
        progress.update(report.images, {"images_per_second": rate, **report.scalars})

    with progress:
        for report in train(state, recipe.objective, session.batches, recipe.schedule(), session.total, stop):
            record(report)
        if state.sums and not parallel.agree(session.interrupt is not None, session.device):
            record(take_report(state))  # its time was over between two ticks


def _record(session: Session, report: Report, rate: float, joules: float | None) -> None:
    """One tick's row, and a snapshot when it is due."""
    row = {
        "images": report.images,
        "seconds": round(session.state.seconds, 3),
        "images_per_second": round(rate, 2),
    }
    energy = {} if joules is None else {"energy/joules": round(joules, 1)}
    session.log.append({**row, **energy, **report.scalars})
    recipe, every = session.recipe, session.recipe.snapshot_every
    before = report_before(report.images, recipe.schedule().tick, recipe.batch_size)
    if report.images // every > before // every:
        save_snapshot(session)


def report_before(images: int, tick: int, batch_size: int) -> int:
    """The images seen at the report before the one at ``images``; reports come once a ``tick`` is passed."""
    if tick <= batch_size:
        return images - batch_size
    ticks = images // tick
    if images % tick < batch_size:
        ticks -= 1  # else the run's last report, between two ticks
    return -(-ticks * tick // batch_size) * batch_size


def _checkpoint_due(session: Session) -> bool:
    every = session.options.checkpoint_every
    if every is not None:
        return session.state.images - session.saved_at >= every
    return time.monotonic() - session.saved_time >= CHECKPOINT_SECONDS


def _result(session: Session) -> dict[str, Any]:
    state, out = session.state, session.options.out
    return {
        "run": str(out),
        "images": state.images,
        "seconds": round(state.seconds, 3),
        "images_per_second": round(state.images / max(state.seconds, 1e-9), 2),
        "threads": torch.get_num_threads(),
        "snapshot": str(snapshot.snapshot_path(out, state.images)),
        "metrics": measured(session),
    }


@contextmanager
def _signals(session: Session) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run after its current step; a second one ends it at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        again = (
            session.interrupt is not None and not parallel.launched()
        )  # torchrun may repeat what it was sent
        session.interrupt = number
        if again:
            raise KeyboardInterrupt

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
