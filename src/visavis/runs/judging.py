"""Evaluation while training: a few cheap figures now and then, the best weights kept, decline said aloud."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from visavis import files
from visavis.data import DataConfig, ImageSet, PairSet
from visavis.data.pixels import over_white
from visavis.errors import UserError, unknown
from visavis.models import snapshot
from visavis.models.model import Model
from visavis.runs.saving import averaged, save_best, save_checkpoint
from visavis.runs.session import Session
from visavis.runs.watch import best_row, declines, plateau

LOG = logging.getLogger("visavis")
SEED = 2
"""Of the images that are judged: other ones than the sheets show and than the final metrics take."""

Judge = Callable[[Model], dict[str, float]]


@dataclass(frozen=True)
class Task:
    """How a task's models are judged while they train, and the figure that decides where none is named."""

    judge: Callable[[Session], Judge]
    metric: Callable[[Session], str]


def _generator_judge(session: Session) -> Judge:
    """Samples against the training images, in features that fit their size and, where others fit too, in
    which the generator is not trained; else the rows say ``trained_in``.
    """
    from visavis.judge.quick import Score, authenticity_of_real, judge
    from visavis.judge.reference import open_real
    from visavis.metrics.features import load_extractor

    data, watch = session.recipe.data, session.recipe.watch
    assert isinstance(data, DataConfig)
    (name, _), n = seen_by(session), watch.samples
    if session.data.channels == 4:
        data = data.model_copy(update={"channels": "rgb"})
    extractor = load_extractor(name, device=str(session.device))
    real = open_real(data, extractor, held_out="none")
    wanted = ("fd", "kd", "precision", "coverage", "duplicates", "authenticity")
    of_real = {"authenticity_of_real": authenticity_of_real(real, n)}
    score = Score(open_real(data, extractor, trained=True), n) if watch.metric == "quality" else None

    def of(model: Model) -> dict[str, float]:
        found = judge(over_white(torch.from_numpy(model.pixels(n, seed=SEED))), real, wanted, score)
        named = {f"{key}_{name}" if key in ("fd", "kd") else key: value for key, value in found.items()}
        return named | of_real

    return of


def seen_by(session: Session) -> tuple[str, bool]:
    """The extractor whose features judge, and whether the generator is trained in them.

    It is that of the distance to be watched, else one that was not trained in where there is one.  Raises
    :class:`UserError` for a distance in features that were trained in where others fit, and for a quality in
    such features.
    """
    from visavis.judge.made import trained_in
    from visavis.metrics.features import features_beside

    used, shape = trained_in(session.recipe.model_dump(mode="json")), session.data.shape
    metric, name = session.recipe.watch.metric, features_beside(shape, used)
    kind, _, asked = metric.partition("_")
    if kind in ("fd", "kd") and asked in used and name not in used:
        raise UserError(
            f"the generator is trained in {asked}, so {metric} says nothing of its pictures; give "
            f"--watch.metric {kind}_{name}"
        )
    if metric == "quality" and name in used:
        raise UserError(
            f"no quality in {name}, which the generator is trained in, and no other features fit; watch "
            f"another figure, as in --watch.metric coverage"
        )
    name = asked if kind in ("fd", "kd") else name
    return name, name in used


def _generator_metric(session: Session) -> str:
    """The Fréchet distance."""
    return f"fd_{seen_by(session)[0]}"


def _pairs_judge(session: Session) -> Judge:
    """Translations of the held-out inputs against their targets."""
    from visavis.judge.translation import validate

    shown = session.shown
    assert isinstance(shown, PairSet)
    return lambda model: validate(model, shown)


def _pairs_metric(session: Session) -> str:
    """L1 to the targets; of inputs that have none, to what comes back."""
    assert isinstance(session.shown, PairSet)
    return "l1" if session.shown.paired else "l1_cycle"


def _autoencoder_judge(session: Session) -> Judge:
    """Reconstructions of held-out images."""
    from visavis.judge.reconstruction import validate_reconstruction

    shown, n = session.shown, session.recipe.watch.samples
    assert isinstance(shown, ImageSet)
    pixels = torch.from_numpy(np.array(shown.images[: min(n, len(shown))]))
    return lambda model: validate_reconstruction(model, pixels)


TASKS = {
    "generate": Task(_generator_judge, _generator_metric),
    "reconstruct": Task(_autoencoder_judge, lambda session: "mse"),
    "translate": Task(_pairs_judge, _pairs_metric),
}


class Watcher:
    """Judges a session when it is due; only the process that writes has one."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.watch = session.recipe.watch
        self.table = files.JsonLines(session.options.out / "metrics.jsonl")
        self._judge: Judge | None = None
        task = TASKS[session.recipe.task]
        self._flag: dict[str, str] = {}
        if session.recipe.task == "generate":
            name, trained_in = seen_by(session)  # refuses what decides nothing, before any training
            self._flag = {"trained_in": name} if trained_in else {}
        self.metric = self.watch.metric or task.metric(session)
        self._said: set[str] = set()

    def due(self, before: int) -> bool:
        """Whether an evaluation falls between ``before`` images and now."""
        every = self.watch.every
        return every is not None and self.session.state.images // every > before // every

    def look(self) -> None:
        """Judge the averaged weights; keep them if they are the best; end the run when that is settled."""
        session = self.session
        started = time.monotonic()
        if self._judge is None:
            self._judge = TASKS[session.recipe.task].judge(session)
        figures = self._judge(averaged(session))
        if self.metric not in figures:
            raise unknown("metric", self.metric, figures)
        images = session.state.images
        row = {"images": images, "samples": self.watch.samples, "weights": "ema", "seed": SEED}
        self.table.append({**row, **self._flag, **figures, "seconds": round(time.monotonic() - started, 3)})
        if best_row(self.rows(), self.metric)["images"] == images:
            save_best(session)
        save_checkpoint(session)  # so that no resumed run has to come here again
        session.settled = self.settled()

    def best(self) -> dict[str, Any] | None:
        """The images and the figure of the best weights so far; None before the first evaluation."""
        rows = self.rows()
        if not rows:
            return None
        row = best_row(rows, self.metric)
        return {"images": row["images"], self.metric: row[self.metric]}

    def rows(self) -> list[dict[str, Any]]:
        """The evaluations so far; the metrics of a run's end, taken otherwise, are none of them, and neither
        are evaluations of an older version or of other settings that have nothing of the figure that decides.
        """
        return [row for row in self.table.rows() if row.get("seed") == SEED and self.metric in row]

    def settled(self) -> str | None:
        """Why the run has nothing left to gain, in words; says aloud what has become worse."""
        rows, watch = self.rows(), self.watch
        if not rows:
            return None
        worse = declines(rows, self.session.log.rows())
        for kind, text in worse.items():
            if kind not in self._said:
                LOG.warning("at %d images: %s", rows[-1]["images"], text)
                self._said.add(kind)
        why = plateau(rows, self.metric, watch.patience)
        if why is None and watch.stop_on_decline:
            why = next(iter(worse.values()), None)
        if why is not None:
            best = best_row(rows, self.metric)["images"]
            LOG.warning("stopping: %s; %s holds the weights of %d images", why, snapshot.BEST, best)
        return why
