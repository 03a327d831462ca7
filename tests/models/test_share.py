"""Saved as a folder of the hub, and loaded from one; the hub itself is out of reach."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard, ModelHubMixin
from safetensors.torch import load_file, save_file
from small_models import autoencoder, generator_and_critic

import visavis
from visavis.errors import UserError
from visavis.models import share
from visavis.models.card import claims, entries, make_card
from visavis.models.load import Autoencoder, load
from visavis.models.model import Model
from visavis.models.snapshot import save_snapshot

RECORD = {"features": "digitsr", "reference": "digits", "split": "train", "images": 50, "seed": 0}
RESULT = {
    "fd_digitsr": {"value": 3.25, "interval": [3.0, 3.5], "null": 0.1},
    "modes": {"kl": {"value": 0.5, "interval": None, "null": 0.0, "why": "no interval"}},
    "ndb": {"value": 7.0, "interval": [5.0, None], "null": 1.0},
    "birthday": {"support": {"value": None, "interval": [5.0, None], "null": 9.0}},
    "per_class": {"0": {"fd_digitsr": {"value": 9.0}}},
    "warnings": ["the images are few"],
    "record": RECORD | {"weights": "ema", "trained_images": 5, "protocol": 2},
}


def a_run(folder: Path) -> Path:
    """A run's folder with one snapshot, and its judgement."""
    model = generator_and_critic()
    save_snapshot(folder / "snapshots" / "000000000005.safetensors", model.networks, model.description)
    (folder / "evaluation.json").write_text(json.dumps(RESULT))
    return folder


def test_a_folder_is_what_the_hub_wants_and_comes_back_as_it_was(tmp_path: Path) -> None:
    model = load(a_run(tmp_path / "run"))
    model.save_pretrained(tmp_path / "saved")
    names = {path.name for path in (tmp_path / "saved").iterdir()}
    assert names == {"config.json", "model.safetensors", "README.md", "evaluation.json"}
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert (config["task"], config["shape"], config["classes"]) == (
        "generate",
        [1, 8],
        ["zero", "one", "two"],
    )
    for again in (
        visavis.load(tmp_path / "saved"),
        visavis.load(tmp_path / "saved" / "model.safetensors"),
        visavis.Model.from_pretrained(tmp_path / "saved"),
    ):
        np.testing.assert_array_equal(again.pixels(3, seed=1), model.pixels(3, seed=1))
        assert again.abilities == ("sample", "compare")


def test_the_mixin_is_the_hubs_own() -> None:
    assert issubclass(share.Shared, ModelHubMixin)
    assert share.Shared(autoencoder()).generate_model_card().data.library_name == "visavis"


def test_the_card_tells_what_was_measured_and_can_be_read_back(tmp_path: Path) -> None:
    load(a_run(tmp_path / "run")).save_pretrained(tmp_path / "saved", name="digits", licence="mit")
    card = ModelCard.load(tmp_path / "saved" / "README.md")
    found = {each.metric_type: (each.metric_value, each.metric_args) for each in claims(card)}
    assert found["fd_digitsr"] == (3.25, {"interval": [3.0, 3.5], "null": 0.1})
    assert found["ndb"] == (7.0, {"interval": [5.0, math.inf], "null": 1.0})  # an open end stays one
    assert found.keys() == {"fd_digitsr", "modes kl", "ndb"}
    assert card.data.to_dict()["license"] == "mit"
    assert "| fd_digitsr | 3.25 | 3 … 3.5 | 0.1 |" in card.text
    for told in ("the images are few", "visavis sample FOLDER", "visavis compare FOLDER", "features digitsr"):
        assert told in card.text


def test_scores_of_other_weights_do_not_go_along(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    for field, other in (("trained_images", 6), ("weights", "raw"), ("weights_sha256", "0" * 64)):
        changed = RESULT | {"record": RESULT["record"] | {field: other}}
        (run / "evaluation.json").write_text(json.dumps(changed))
        assert share.Shared(load(run)).result is None
    load(run).save_pretrained(tmp_path / "saved")
    assert "have not been judged" in (tmp_path / "saved" / "README.md").read_text()


def test_licence_and_the_hubs_table_follow_from_the_data(tmp_path: Path) -> None:
    model = load(a_run(tmp_path / "run"))
    assert entries(model, RESULT) == []  # data that the hub does not know
    for source, licence in (("digits", "cc-by-4.0"), ("owner/name", None), ("ylecun/mnist", "cc-by-sa-3.0")):
        model.description.recipe["data"] = {"source": source}  # type: ignore[index]
        card = make_card(model, "x", RESULT)
        assert card.data.to_dict().get("license") == licence
    model.save_pretrained(tmp_path / "saved")
    (first, *_) = yaml.safe_load((tmp_path / "saved" / ".eval_results" / "visavis.yaml").read_text())
    assert first["dataset"] == {"id": "ylecun/mnist", "task_id": "fd_digitsr"}
    assert first["value"] == 3.25
    assert "95 % interval [3.0, 3.5], null 0.1; features digitsr" in first["notes"]


def test_pushing_sends_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, object] = {}

    class Api:
        def __init__(self, token: object) -> None: ...

        def create_repo(self, repo_id: str, **_: object) -> object:
            return type("Url", (), {"repo_id": repo_id})

        def upload_folder(self, repo_id: str, folder_path: Path, **_: object) -> str:
            sent[repo_id] = {path.name for path in folder_path.iterdir()}
            return f"https://hub/{repo_id}/commit/1"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    url = load(a_run(tmp_path / "run")).push_to_hub("owner/digits")
    assert url == "https://hub/owner/digits/commit/1"
    assert sent == {"owner/digits": {"config.json", "model.safetensors", "README.md", "evaluation.json"}}


def in_the_cache(model: Model, cache: Path, revision: str, commit: str) -> Path:
    """As huggingface_hub keeps a model that it fetched as ``owner/digits``."""
    folder = cache / "models--owner--digits"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / revision).write_text(commit)
    model.save_pretrained(folder / "snapshots" / commit)
    return folder / "snapshots" / commit


def test_a_model_of_the_hub_comes_from_the_cache_by_revision(tmp_path: Path) -> None:
    model = generator_and_critic()
    tagged = in_the_cache(model, tmp_path, "v1", "1" * 40)
    for weights in model.networks["G"].parameters():
        weights.mul_(2)
    in_the_cache(model, tmp_path, "main", "2" * 40)
    made = []
    for revision in ("v1", None):
        again = visavis.Model.from_pretrained(
            "owner/digits", revision=revision, cache_dir=tmp_path, local_files_only=True
        )
        made.append(again.pixels(3, seed=1))
        assert again.origin is not None
        assert (again.origin.parent == tagged) == (revision == "v1")
    np.testing.assert_array_equal(made[0], generator_and_critic().pixels(3, seed=1))
    np.testing.assert_array_equal(made[1], model.pixels(3, seed=1))
    assert not np.array_equal(*made)


def test_revision_and_token_reach_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = in_the_cache(generator_and_critic(), tmp_path, "v1", "1" * 40)
    asked: dict[str, object] = {}

    def download(repository: str, **how: object) -> str:
        asked.update(how, repository=repository)
        return str(folder)

    monkeypatch.setattr(share, "snapshot_download", download)
    where = {"revision": "v1", "token": "secret", "cache_dir": tmp_path, "local_files_only": True}
    visavis.Model.from_pretrained("owner/digits", **where)
    assert asked.items() >= {"repository": "owner/digits", "allow_patterns": share.WANTED, **where}.items()


def test_what_cannot_be_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    run = a_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"exists; give another folder"):
        load(run).save_pretrained(run)
    with pytest.raises(UserError, match=r"cannot load 'no-owner/no-name': the Hugging Face hub fails"):
        visavis.load("no-owner/no-name")
    with pytest.raises(UserError, match=r"cannot load 'no-owner/no-name'"):
        visavis.Model.from_pretrained("no-owner/no-name", local_files_only=True)
    with pytest.raises(UserError, match=r"no run at 'tests/no-name'; train one"):
        visavis.load("tests/no-name")  # the folder tests is here, so this is a path
    with pytest.raises(UserError, match=r"is a Generator .asked for: Autoencoder"):
        Autoencoder.from_pretrained(run)
    with pytest.raises(UserError, match=r"cannot push to 'owner/name'"):
        monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", None)
        load(run).push_to_hub("owner/name")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 9}, "format 9, allowed: 1"),
        ({"networks": {"G": {"kind": "dreamed"}}}, "is not what this version of visavis writes"),
        ({"task": "dream"}, "unknown task 'dream'"),
    ],
)
def test_unknown_versions_networks_and_tasks_are_refused(tmp_path: Path, change: object, told: str) -> None:
    generator_and_critic().save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / "model.safetensors"
    from safetensors import safe_open

    with safe_open(path, "pt") as opened:
        described = json.loads(opened.metadata()["visavis"]) | change  # type: ignore[operator]
    save_file(load_file(path), path, {"visavis": json.dumps(described)})
    with pytest.raises(UserError, match=told) as raised:
        visavis.load(tmp_path / "saved")
    assert "\n" not in str(raised.value)
