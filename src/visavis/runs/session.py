"""One process's part in a run: data, networks, state and the folder, fresh or from the checkpoint."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist

from visavis import files
from visavis.data import AnySet, Batches, held_out
from visavis.errors import UserError
from visavis.models import snapshot
from visavis.recipes.recipe import Recipe
from visavis.report.loggers import Logger
from visavis.report.logs import RunLog
from visavis.runs import folder
from visavis.runs.build import prepare
from visavis.runs.init import Given, need_all, take_fitting, weights_of
from visavis.runs.planning import planned
from visavis.runs.settle import said_of_precision, settled
from visavis.training import parallel
from visavis.training.devices import make_fast
from visavis.training.loop import State

LOG = logging.getLogger("visavis")
T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """How to run a recipe: where, how long, on what.  Nothing here changes what a step computes.

    ``threads`` of a CPU: None chooses the fastest number, now and when the machine changes; sums, and with
    them the last bits of a run, depend on it.  ``change``: go on though rates, batch, average or the game's
    weights are others than before; from there on it is trained with these.  ``init``: begin with the weights
    of this run, of ``init_networks`` only where some are named, or (``init_fitting``) of what fits.
    The run ends at ``images`` or ``epochs``, or after ``seconds`` of training; else at the recipe's images.
    Raises :class:`UserError` for a length that is none, and for both ``images`` and ``epochs``.
    """

    out: Path
    images: int | None = None
    epochs: int | None = None
    seconds: float | None = None
    device: str = "auto"
    fresh: bool = False
    init: Path | None = None
    init_networks: tuple[str, ...] = ()
    init_fitting: bool = False
    checkpoint_every: int | None = None
    quiet: bool = False
    logger: str | None = None
    threads: int | None = None
    change: bool = False

    def __post_init__(self) -> None:
        for name in ("images", "epochs", "checkpoint_every", "threads"):
            given = getattr(self, name)
            if given is not None and not (_is_number(given, Integral) and given > 0):
                raise UserError(
                    f"{name} {given!r} is no whole number above 0 (allowed: 1, 2, 3, …); "
                    "give another, or leave it out"
                )
        limit = self.seconds
        if limit is not None and not (_is_number(limit, Real) and math.isfinite(limit) and limit > 0):
            raise UserError(
                f"seconds {limit!r} is no length of time (allowed: a number above 0); "
                "give another, or leave it out"
            )
        if self.init is None and (self.init_networks or self.init_fitting):
            raise UserError("init networks or fitting without a run to take them of; give --init RUN")
        if self.images is not None and self.epochs is not None:
            raise UserError(
                f"images {self.images} and epochs {self.epochs} (allowed: one of both); leave one out"
            )


def _is_number(given: object, kind: type) -> bool:
    return isinstance(given, kind) and not isinstance(given, bool)


@dataclass
class Session:
    """One process's part in a run."""

    recipe: Recipe
    options: Options
    data: AnySet
    batches: Batches
    state: State
    device: torch.device
    log: RunLog
    writes: bool
    """Whether this process owns the files."""
    interrupt: int | None = None
    """The signal, Ctrl-C or SIGTERM, that asks to stop after this step, save and leave."""
    saved_at: int = 0
    saved_time: float = field(default_factory=time.monotonic)
    drawn_at: int | None = None
    """The images at which the curves were drawn; the time is that of the start before they are."""
    drawn_time: float = field(default_factory=time.monotonic)
    begun_with: Sequence[str] = ()
    """What was taken of another run's weights and what was not, where not all of them fitted."""
    settled: str | None = None
    """Why the run ends before its last image, where its evaluations say so."""

    @property
    def total(self) -> int | None:
        """The images at which the run ends; None if only time ends it."""
        return total_images(self.recipe, self.options, self.data)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to train."""
        limit, state = self.options.seconds, self.state
        return (
            self.settled is not None
            or (self.total is not None and state.images >= self.total)
            or (limit is not None and state.seconds >= limit)
        )

    @cached_property
    def shown(self) -> AnySet:
        """What sheets and evaluations look at: held-out images where the source has some, else the data."""
        return held_out(self.recipe.data) or self.data


@dataclass(frozen=True)
class Start:
    """What a run starts from: a checkpoint, another run's weights, or nothing."""

    checkpoint: snapshot.Checkpoint | None = None
    weights: Given | None = None


def total_images(recipe: Recipe, options: Options, data: AnySet) -> int | None:
    """The images at which a run ends; None if only time ends it."""
    if options.epochs is not None:
        return options.epochs * len(data)
    if options.images is None and options.seconds is None:
        return recipe.images
    return options.images


def open_session(recipe: Recipe, options: Options, device: torch.device, stack: ExitStack) -> Session:
    """Data, networks and state; last of all the run's folder, which is held until ``stack`` closes."""
    session, start = ready_session(recipe, options, device)
    _together(lambda: _claim(session, start, stack) if session.writes else None)
    if session.writes and not session.ended and (line := said_of_precision(recipe, session.recipe, device)):
        LOG.info(line)
    return session


def ready_session(recipe: Recipe, options: Options, device: torch.device) -> tuple[Session, Start]:
    """Data, networks and the state to go on from; nothing is written, whatever does not fit is refused."""
    out = None if options.fresh else options.out
    settled_recipe = _from_first(lambda: settled(planned(recipe, options, device), out, device))
    session = _together(lambda: _prepare(settled_recipe, options, device))
    start = _from_first(lambda: _find_start(session))
    _together(lambda: _take_up(session, start))
    return session, start


def _together(make: Callable[[], T]) -> T:
    """``make()`` on every process; a mistake that any finds is raised on process 0 and ends the others."""
    if not parallel.active():
        return make()
    complaint, made = None, None
    try:
        made = make()
    except UserError as error:
        complaint = str(error)
    complaints: list[str | None] = [None] * parallel.world_size()
    dist.all_gather_object(complaints, complaint)
    first = next((text for text in complaints if text is not None), None)
    if first is None:
        return made  # type: ignore[return-value]  # it was made
    if parallel.rank() == 0:
        raise UserError(first)
    raise SystemExit(2)  # process 0 says why


def _from_first(make: Callable[[], T]) -> T:
    """What ``make()`` gives on process 0, on every process; its mistakes as in :func:`_together`."""
    made = _together(lambda: make() if parallel.rank() == 0 else None)
    return parallel.from_first(lambda: made)  # type: ignore[return-value]  # process 0 made it


def _prepare(recipe: Recipe, options: Options, device: torch.device) -> Session:
    make_fast(device)
    if not options.fresh:
        recipe = folder.continued(options.out, recipe)
    data, state, batches = prepare(recipe, device)
    recipe = recipe.model_copy(update={"data": recipe.data.settled(data.channels)})
    return Session(recipe, options, data, batches, state, device, _log(recipe, options), parallel.rank() == 0)


def _log(recipe: Recipe, options: Options) -> RunLog:
    """The run's log, and with it the logger that was asked for on the process that writes."""
    if options.logger is None or parallel.rank():
        return RunLog(options.out)
    return RunLog(options.out, Logger(options.logger, options.out, recipe.model_dump(mode="json")))


def _find_start(session: Session) -> Start:
    options = session.options
    files.need_writable(options.out)
    folder.refuse_another(
        options.out, session.recipe, session.data, options.init, options.fresh, options.change
    )
    checkpoint = None if options.fresh else snapshot.load_checkpoint(options.out)
    if checkpoint is not None or options.init is None:
        return Start(checkpoint)
    return Start(weights=weights_of(options.init, options.init_networks))


def _take_up(session: Session, start: Start) -> None:
    state = session.state
    try:
        if start.checkpoint is not None:
            state.load(start.checkpoint.tensors, start.checkpoint.numbers)
            session.saved_at = state.images
    except (RuntimeError, KeyError, ValueError) as error:
        what, why = f"the checkpoint in '{session.options.out}'", " ".join(str(error).split())[:300]
        raise UserError(f"{what} does not fit this recipe: {why}; give the recipe that made it") from error
    if start.weights is not None:
        _begin_with(session, start.weights)


def _begin_with(session: Session, weights: Given) -> None:
    """Load another run's weights: all, or (``init_fitting``) what fits, which is told."""
    options, state = session.options, session.state
    assert options.init is not None
    if not options.init_fitting:
        own = {name: net.state_dict() for name, net in state.nets.items()}
        need_all(options.init, weights.networks, own)
        for name, given in weights.networks.items():
            for networks in (state.nets, state.ema):
                if name in networks:
                    networks[name].load_state_dict(given)
        return
    classes = session.data.classes if session.recipe.conditional else ()
    lines, taken = take_fitting(dict(state.nets.items()), weights, classes)
    take_fitting(dict(state.ema.items()), weights, classes)
    if not taken:
        raise UserError(f"nothing of --init {options.init} fits this recipe; leave it out")
    session.begun_with = lines
    if session.writes:
        LOG.info("of '%s' %s", options.init, "; ".join(lines))


def _claim(session: Session, start: Start, stack: ExitStack) -> None:
    """The first files of a run, or the files of a resumed one as they were at its checkpoint."""
    options, images, path = session.options, session.state.images, files.make_folder(session.options.out)
    stack.enter_context(folder.held(path))
    stack.callback(session.log.close)
    for account in session.data.accounts:
        if account.wanted or account.resized or account.notes:
            LOG.info("%s: %s", session.data.name, account.line())
    if session.data.skipped:
        LOG.warning("left out %d broken images of '%s'", session.data.skipped, session.data.name)
    if start.checkpoint is None:
        if options.fresh:
            folder.clear(path)
        folder.cut_back(path, session.log, -1)
        folder.begin(path, session.recipe, session.data, options.init, session.begun_with)
        return
    for complaint in start.checkpoint.complaints:
        LOG.warning("%s; going on from the checkpoint before, at %d images", complaint, images)
        (path / snapshot.CHECKPOINT).unlink(
            missing_ok=True
        )  # or the next save would keep it as the one before
    folder.cut_back(path, session.log, images)
    if options.change and (fields := folder.take_change(path, session.recipe, images)):
        session.log.event("change", images, fields=fields)
        told = ", ".join(f"{name} {before} -> {now}" for name, (before, now) in fields.items())
        LOG.info("changed: %s", told)
    if not session.ended:
        session.log.event("resume", images)
        LOG.info("going on with '%s' at %d images", path, images)
