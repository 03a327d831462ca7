import json
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from processes import started
from tiny import TINY, Cli, assert_same_run, contents, resumes, rows

from visavis.cli.main import main
from visavis.models import snapshot
from visavis.report.logs import RunLog
from visavis.runs import folder, run
from visavis.training import loop

TRAIN = ["train", "digits", *TINY, "--checkpoint-every", "24"]


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 128 images that nothing disturbed."""
    path = tmp_path_factory.mktemp("straight") / "run"
    with pytest.raises(SystemExit) as left:
        main([*TRAIN, "--images", "128", "--out", str(path)])
    assert not left.value.code
    return path


def when_logged(monkeypatch: pytest.MonkeyPatch, images: int, act: Callable[[], None]) -> None:
    """Let something happen once, in the middle of training."""
    append, acted = RunLog.append, []

    def log(self: RunLog, row: Any) -> None:
        append(self, row)
        if row["images"] == images and not acted:
            acted.append(True)
            act()

    monkeypatch.setattr(RunLog, "append", log)


def test_killed_at_random_moments_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    command = [*TRAIN, "--images", "200", "--metrics", "", "--snapshot-every", "200", "--out"]
    undisturbed = started([*command, str(tmp_path / "undisturbed")])
    killed, moments = tmp_path / "killed", random.Random(time.time_ns())
    kills = 0
    for seen in (0, 60, 130):
        process = started([*command, str(killed)])
        while process.is_alive() and (not killed.exists() or _seen(killed) < seen):
            time.sleep(0.005)
        time.sleep(moments.random() * 0.15)
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
    assert kills == 3
    last = started([*command, str(killed)])
    for process in (last, undisturbed):
        process.join()
        assert process.exitcode == 0
    assert_same_run(tmp_path / "undisturbed", killed)
    assert resumes(killed)
    assert not list(killed.rglob("*.tmp*"))


def _seen(path: Path) -> int:
    """The newest row's images, of a log that another process writes."""
    if not (path / "stats.jsonl").exists():
        return 0
    lines = (path / "stats.jsonl").read_text().split("\n")[:-1]
    return json.loads(lines[-1])["images"] if lines else 0


def test_a_run_at_its_end_says_so_and_how_to_go_on(straight: Path, tmp_path: Path, cli: Cli) -> None:
    run = shutil.copytree(straight, tmp_path / "run")
    again = cli(*TRAIN, "--images", "128", "--metrics", "", "--out", run)
    assert again.status == 0
    assert f"'{run}' is trained to its end; to go on give a larger --images" in again.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_saved_and_goes_on(
    number: int, tmp_path: Path, straight: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    when_logged(monkeypatch, 48, lambda: os.kill(os.getpid(), number))
    command = [
        "train",
        "digits",
        *TINY,
        "--images",
        128,
        "--out",
        path,
    ]  # the clock's checkpoints are far off
    stopped = cli(*command)
    assert stopped.status == 130
    assert stopped.err.splitlines()[-1] == "visavis: interrupted; run the same command again to go on"
    assert snapshot.load_checkpoint(path).numbers["images"] == 48
    assert cli(*command).status == 0
    assert_same_run(straight, path)
    assert resumes(path) == [48]


def test_a_finished_run_run_again_does_nothing_and_prints_the_same(digits_run: Path, cli: Cli) -> None:
    command = [*TRAIN, "--images", 64, "--out", digits_run, "--json"]
    before = contents(digits_run)
    first, second = cli(*command), cli(*command)
    assert first.status == second.status == 0
    assert first.out == second.out and first.json["images"] == 64
    assert contents(digits_run) == before


def test_more_images_extend_it_to_the_run_of_that_length(digits_run: Path, straight: Path, cli: Cli) -> None:
    assert cli(*TRAIN, "--images", 128, "--out", digits_run).status == 0
    assert_same_run(straight, digits_run)


def test_stopped_between_two_rows_of_the_log(
    tmp_path: Path, straight: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint holds the sums of the row that is not yet written."""
    path = tmp_path / "run"
    save = run.save_checkpoint

    def save_and_stop(session: Any) -> None:
        save(session)
        session.interrupt = signal.SIGINT

    monkeypatch.setattr(run, "save_checkpoint", save_and_stop)
    assert cli(*TRAIN, "--images", 128, "--out", path).status == 130
    monkeypatch.undo()
    assert snapshot.load_checkpoint(path).numbers["images"] == 24  # a row comes every 16
    assert cli(*TRAIN, "--images", 128, "--out", path).status == 0
    assert_same_run(straight, path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("spoil", "words"), [(truncate, "cannot be read"), (flip, "damaged")])
def test_a_torn_checkpoint_falls_back_to_the_one_before(
    spoil: Callable[[Path], None], words: str, digits_run: Path, straight: Path, cli: Cli
) -> None:
    spoil(digits_run / snapshot.CHECKPOINT)
    gone_on = cli(*TRAIN, "--images", 128, "--out", digits_run)
    assert gone_on.status == 0
    (line,) = (line for line in gone_on.err.splitlines() if words in line)
    assert line.startswith("visavis: ") and "the checkpoint before, at 48 images" in line
    assert resumes(digits_run) == [48]
    assert_same_run(straight, digits_run)


def test_a_torn_checkpoint_never_replaces_the_sound_one_before(
    digits_run: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(digits_run / snapshot.CHECKPOINT)

    def die(session: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_train", die)
    cli(*TRAIN, "--images", 128, "--out", digits_run)
    assert snapshot.load_checkpoint(digits_run).complaints == []


def test_two_broken_checkpoints_are_one_line(digits_run: Path, cli: Cli) -> None:
    truncate(digits_run / snapshot.CHECKPOINT)
    flip(digits_run / snapshot.PREVIOUS)
    before = contents(digits_run)
    refused = cli(*TRAIN, "--images", 128, "--out", digits_run)
    assert refused.status == 2 and refused.err.count("\n") == 1
    assert "--fresh" in refused.err and "--init" in refused.err
    assert contents(digits_run) == before


def test_killed_between_the_two_renames(digits_run: Path, straight: Path, cli: Cli) -> None:
    (digits_run / snapshot.CHECKPOINT).replace(digits_run / snapshot.PREVIOUS)
    torn = digits_run / ".checkpoint.99999999.tmp.safetensors"
    torn.write_bytes(b"half")
    assert cli(*TRAIN, "--images", 128, "--out", digits_run).status == 0
    assert not torn.exists() and resumes(digits_run) == [64]
    assert_same_run(straight, digits_run)


@pytest.mark.parametrize("left", [[], [".recipe.1234.tmp.json"], ["recipe.json", "real.png", "stats.jsonl"]])
def test_killed_before_the_first_checkpoint_it_starts_over(
    left: list[str], tmp_path: Path, straight: Path, cli: Cli
) -> None:
    path = tmp_path / "run"
    path.mkdir()
    for name in left:
        source = straight / name
        (path / name).write_bytes(source.read_bytes() if source.exists() else b"{")
    assert cli(*TRAIN, "--images", 128, "--out", path).status == 0
    assert_same_run(straight, path)


def test_a_full_disk_ends_in_one_line_and_nothing_is_lost(digits_run: Path, straight: Path, cli: Cli) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (digits_run / snapshot.CHECKPOINT).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, hard))
    try:
        full = cli(*TRAIN, "--images", 128, "--out", digits_run, "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.status == 2
    assert full.err.splitlines()[-1].startswith(
        f"visavis: cannot write '{digits_run / snapshot.CHECKPOINT}': "
    )
    assert snapshot.load_checkpoint(digits_run).numbers["images"] == 64
    assert not list(digits_run.rglob("*.tmp*"))
    assert cli(*TRAIN, "--images", 128, "--out", digits_run).status == 0
    assert_same_run(straight, digits_run)


def test_a_place_that_cannot_be_written_to(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        refused = cli(*TRAIN, "--out", out)
        assert refused.status == 2 and refused.err.count("\n") == 1 and str(out) in refused.err
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (["--lr", "1e-5"], "adam.D.lr"),
        (["--batch-size", "16"], "batch_size"),
        (["--seed", "1"], "seed"),
        (["--classes", "3,5"], "data.classes"),
        (["--networks.G.widths", "4,8"], "networks.G.widths"),
        (["--conditional", "false"], "conditional"),
    ],
)
def test_a_run_of_another_recipe_is_refused(
    fields: list[str], named: str, digits_run: Path, cli: Cli
) -> None:
    before = contents(digits_run)
    refused = cli(*TRAIN, "--images", 128, "--out", digits_run, *fields)
    assert refused.status == 2 and refused.err.count("\n") == 1
    assert named.split(".")[-1] in refused.err and "--fresh" in refused.err
    assert contents(digits_run) == before


def test_fields_that_change_no_number_may_change(digits_run: Path, cli: Cli) -> None:
    changed = ["--keep-snapshots", 1, "--snapshot-every", 16, "--metrics", ""]
    assert cli(*TRAIN, "--images", 128, "--out", digits_run, *changed).status == 0
    assert [path.name for path in (digits_run / "snapshots").iterdir()] == ["000000000128.safetensors"]


def test_a_run_of_a_version_that_knew_fewer_fields_goes_on(digits_run: Path, cli: Cli) -> None:
    described = json.loads((digits_run / "recipe.json").read_text())
    del (
        described["recipe"]["precision"],
        described["recipe"]["networks"]["D"]["random_order"],
        described["init"],
    )
    (digits_run / "recipe.json").write_text(json.dumps(described))
    assert cli(*TRAIN, "--images", 80, "--out", digits_run).status == 0


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"recipe": {"name": 3}}'])
def test_a_recipe_file_of_another_program(text: str, digits_run: Path, cli: Cli) -> None:
    (digits_run / "recipe.json").write_text(text)
    refused = cli(*TRAIN, "--images", 80, "--out", digits_run)
    assert refused.status == 2 and refused.err.count("\n") == 1 and refused.err.startswith("visavis: ")


def test_a_run_on_other_images_is_refused(tmp_path: Path, cli: Cli) -> None:
    command = [*TRAIN, "--data", tmp_path / "set.npz", "--conditional", "false", "--out", tmp_path / "run"]
    pixels = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels)
    assert cli(*command, "--images", 16).status == 0
    np.savez(tmp_path / "set.npz", images=pixels // 2)
    refused = cli(*command, "--images", 32)
    assert refused.status == 2 and "other images" in refused.err and refused.err.count("\n") == 1


def test_fresh_starts_over(digits_run: Path, cli: Cli) -> None:
    (digits_run / "notes.txt").write_text("mine")
    assert cli(*TRAIN, "--images", 32, "--lr", "1e-4", "--fresh", "--out", digits_run).status == 0
    assert [row["images"] for row in rows(digits_run)] == [16, 32] and resumes(digits_run) == []
    assert [path.stem for path in snapshot.snapshots(digits_run)] == ["000000000032"]
    assert (digits_run / "notes.txt").read_text() == "mine"


def test_fresh_leaves_alone_what_is_no_run(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "mine" / "samples").mkdir(parents=True)
    (tmp_path / "mine" / "samples" / "x.wav").write_text("mine")
    refused = cli(*TRAIN, "--fresh", "--out", tmp_path / "mine")
    assert refused.status == 2 and "holds no run" in refused.err
    assert contents(tmp_path) == {"mine/samples/x.wav": b"mine"}


def test_fresh_forgets_nothing_before_the_new_run_can_start(
    digits_run: Path, tmp_path: Path, cli: Cli
) -> None:
    before = contents(digits_run)
    for bad in (["--init", tmp_path / "no"], ["--batch-size", 5000], ["--data", tmp_path / "no"]):
        refused = cli(*TRAIN, "--fresh", "--out", digits_run, *bad)
        assert refused.status == 2 and refused.err.count("\n") == 1
    assert contents(digits_run) == before


def test_init_starts_from_another_runs_weights(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "second"
    started = [*TRAIN, "--lr", "1e-4", "--init", digits_run, "--out", path]
    assert cli(*started, "--images", 16).status == 0
    before, after = digits_run / "samples" / "000000000064.png", path / "samples" / "000000000000.png"
    assert before.read_bytes() == after.read_bytes()
    shutil.rmtree(digits_run)
    assert cli(*started, "--images", 32).status == 0  # goes on: its own checkpoint counts
    assert resumes(path) == [16]
    assert "init" in cli(*started, "--init", tmp_path / "other", "--images", 48).err


def test_init_from_networks_of_other_sizes_is_refused(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    refused = cli(*TRAIN, "--networks.G.widths", "4,4", "--init", digits_run, "--out", tmp_path / "second")
    assert refused.status == 2 and refused.err.count("\n") == 1 and "--init" in refused.err
    assert "its network G has " in refused.err and "state_dict" not in refused.err
    assert "size mismatch" not in refused.err
    assert not (tmp_path / "second").exists()


def test_init_from_a_run_without_any_of_the_networks(
    digits_run: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = snapshot.load_snapshot

    def other(path: Path) -> Any:
        networks, about = load(path)
        return {"critic": networks["D"]}, about

    monkeypatch.setattr(snapshot, "load_snapshot", other)
    refused = cli(*TRAIN, "--init", digits_run, "--out", tmp_path / "second")
    assert refused.status == 2 and "it has the networks critic (allowed: D, G)" in refused.err
    assert not (tmp_path / "second").exists()


def test_a_folder_that_another_process_trains_in(digits_run: Path, cli: Cli) -> None:
    with folder.held(digits_run):
        refused = cli(*TRAIN, "--images", 128, "--out", digits_run)
    assert refused.status == 2 and "another process" in refused.err
    assert cli(*TRAIN, "--images", 80, "--out", digits_run).status == 0


def test_divergence_says_what_and_keeps_the_last_good_checkpoint(
    digits_run: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = loop.update

    def spoilt(state: Any, *rest: Any) -> Any:
        scalars = update(state, *rest)
        broken = torch.tensor(float("nan") if state.images >= 88 else 0.0)
        return {name: value + broken for name, value in scalars.items()}

    monkeypatch.setattr(loop, "update", spoilt)
    command = ["train", "digits", *TINY, "--checkpoint-every", 8, "--images", 128, "--out", digits_run]
    diverged = cli(*command)
    assert diverged.status == 1
    assert diverged.err.splitlines()[-1].startswith("visavis: training diverged: ")
    assert "nan" in diverged.err.splitlines()[-1]
    assert "the last good checkpoint is kept" in diverged.err.splitlines()[-1]
    checkpoint = snapshot.load_checkpoint(digits_run)
    assert checkpoint.numbers["images"] == 88
    assert all(tensor.isfinite().all() for tensor in checkpoint.tensors.values())


def test_a_rate_that_is_much_too_high_diverges(tmp_path: Path, cli: Cli) -> None:
    diverged = cli(*TRAIN, "--lr", "1e30", "--images", 128, "--out", tmp_path / "run")
    assert diverged.status == 1 and "diverged" in diverged.err.splitlines()[-1]
    assert "Traceback" not in diverged.err
    assert not (tmp_path / "run" / snapshot.CHECKPOINT).exists()
    assert "no checkpoint was saved" in diverged.err and "kept" not in diverged.err


def test_weights_that_are_not_finite_are_never_saved(
    digits_run: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step's losses are finite, what its update made is not."""
    update_ema = loop.update_ema

    def spoilt(state: Any, decay: float) -> None:
        update_ema(state, decay)
        if state.images == 80:
            next(state.nets["G"].parameters()).data.view(-1)[0] = float("inf")

    monkeypatch.setattr(loop, "update_ema", spoilt)
    diverged = cli(*TRAIN, "--images", 80, "--out", digits_run)
    assert diverged.status == 1 and "nets.G." in diverged.err
    assert snapshot.load_checkpoint(digits_run).numbers["images"] == 64


def test_time_ends_a_run(tmp_path: Path, cli: Cli) -> None:
    command = [
        "train",
        "digits",
        *TINY,
        "--metrics",
        "",
        "--time",
        "0.3s",
        "--out",
        tmp_path / "run",
        "--json",
    ]
    first, second = cli(*command), cli(*command)
    assert first.status == 0 and first.json["images"] > 0 and first.json["seconds"] >= 0.3
    assert second.out == first.out


def test_epochs_are_passes_over_the_images(tmp_path: Path, cli: Cli) -> None:
    np.savez(tmp_path / "set.npz", images=np.zeros((20, 8, 8, 1), np.uint8))
    command = [*TRAIN, "--data", tmp_path / "set.npz", "--conditional", "false", "--metrics", ""]
    done = cli(*command, "--epochs", 2, "--out", tmp_path / "run", "--json")
    assert done.json["images"] == 40


@pytest.mark.parametrize(("tick", "batch_size"), [(100, 64), (16, 8), (8, 8), (4, 8), (2560, 128), (10, 7)])
def test_the_report_before(tick: int, batch_size: int) -> None:
    reports = [n for n in range(batch_size, 100 * batch_size, batch_size) if n % tick < batch_size]
    for before, images in zip([0, *reports], reports, strict=False):
        assert run.report_before(images, tick, batch_size) == before
        if images + batch_size not in reports:  # the run's end, between two ticks
            assert run.report_before(images + batch_size, tick, batch_size) == images


def test_a_change_is_made_where_it_is_asked_for_and_written_down(digits_run: Path, cli: Cli) -> None:
    command = ["train", "--out", digits_run, "--adam.G.lr", "1e-5", "--batch-size", 16, "--images", 96]
    refused = cli(*command)
    assert refused.status == 2 and "--change" in refused.err and "--init" in refused.err
    done = cli(*command, "--change")
    assert done.status == 0 and "batch_size 8 -> 16" in done.err and "changed: adam.G.lr" in done.err
    described = json.loads((digits_run / "recipe.json").read_text())
    assert described["recipe"]["batch_size"] == 16 and described["recipe"]["adam"]["G"]["lr"] == 1e-5
    (change,) = described["changes"]
    assert change["images"] == 64 and change["fields"]["batch_size"] == ["8", "16"]
    log = [json.loads(line) for line in (digits_run / "stats.jsonl").read_text().splitlines()]
    assert [row["fields"] for row in log if row.get("event") == "change"] == [change["fields"]]
    assert cli("train", "--out", digits_run, "--images", 112).status == 0  # as changed, without a word
    other = cli("train", "--out", digits_run, "--networks.G.z_dim", 3, "--images", 128, "--change")
    assert other.status == 2 and "networks.G.z_dim" in other.err and "--change" not in other.err
