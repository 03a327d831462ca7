"""The model card: what a run's own record says of it, in the form that the hub reads (huggingface_hub)."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import EvalResult, EvalResultEntry, ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results

from visavis.data.hub import is_hub_name
from visavis.data.licences import LICENCES
from visavis.files import to_json
from visavis.models.model import Model
from visavis.models.results import Result, figures

TAGS = {
    "generate": "unconditional-image-generation",
    "reconstruct": "image-feature-extraction",
    "translate": "image-to-image",
}
"""Task -> the hub's name for it."""
DEPTH = 2
"""Figures nested deeper than this are for the JSON, not for the card."""
USES = {
    "sample": "model.sample(16, seed=0)[0].save('image.png')",
    "compare": "model.compare('a.png', 'b.png')",
    "reconstruct": "model.reconstruct('a.png')[0].save('again.png')",
    "translate": "model.translate(Image.open('a.png')).save('translated.png')",
}
"""Ability -> a line of Python that uses it."""
COMMANDS = {
    "sample": "visavis sample {where} -n 16 --out grid.png",
    "compare": "visavis compare {where} a.png b.png",
    "reconstruct": "visavis interpolate {where} --between a.png b.png",
    "translate": "visavis translate {where} a.png --out translated",
}
"""Ability -> the command for it."""


def make_card(model: Model, name: str, result: Result | None, licence: str | None = None) -> ModelCard:
    """The card of a model that is called ``name``; ``result``: its judgement, where it has one.

    ``licence``: of the weights, by the hub's identifier; by default that of embedded data.
    """
    source = _source(model)
    data = ModelCardData(
        library_name="visavis",
        license=licence or (LICENCES[source].identifier if source in LICENCES else None),
        datasets=[source] if is_hub_name(source) else None,
        pipeline_tag=TAGS[model.description.task],
        tags=["visavis", *model.abilities, *_dials(model)],
        model_name=name,
        eval_results=list(_claims(model, result)) or None,
    )
    body = "\n\n".join(_sections(model, name, source, result))
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}\n", ignore_metadata_errors=False)


def claims(card: ModelCard) -> list[EvalResult]:
    """The figures that a card claims."""
    plain: dict[str, Any] = card.data.to_dict()  # type: ignore[no-untyped-call]  # of huggingface_hub
    return model_index_to_eval_results(plain["model-index"])[1] if "model-index" in plain else []


def entries(model: Model, result: Result | None) -> list[EvalResultEntry]:
    """The figures for the hub's own table; it knows data sets of the hub only, so others' have none."""
    source = _source(model)
    if result is None or not is_hub_name(source):
        return []
    settings = "; ".join(f"{key} {value}" for key, value in _settings(result).items())
    return [
        EvalResultEntry(
            dataset_id=source,
            task_id=each.metric_type,
            value=each.metric_value,
            notes=f"95 % interval {each.metric_args['interval']}, null {each.metric_args['null']}; "
            f"{settings}",
        )
        for each in _claims(model, result)
        if each.metric_args is not None
    ]


def _claims(model: Model, result: Result | None) -> Iterator[EvalResult]:
    if result is None:
        return
    source = _source(model)
    for path, part in figures(result):
        if part["value"] is None or len(path) > DEPTH:
            continue
        yield EvalResult(
            task_type=TAGS[model.description.task],
            dataset_type=source,
            dataset_name=str(result["record"].get("reference", source)),
            dataset_split=result["record"].get("split"),
            metric_type=" ".join(path),
            metric_value=part["value"],
            metric_args={"interval": _ends(part.get("interval")), "null": part.get("null")},
        )


def _ends(interval: Any) -> list[float] | None:
    """An interval with its open ends as infinities, for the hub's form leaves out what is None."""
    if interval is None:
        return None
    low, high = interval
    return [-math.inf if low is None else low, math.inf if high is None else high]


def _settings(result: Result) -> dict[str, Any]:
    record = result["record"]
    names = ("features", "features_sha256", "reference", "split", "images", "seed", "weights", "protocol")
    return {name: record[name] for name in names if name in record}


def _source(model: Model) -> str:
    return str((model.description.recipe.get("data") or {}).get("source", "unknown"))


def _dials(model: Model) -> list[str]:
    """The game and its loss, as tags."""
    objective = model.description.recipe.get("objective") or {}
    return [str(objective[key]) for key in ("kind", "loss") if isinstance(objective.get(key), str)]


def _sections(model: Model, name: str, source: str, result: Result | None) -> Iterator[str]:
    about, described = model.description.recipe.get("about", ""), model.description
    yield f"# {name}"
    yield f"{about}. " if about else ""
    yield (
        f"{described.shape.channels} × {described.shape.resolution} × {described.shape.resolution} pixels, "
        f"{described.images:,} images seen in training, made with visavis {described.version}, recipe "
        f"`{described.recipe.get('name', 'unnamed')}`."
    )
    yield from _use(model)
    yield f"## Data\n\n{_about_data(model, source)}"
    yield f"## Scores\n\n{_scores(result)}"
    yield f"## Limits\n\n{_limits(model, result)}"
    record = to_json(dict(described.recipe), indent=2)
    yield f"## Record\n\nThe recipe, as it was trained:\n\n```json\n{record}\n```"


def _use(model: Model) -> Iterator[str]:
    """How to put each ability to use."""
    lines = "\n".join(USES[ability] for ability in model.abilities)
    picture = "from PIL import Image\n" if "translate" in model.abilities else ""
    loading = f"{picture}import visavis\nmodel = visavis.load('FOLDER or owner/name')"
    yield f"## Use\n\n```python\n{loading}\n{lines}\n```"
    commands = "\n".join(COMMANDS[ability].format(where="FOLDER") for ability in model.abilities)
    yield f"```\npip install visavis\n{commands}\nvisavis verify FOLDER\n```"


def _about_data(model: Model, source: str) -> str:
    classes = f" Classes: {', '.join(model.classes)}." if model.classes else ""
    if source in LICENCES:
        return f"`{source}`: {LICENCES[source].attribution}.{classes}"
    told = "Its licence is its owners' to tell, and holds for what is made of its pictures."
    return f"`{source}`. {told}{classes}"


def _scores(result: Result | None) -> str:
    if result is None:
        return "These weights have not been judged. `visavis evaluate RUN --out RUN/evaluation.json` does."
    rows = ["| figure | value | 95 % interval | null |", "|---|---|---|---|"]
    for path, part in figures(result):
        if part["value"] is not None and len(path) <= DEPTH:
            interval = part.get("interval")
            told = "" if interval is None else " … ".join(_number(end) for end in interval)
            rows.append(
                f"| {' '.join(path)} | {_number(part['value'])} | {told} | {_number(part.get('null'))} |"
            )
    settings = ", ".join(f"{key} {value}" for key, value in _settings(result).items())
    return (
        "\n".join(rows)
        + f"\n\nThe null is what held-out real images get. Measured with: {settings}; all of it in "
        "`evaluation.json`. `visavis verify` measures every figure again."
    )


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.4g}"


def _limits(model: Model, result: Result | None) -> str:
    told = [
        f"- It knows nothing but what it was trained on, at {model.shape.resolution} pixels; its pictures "
        "show no real thing or person and are no evidence of anything.",
    ]
    if "compare" in model.abilities:
        told.append("- The critic's scores compare within this model only.")
    warnings: Any = () if result is None else result.get("warnings", ())
    told += [f"- {_plain(each)}" for each in warnings]
    return "\n".join(told)


def _plain(warning: Any) -> str:
    return str(warning.get("text", warning)) if isinstance(warning, Mapping) else str(warning)
