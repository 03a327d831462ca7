"""From a recipe and its images to networks and training state, or a refusal before anything is written."""

import torch
from torch import nn

from visavis.core import Shape, mix
from visavis.data import AnySet, Batches, batches_of, load
from visavis.errors import UserError, unknown
from visavis.metrics import METRICS, watched_figures
from visavis.metrics.manifold import K_DENSITY
from visavis.networks import build
from visavis.recipes.recipe import Recipe
from visavis.training import parallel
from visavis.training.loop import State


def prepare(recipe: Recipe, device: torch.device) -> tuple[AnySet, State, Batches]:
    """The recipe's images, fresh training state and batches, or the refusal of whatever does not fit."""
    data = load(recipe.data)
    check(recipe, data)
    state = build_state(recipe, data, device)
    check_metrics(recipe, data)
    check_watch(recipe, data)
    batches = batches_of(
        data,
        recipe.data,
        recipe.batch_size,
        recipe.objective.real_batches,
        recipe.seed,
        device=device,
        channels_last=recipe.channels_last,
    )
    return data, state, batches


def check(recipe: Recipe, data: AnySet) -> None:
    """Refuse images or a batch that the recipe cannot take."""
    if data.channels not in (1, 3, 4):
        raise UserError(f"images of '{data.name}' have {data.channels} channels (allowed: 1, 3, 4)")
    if recipe.conditional and data.labels is None:
        raise UserError(
            f"'{data.name}' has no labels, which a conditional recipe needs; give --conditional false"
        )
    processes = parallel.world_size()
    if recipe.batch_size % processes:
        raise UserError(
            f"batch size {recipe.batch_size} does not divide among {processes} processes; "
            f"give --batch-size {max(recipe.batch_size // processes, 1) * processes}"
        )


def check_metrics(recipe: Recipe, data: AnySet) -> None:
    """Refuse metrics that cannot be taken of such images: now, not when hours of training are over."""
    channels, resolution = data.shape
    for name in recipe.metrics:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
        try:
            METRICS[name](torch.zeros(2, resolution, resolution, channels, dtype=torch.uint8))
        except UserError as error:
            raise UserError(
                f"the metric '{name}' does not fit '{data.name}': {error}; give others, or none: --metrics ''"
            ) from error


def check_watch(recipe: Recipe, data: AnySet) -> None:
    """Refuse evaluations that cannot be made: too often, of too few images, of a figure nobody measures."""
    watch = recipe.watch
    if watch.every is None:
        return
    if watch.every < recipe.batch_size:
        raise UserError(
            f"--watch.every {watch.every} is less than a step's {recipe.batch_size} images (allowed: that "
            "many or more); give another, or a smaller --batch-size"
        )
    if recipe.task == "generate":
        for what, n in ((f"--watch.samples {watch.samples}", watch.samples), (f"'{data.name}'", len(data))):
            if n <= K_DENSITY:
                raise UserError(
                    f"{what}: {n} images cannot be judged while training (allowed: more than {K_DENSITY}, "
                    "usually 2000); give more, or no --watch.every"
                )
    names = watched_figures(recipe.task, data.shape)
    if watch.metric and watch.metric not in names:
        raise unknown("metric to watch", watch.metric, names)


def build_networks(recipe: Recipe, shape: Shape, classes: int) -> dict[str, nn.Module]:
    """The recipe's networks with fresh weights, which depend on the seed and the network's name alone."""
    networks: dict[str, nn.Module] = {}
    for index, name in enumerate(sorted(recipe.networks)):
        torch.manual_seed(mix(recipe.seed, -1, index))
        networks |= build({name: recipe.networks[name]}, shape, classes if recipe.conditional else 0)
    return networks


def build_state(recipe: Recipe, data: AnySet, device: torch.device) -> State:
    """Networks with fresh weights on their device, their averages and optimisers."""
    networks = build_networks(recipe, data.shape, len(data.classes))
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    placed = {name: net.to(device=device, memory_format=layout) for name, net in networks.items()}  # type: ignore[call-overload]
    try:
        return State(placed, recipe.objective, recipe.schedule())
    except ValueError as error:  # Adam's, of a β₂ above 1
        raise UserError(f"{error}; mend --adam") from error
