"""The narrow bench: rows stand, unlike rows are refused, and the critics are as narrow as they say."""

from pathlib import Path

import pytest
import torch
from tiny import Cli

from visavis.bench.narrow import Narrow, games, in_words, measure, recipe
from visavis.core import Shape
from visavis.errors import UserError
from visavis.files import read_json
from visavis.networks import build, parameters


def tiny(out: Path, **fields: object) -> Narrow:
    return Narrow(**{"widths": (4,), "seeds": (0,), "images": 256, "samples": 300, "out": out, **fields})  # type: ignore[arg-type]


def test_each_game_gives_a_row_and_a_second_call_trains_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "narrow.json"
    names = ("single", "PairGAN")
    first = measure(tiny(out, names=names[:1]))
    rows = first["rows"]
    trained: list[str] = []
    before = measure.__globals__["line"]

    def watched(*args: object) -> object:
        trained.append("")
        return before(*args)

    monkeypatch.setitem(measure.__globals__, "line", watched)
    found = measure(tiny(out, names=names))
    assert len(trained) == 1
    assert found["rows"][:1] == rows
    assert [row["game"] for row in found["rows"]] == list(names)
    (null,) = found["untrained"]
    assert null["images"] == 0 and null["fd_digitsr"] != found["rows"][0]["fd_digitsr"]
    assert read_json(out)["rows"] == found["rows"]
    for row in found["rows"]:
        assert row["images"] == 256 and 1 <= row["modes"] <= 300 and row["kl"] > 0
        assert row["fd_digitsr"] > 1, "an untrained G is far from the digits"
    assert "PairGAN, width 4, seed 0" in in_words(found)


def test_a_critic_without_units_is_refused_before_training(tmp_path: Path, cli: Cli) -> None:
    done = cli("bench", "narrow", "--widths", "4,0", "--out", tmp_path / "x.json")
    assert done.status == 2 and done.err.count("\n") == 1
    assert "a critic of width 0 (allowed: 1 or more units a layer)" in done.err
    assert not (tmp_path / "x.json").exists()


def test_rows_of_another_budget_or_game_are_refused_before_training(tmp_path: Path) -> None:
    out = tmp_path / "narrow.json"
    measure(tiny(out, names=("single",)))
    with pytest.raises(UserError, match="images = 256, and these have 512"):
        measure(tiny(out, images=512))
    with pytest.raises(UserError, match="'tripel'"):
        measure(tiny(out, names=("tripel",)))


@pytest.mark.parametrize("width", [4, 64])
def test_critics_of_one_width_differ_by_their_heads_alone(width: int) -> None:
    """Branch: 192·w + w + w² + w, twice the inputs with two images in one; head by hand."""
    branch = 192 * width + width + width**2 + width
    concat = 2 * width * width + width + width + 1
    by_hand = {
        "single": branch + width + 1,
        "difference": branch + width,
        "concat": branch + concat,
        "PairGAN": branch + concat,
        "PacGAN": branch + 192 * width + width + 1,
    }
    for name, game in games(width).items():
        made = recipe(game, width, 0, 256)
        nets = build(made.networks, Shape(3, 8), 0)
        made.objective.check(made.networks, made.data)
        assert parameters(nets["D"]) == by_hand[name], name


def test_all_games_begin_with_the_same_generator() -> None:
    from visavis.runs.build import build_networks

    first = [build_networks(recipe(game, 8, 1, 256), Shape(3, 8), 0)["G"] for game in games(8).values()]
    for other in first[1:]:
        for a, b in zip(first[0].parameters(), other.parameters(), strict=True):
            assert torch.equal(a, b)
