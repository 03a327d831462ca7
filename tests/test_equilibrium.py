"""The equilibrium bench: which generator has no pull at the data; rows of one kind stand together."""

from pathlib import Path

import pytest
import torch
from tiny import Cli
from torch.testing import assert_close

from visavis.bench import equilibrium
from visavis.bench.equilibrium import Equilibrium, Table, games, measure
from visavis.data.digits import digits
from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.files import read_json


def test_a_table_shows_each_of_its_images_equally_often() -> None:
    table = Table(torch.arange(4.0)[:, None, None, None].expand(4, 1, 2, 2))
    middles = torch.special.ndtri(torch.tensor([0.125, 0.375, 0.625, 0.875, 0.001, 0.999]))
    assert table(middles[:, None])[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 0, 3]


def expected_gradient(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """G's gradient at the data, over all pairs of eight images, and the size of its parts, with a fixed D.

    A linear loss of all three kinds of pairs is an average over pairs, so it can be summed up exactly.
    """
    real = to_float(torch.as_tensor(digits("train")[0][:8]).permute(0, 3, 1, 2))
    torch.manual_seed(0)
    critic = games(0)[name].critic().eval()
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    fake = real.clone().requires_grad_(True)
    of_real, of_fake = critic.embed(real), critic.embed(fake)
    unlike = critic.score(of_real[:, None], of_fake[None]).mean()
    fakes = critic.score(of_fake[:, None], of_fake[None]).mean() / 2
    (up,) = torch.autograd.grad(unlike, [fake], retain_graph=True)
    (down,) = torch.autograd.grad(fakes, [fake])
    return up - down, up


def test_a_symmetric_critic_and_a_linear_loss_leave_the_data_alone_whatever_d_is() -> None:
    left, part = expected_gradient("distance, linear")
    assert part.norm() > 1e-4
    assert_close(left, torch.zeros_like(left), atol=float(1e-4 * part.norm()), rtol=0)


def test_a_critic_that_knows_which_member_is_real_does_not() -> None:
    left, part = expected_gradient("concat, linear")
    assert left.norm() > 0.05 * part.norm()


def test_the_pull_of_one_score_an_image_is_all_of_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equilibrium, "IMAGES", 32)
    real = to_float(torch.as_tensor(digits("train")[0][:32]).permute(0, 3, 1, 2))
    pulls = {}
    for name in ("single", "distance, linear"):
        game = games(0)[name]
        state = equilibrium._state(game, real, equilibrium._schedule(0, 640))
        pulls[name] = equilibrium.pull(state, game.objective, real, seed=0, batches=40)
    assert pulls["single"] > 0.6 and abs(pulls["distance, linear"]) < 0.1


def test_rows_are_added_kept_and_told(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("IMAGES", 32), ("PULLS", 2)):
        monkeypatch.setattr(equilibrium, name, value)
    out = tmp_path / "e.json"
    asked = Equilibrium(("single", "distance, linear"), (0.5,), (0,), 128, out)
    rows = measure(asked)["rows"]
    assert [len(row["looks"]) for row in rows] == [4, 4]
    assert all(row["looks"][-1]["rms"] > 0 and row["looks"][-1]["images"] == 128 for row in rows)
    assert all(row["fixed"]["rms"] > 0 for row in rows)
    assert measure(asked)["rows"] == read_json(out)["rows"] == rows
    with pytest.raises(UserError, match="images = 128, and these have 512"):
        measure(Equilibrium(asked.names, asked.penalties, asked.seeds, 512, out))
    with pytest.raises(UserError, match="singel"):
        measure(Equilibrium(("singel",), out=out))
    with pytest.raises(UserError, match=r"a penalty of -1 \(allowed: 0 or more\); mend --penalties"):
        measure(Equilibrium(("single",), (0.0, -1.0), out=out))
    assert {row["penalty"] for row in rows} == {0.5}
    assert rows[0]["made"].keys() == {"processor", "torch", "date"}
    more = measure(Equilibrium(("single",), (0.0, 0.5), (0,), 128, out))["rows"]
    assert more[:2] == rows and [row["penalty"] for row in more] == [0.5, 0.5, 0.0]
    with_penalty, without = more[0], more[2]
    assert with_penalty["fixed"] == without["fixed"], "D as it began knows no penalty"
    assert with_penalty["looks"][-1]["rms"] != without["looks"][-1]["rms"]
    monkeypatch.setattr(equilibrium, "games", lambda r: {"single": games(r)["single"]})
    done = cli("bench", "equilibrium", "--images", 128, "--seeds", 1, "--out", tmp_path / "f.json")
    assert done.status == 0 and "1 rows" in done.out and "single, R1 = R2 = 0, seed 1: pull" in done.out


def test_drifting_has_no_critic_to_be_penalised_and_hardly_pulls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the data what attracts and what repels are one distribution."""
    monkeypatch.setattr(equilibrium, "IMAGES", 32)
    asked = Equilibrium(("drifting",), (0.5, 0.0), (0,), 128, tmp_path / "e.json")
    found = measure(asked)
    (row,) = found["rows"]
    assert row["penalty"] == 0.0 and not row.keys() & {"fixed", "pull_trained", "pull_untrained"}
    assert abs(row["pull"]) < 0.2 and row["looks"][-1]["rms"] > 0
    assert "drifting, R1 = R2 = 0, seed 0: pull" in equilibrium.in_words(found)


def test_the_command_takes_penalties_and_names_of_games(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "equilibrium.json"
    words = ("bench", "equilibrium", "--images", "128", "--out", out)
    done = cli(*words, "--games", "single; distance, linear", "--penalties", "0,0.5")
    assert done.status == 0, done.err
    rows = [(row["game"], row["penalty"]) for row in read_json(out)["rows"]]
    assert sorted(rows) == [(game, each) for game in ("distance, linear", "single") for each in (0.0, 0.5)]
    assert cli(*words, "--games", "nobody").status == 2
    assert cli(*words, "--penalties", "-1").status == 2
