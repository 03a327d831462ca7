"""Training and judging from Python: :func:`train`, :func:`evaluate`, :func:`verify`, as the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from visavis import recipes
from visavis.errors import UserError, unknown
from visavis.files import sweep_beside, to_json, write_json
from visavis.recipes.recipe import Recipe, override
from visavis.runs.run import run
from visavis.runs.session import Options
from visavis.training import parallel
from visavis.training.devices import pick_device


def prepare(given: Recipe | str | None, changes: Mapping[str, str], lr: str | None = None) -> Recipe:
    """A recipe or its name (None: the default) with fields changed; ``lr`` sets every network's rate."""
    recipe = given if isinstance(given, Recipe) else recipes.get(given or recipes.DEFAULT)
    rates = {} if lr is None else {f"adam.{network}.lr": lr for network in recipe.adam}
    return override(recipe, {**rates, **changes})


def train(
    recipe: str | Recipe = recipes.DEFAULT,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    lr: float | None = None,
    images: int | None = None,
    epochs: int | None = None,
    seconds: float | None = None,
    device: str = "auto",
    fresh: bool = False,
    init: str | Path | None = None,
    init_networks: Sequence[str] = (),
    init_fitting: bool = False,
    change: bool = False,
    checkpoint_every: int | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Train a recipe, or go on where it stopped; returns what ``visavis train --json`` prints.

    ``fields`` set the recipe's fields, dots written as ``__``: ``train("digits", networks__G__z_dim=8)``.
    Raises :class:`visavis.UserError` for a mistake that the user can mend.
    """
    chosen = recipes.get(recipe) if isinstance(recipe, str) else recipe
    rates = {f"adam.{network}.lr": lr for network in chosen.adam} if lr is not None else {}
    source = {} if data is None else {"data.source": str(data)}
    named = {path.replace("__", "."): value for path, value in fields.items()}
    chosen = override(chosen, {path: _text(value) for path, value in (rates | source | named).items()})
    options = Options(
        out=Path(out) if out is not None else Path("runs") / chosen.name,
        images=images,
        epochs=epochs,
        seconds=seconds,
        device=device,
        fresh=fresh,
        init=None if init is None else Path(init),
        checkpoint_every=checkpoint_every,
        init_networks=tuple(init_networks),
        init_fitting=init_fitting,
        change=change,
        quiet=True,
    )
    return run(chosen, options)


def _text(value: Any) -> str:
    """A field's value as the command line gives it."""
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return value if isinstance(value, str) else to_json(value)


def evaluate(
    images: str | Path,
    reference: str | Path | None = None,
    *,
    against: str | Path | None = None,
    targets: str | Path | None = None,
    gallery: str | Path | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    progress: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Judge a run's images, or images; returns what ``visavis evaluate --json`` prints.

    ``options`` are the fields of :class:`visavis.judge.evaluate.Options`: ``features``, ``n``,
    ``classes``, ``seed`` and so on.  ``gallery``: a folder for sheets of nearest and closest images;
    ``targets``: a folder whose pictures are the right answers of those of the same names;
    ``out``: a ``.json`` for the result; ``progress`` shows on stderr, if that is a terminal, how far it is.
    Raises :class:`visavis.UserError` for a mistake that the user can mend.
    """
    from visavis.judge import against as comparing
    from visavis.judge import by_moments, by_task, matched, stored_moments
    from visavis.judge.evaluate import Options as How
    from visavis.judge.evaluate import evaluate as judge
    from visavis.report.gallery import save_gallery
    from visavis.report.waiting import JudgingProgress

    if out is not None and Path(out).suffix.lower() != ".json":
        raise UserError(f"--out '{out}' is no place for a result (allowed: a name that ends in .json)")
    if unknown_ones := [name for name in options if name not in How.__dataclass_fields__]:
        raise unknown("option", unknown_ones[0], How.__dataclass_fields__)
    text = None if reference is None else str(reference)
    with parallel.together(pick_device(device)) as own, JudgingProgress(quiet=not progress) as steps:
        how = How(reference=text, device=str(own), **options)
        if targets is not None:
            if against is not None or gallery is not None:
                raise UserError("--against and --gallery do not apply to pairs; leave them out")
            result = matched.judge_pairs(images, targets, how, steps)
        elif comparing.is_result(images):
            result = comparing.of_results(images, against)
        elif text is not None and stored_moments.is_statistics(text):
            if gallery is not None:
                raise UserError("--gallery needs a reference of images, not statistics; leave it out")
            result = by_moments.judge(images, how, against, steps=steps)
        elif (task := by_task.task_of(images)) == "translate":
            if against is not None or gallery is not None:
                raise UserError("--against and --gallery are for runs that generate; leave them out")
            steps.begin("translating held-out images")
            result = by_task.judge_translator(images, how)
        else:
            found = judge(images, how, against, steps=steps)
            result = found.result
            if task == "reconstruct":
                steps.begin("reconstructing held-out images")
                result = result | {"reconstruction": by_task.reconstructions(images, how)}
            if gallery is not None and parallel.rank() == 0:
                save_gallery(Path(gallery), found)
        if out is not None and parallel.rank() == 0:
            sweep_beside(Path(out))
            write_json(out, result)
    return result


def statistics(
    images: str | Path,
    out: str | Path,
    *,
    features: str | None = None,
    device: str = "auto",
    progress: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Write the mean and covariance of a set's features, to be a reference; returns what was written, told.

    ``options`` are those of :func:`visavis.judge.by_moments.measure`: ``split``, ``classes``, ``resolution``,
    ``weights``, ``resize``, ``skip_broken``, ``range``.  Raises :class:`visavis.UserError` for a mistake that
    the user can mend.
    """
    from visavis.judge.by_moments import measure
    from visavis.judge.stored_moments import check_name
    from visavis.report.waiting import JudgingProgress

    check_name(out)
    with parallel.together(pick_device(device)) as own, JudgingProgress(quiet=not progress) as steps:
        found, account = measure(str(images), features, device=str(own), steps=steps, **options)
        if parallel.rank() == 0:
            found.write(out)
    return {"out": str(out), **found.told(), "account": account}


def verify(run: str | Path, *, device: str = "auto") -> dict[str, Any]:
    """Measure again what a run, an exported folder or a model of the hub claims.

    Returns ``{"model", "holds", "figures": [{"figure", "claimed", "interval", "measured", "holds"}]}``.
    Raises :class:`visavis.UserError` where nothing is claimed, or where not the same can be measured.
    """
    from visavis.judge import by_task
    from visavis.judge import verify as claims
    from visavis.judge.evaluate import evaluate as judge

    where = str(pick_device(device))
    claimed = claims.claims_of(run, where)
    how = claims.again(claimed, where)
    path = claimed.model.origin
    assert path is not None
    task = claimed.model.description.task
    result = by_task.judge_translator(path, how) if task == "translate" else judge(path, how).result
    if task == "reconstruct":
        result |= {"reconstruction": by_task.reconstructions(path, how)}
    claims.compare_records(claimed.result, result)
    found = claims.checks(claimed.figures, result)
    return {
        "model": str(run),
        "holds": all(check.holds for check in found),
        "figures": [check.told() for check in found],
    }
