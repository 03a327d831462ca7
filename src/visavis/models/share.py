"""Models as folders of the hub: saved, pushed, loaded through huggingface_hub's own mixin.

The folder: ``config.json``, ``model.safetensors`` (a snapshot), ``README.md`` (the card), ``evaluation.json``
and ``.eval_results/`` where the model was judged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard, ModelHubMixin, eval_result_entries_to_yaml, snapshot_download

from visavis import files
from visavis.errors import UserError
from visavis.models.card import entries, make_card
from visavis.models.load import load
from visavis.models.model import Model
from visavis.models.results import EVALUATION, result_of
from visavis.models.snapshot import FORMAT, WEIGHTS, save_snapshot

CONFIG, CARD = "config.json", "README.md"
WRITTEN = (WEIGHTS, CONFIG, CARD, EVALUATION, ".eval_results/visavis.yaml")
WANTED = [WEIGHTS, CONFIG, CARD, EVALUATION, ".eval_results/*"]


class Shared(ModelHubMixin, library_name="visavis"):
    """A model to the hub's mixin, which knows how to save, to push and to find.

    ``name``: what its card calls it; ``licence``: of the weights, by the hub's identifier.
    """

    def __init__(self, model: Model, name: str = "", licence: str | None = None) -> None:
        self.model, self.name, self.licence = model, name, licence
        images = model.description.images
        self.result = None if model.origin is None else result_of(model.origin, images)

    def _save_pretrained(self, save_directory: Path) -> None:
        save_snapshot(save_directory / WEIGHTS, self.model.networks, self.model.description)
        described = {**vars(self.model.description), "shape": list(self.model.shape), "format": FORMAT}
        files.write_json(save_directory / CONFIG, {"library_name": "visavis", **described})
        if self.result is not None:
            files.write_json(save_directory / EVALUATION, self.result)
        found = eval_result_entries_to_yaml(entries(self.model, self.result))
        if found:
            text = yaml.safe_dump(found, allow_unicode=True, sort_keys=False)
            files.write_atomic(save_directory / ".eval_results" / "visavis.yaml", text.encode())

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The card, from the model's own record."""
        name = self.name or str(self.model.description.recipe.get("name", "model"))
        return make_card(self.model, name, self.result, self.licence)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, device: str = "cpu", **where: Any) -> Model:  # type: ignore[override]  # the mixin hands on what this returns
        return load(model_id if Path(model_id).is_dir() else fetch(model_id, **where), device)


def save(model: Model, folder: Path, name: str = "", licence: str | None = None) -> None:
    """Write the folder of a model; raises :class:`UserError` where something stands."""
    if files.in_the_way(folder):
        raise UserError(f"'{folder}' exists; give another folder, or remove it")
    with files.finishing(folder, WRITTEN), files.writing(folder):
        Shared(model, name or folder.resolve().name, licence).save_pretrained(folder)


def push(model: Model, repository: str, licence: str | None = None, **how: Any) -> str:
    """Send a model to the hub as ``owner/name``; returns the commit's address."""
    with _told(repository, "push to"):
        name = repository.rpartition("/")[2]
        return str(Shared(model, name, licence).push_to_hub(repository, **how))


def fetch(repository: str, **where: Any) -> Path:
    """The folder of a model of the hub, in the cache; raises :class:`UserError` where it cannot be had.

    ``where``: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, ``force_download``.
    """
    with _told(repository, "load"):
        return Path(snapshot_download(repository, allow_patterns=WANTED, **where))


def from_pretrained(where: str | Path, **how: Any) -> Model:
    """A model from a folder or from the hub, by the mixin."""
    if Path(where).is_dir():
        how = {name: value for name, value in how.items() if name == "device"}
        return load(where, **how)
    with _told(str(where), "load"):
        found: Any = Shared.from_pretrained(str(where), **how)
        assert isinstance(found, Model)
        return found


@contextmanager
def _told(repository: str, what: str) -> Iterator[None]:
    """Turn what the hub, its client and the network raise, in many types, into one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        here = "" if what == "push to" else "give a run, a snapshot or a folder of visavis export --to, or "
        raise UserError(
            f"cannot {what} '{repository}': the Hugging Face hub fails ({why}); {here}mend the name, the "
            "token or the network"
        ) from error
