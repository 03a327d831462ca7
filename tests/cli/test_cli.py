"""The command line as users meet it: results, and every mistake as one line that names the mend."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import NETWORKS, TINY, Cli, contents

import visavis
from visavis import recipes
from visavis.cli import arguments
from visavis.cli.arguments import Parser
from visavis.cli.main import main
from visavis.report.grids import save_grid


def picture(path: Path, seed: int = 0, size: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Class folders of 4 cats and 4 dogs, 8×8."""
    for i in range(4):
        picture(tmp_path / "animals" / "cat" / f"{i}.png", i)
        picture(tmp_path / "animals" / "dog" / f"{i}.png", 10 + i)
    return tmp_path / "animals"


TRAIN = ["train", "digits", *TINY]
ANIMALS = [*TRAIN, "--metrics", "", "--images", "8", "--data", "animals"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], ["'trian'", "did you mean 'train'", "recipes"]),
        (["train", "digit"], ["recipe 'digit'", "did you mean 'digits'", "siamese-catsdogs"]),
        (["train", "digits", "more"], ["more"]),
        ([*TRAIN, "--imags", "5"], ["'--imags'", "did you mean '--images'"]),
        ([*TRAIN, "--frseh"], ["'--frseh'", "did you mean '--fresh'"]),
        ([*TRAIN, "--objectiv.r1", "0.5"], ["'--objectiv.r1'", "did you mean '--objective.r1'"]),
        (
            ["evaluate", "empty/run"],
            ["no run, file or folder at 'empty/run'", "visavis train --out empty/run"],
        ),
        (["train", "--frseh", "digits"], ["'--frseh'", "did you mean '--fresh'"]),
        ([*TRAIN, "--frseh", "--json"], ["'--frseh'", "did you mean '--fresh'"]),
        ([*TRAIN, "--skip-broke"], ["'--skip-broke'", "did you mean '--skip-broken'"]),
        (["recipes", "--jsn"], ["'--jsn'", "did you mean '--json'"]),
        (["recipes", "--jsn=1"], ["'--jsn'", "did you mean '--json'"]),
        (["recipes", "more"], ["more", "visavis recipes --help"]),
        (["--versoin"], ["'--versoin'", "did you mean '--version'"]),
        (["sample", "RUN", "--lable", "3"], ["'--lable'", "did you mean '--label'"]),
        ([*TRAIN, "--networks.G.widht", "8"], ["'networks.G.widht'", "networks.G.width"]),
        ([*TRAIN, "--networks.G.z_dim"], ["'--networks.G.z_dim' needs a value"]),
        ([*TRAIN, "--networks.G.z_dim", "--json"], ["needs a value"]),
        ([*TRAIN, "--networks.G.z_dim", "many"], ["z_dim", "many"]),
        ([*TRAIN, "--networks.G.z_dim", "-4"], ["z_dim"]),
        ([*TRAIN, "--batch-size", "0"], ["batch_size", "0"]),
        ([*TRAIN, "--batch-size", "2.5"], ["batch_size", "2.5"]),
        ([*TRAIN, "--batch-size", "5000"], ["5000", "1 to 1438", "--batch-size"]),
        ([*TRAIN, "--lr", "fast"], ["lr", "fast"]),
        ([*TRAIN, "--lr", "inf"], ["lr", "finite"]),
        ([*TRAIN, "--lr", "-1"], ["learning rate", "allowed: above 0", "--lr", "-1"]),
        ([*TRAIN, "--lr", "0"], ["learning rate", "allowed: above 0"]),
        ([*TRAIN, "--seed", "-1"], ["seed", "-1"]),
        ([*TRAIN, "--name", "../../evil"], ["name", "'../../evil'", "allowed"]),
        ([*TRAIN, "--name", "a/b"], ["'a/b'"]),
        ([*TRAIN, "--name", "a\\b"], ["name", "allowed"]),
        ([*TRAIN, "--name", ".."], ["'..'"]),
        ([*TRAIN, "--name="], ["name", "allowed"]),
        ([*TRAIN, "--seed", "one"], ["seed", "one"]),
        ([*TRAIN, "--precision", "fp8"], ["precision", "fp8", "bf16"]),
        ([*TRAIN, "--device", "tpu"], ["device 'tpu'", "cpu", "cuda"]),
        ([*TRAIN, "--metrics", "fid"], ["metric 'fid'", "stacked-modes"]),
        ([*TRAIN, "--metrics", "stacked-modes"], ["'stacked-modes' does not fit 'digits'", "--metrics"]),
        ([*TRAIN, "--classes", "3,cat"], ["class 'cat'", "allowed"]),
        ([*TRAIN, "--resolution", "16"], ["resolution 16", "8"]),
        (
            [*TRAIN, "--networks.D.head", "concat", "--objective.kinds", "like,unlike"],
            ["concat", "conditional"],
        ),
        ([*TRAIN, "--images", "0"], ["--images", "'0'", "above 0"]),
        ([*TRAIN, "--images", "1.5"], ["--images", "'1.5'"]),
        ([*TRAIN, "--epochs", "-1"], ["--epochs", "'-1'"]),
        ([*TRAIN, "--time", "soon"], ["--time", "'soon'", "10m"]),
        ([*TRAIN, "--time", "1h30"], ["--time", "'1h30'"]),
        ([*TRAIN, "--time", "0s"], ["--time", "'0s'"]),
        ([*TRAIN, "--images", "5", "--time", "1m"], ["--time", "--images", "not allowed"]),
        ([*TRAIN, "--images", "5", "--epochs", "1"], ["--epochs", "--images", "not allowed"]),
        ([*TRAIN, "--checkpoint-every", "0"], ["--checkpoint-every"]),
        ([*TRAIN, "--data", "cifar"], ["'cifar'", "digits"]),
        ([*TRAIN, "--data", "./missing"], ["'./missing'"]),
        ([*TRAIN, "--data", "empty"], ["no images", "'empty'"]),
        ([*TRAIN, "--data", "notes.txt"], ["'notes.txt'"]),
        ([*TRAIN, "--data", "four.npz", "--conditional", "false"], ["8, 8, 4", "--metrics ''"]),
        ([*TRAIN, "--init", "missing"], ["'missing'", "visavis train"]),
        ([*ANIMALS, "--resolution", "12"], ["resolution 12", "8"]),
        ([*ANIMALS, "--classes", "cat,cow"], ["class 'cow'", "dog"]),
        ([*ANIMALS, "--batch-size", "9"], ["9", "1 to 8"]),
        (["train", "siamese-catsdogs"], ["uoft-cs/cifar10", "--data"]),
        ([*TRAIN, "--out", "x" * 300], ["the name is too long"]),
        (["train", "digits", "--data", "x" * 300], ["x"]),
        (["sample", "x" * 300], ["the name is too long"]),
        (["evaluate", "x" * 300, "--reference", "digits"], ["the name is too long"]),
        (["sample"], ["run"]),
        (["sample", "missing"], ["no run at 'missing'", "visavis train"]),
        (["sample", "empty"], ["'empty' holds no snapshot"]),
        (["sample", "notes.txt"], ["'notes.txt' cannot be read"]),
        (["sample", "RUN/checkpoint.safetensors"], ["no snapshot"]),
        (["sample", "RUN", "-n", "0"], ["-n", "'0'"]),
        (["sample", "RUN", "--label", "cat"], ["label 'cat'", "0, 1, 2"]),
        (["sample", "RUN", "--seed", "x"], ["--seed", "'x'"]),
        (["sample", "RUN", "--seed", "-1"], ["--seed", "'-1'", "0, 1, 2"]),
        (["sample", "RUN", "--seeds", "5"], ["--seeds '5'", "0-15"]),
        (["sample", "RUN", "--seeds", "9-3"], ["--seeds '9-3'"]),
        (["sample", "RUN", "--seeds", "0-3", "-n", "4"], ["-n and --seeds"]),
        (["sample", "RUN", "--out", "x.gif"], ["'x.gif'", ".png", ".npz"]),
        (["sample", "RUN", "--out", "LICENSE"], ["'LICENSE'", "file"]),
        (["sample", "RUN", "--device", "gpu"], ["device 'gpu'"]),
        (["sample", "RUN", "--fast"], ["--fast"]),
        (["sample", "RUN", "--truncation", "0.5"], ["--truncation 0.5", "no mapping network", "stylegan2"]),
        (["interpolate", "RUN", "--label", "3,5,7"], ["'3,5,7'", "3 classes", "from,to"]),
        (["interpolate", "RUN", "--label", "3,x"], ["label 'x'", "0, 1, 2"]),
        (["interpolate", "RUN", "--label", "3,5", "--linear"], ["--linear", "two classes"]),
        (["interpolate", "RUN", "--out", "walk"], ["'walk'", ".png"]),
        (["interpolate", "RUN", "--steps", "0"], ["--steps"]),
        (["interpolate", "RUN", "--steps", "1"], ["1 steps", "2 or more", "--steps"]),
        (["interpolate", "RUN", "--seed", "-1"], ["--seed", "'-1'"]),
        (["interpolate", "RUN", "--traverse", "animals/cat/0.png", "--linear"], ["--traverse", "--linear"]),
        (["interpolate", "RUN", "--traverse", "animals/cat/0.png", "--seed", "0"], ["--traverse", "--seed"]),
        (["interpolate", "RUN", "--latents", "1"], ["--latents", "--traverse"]),
        (
            ["interpolate", "RUN", "--between", "animals/cat/0.png", "animals/cat/1.png", "--seed", "1"],
            ["--between", "--seed"],
        ),
        (["compare", "RUN", "animals/cat/0.png"], ["b"]),
        (["compare", "RUN", "animals/cat/0.png", "missing.png"], ["'missing.png'"]),
        (["compare", "RUN", "animals/cat/0.png", "notes.txt"], ["'notes.txt'"]),
        (["compare", "RUN", "animals/cat/0.png", "torn.png"], ["'torn.png'"]),
        (["compare", "RUN", "animals/cat/0.png", "animals"], ["'animals'"]),
        (["compare", "RUN", "animals/cat/0.png", "animals/cat/1.png", "--label", "cat"], ["label 'cat'"]),
        (["bench", "everything"], ["bench 'everything'", "pair-step"]),
    ],
    ids=lambda value: " ".join(word for word in value if word not in TINY)[:60],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    arguments: list[str],
    words: list[str],
    digits_run: Path,
    animals: Path,
    tmp_path: Path,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "LICENSE").write_text("mine")
    torn = picture(tmp_path / "torn.png", size=64)
    torn.write_bytes(torn.read_bytes()[:200])
    np.savez(tmp_path / "four.npz", images=np.zeros((16, 8, 8, 4), np.uint8))
    before = contents(tmp_path)
    refused = cli(*(word.replace("RUN", str(digits_run)) for word in arguments))
    assert refused.status == 2
    assert refused.err.startswith("visavis: ") and refused.err.count("\n") == 1 and refused.err.endswith("\n")
    assert [word for word in words if word not in refused.err] == []
    assert refused.out == "" and contents(tmp_path) == before


def test_a_truncated_image_is_named_or_skipped_and_counted(
    animals: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torn = picture(animals / "dog" / "torn.png", size=64)
    torn.write_bytes(torn.read_bytes()[:300])
    command = [*ANIMALS, "--resolution", 8, "--conditional", "false", "--out", "run"]
    refused = cli(*command)
    assert refused.status == 2 and refused.err.count("\n") == 1
    assert "dog/torn.png" in refused.err and "--skip-broken" in refused.err
    assert not (tmp_path / "run").exists()
    done = cli(*command, "--skip-broken")
    assert done.status == 0 and "left out 1 broken image" in done.err
    described = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert described["data"]["skipped"] == 1 and described["data"]["images"] == 8


def test_a_class_without_images_is_refused(
    animals: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (animals / "cow").mkdir()
    refused = cli(*ANIMALS, "--out", "run")
    assert refused.status == 2 and "class 'cow' has no images" in refused.err
    assert cli(*ANIMALS, "--classes", "dog,cat", "--out", "run").status == 0
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["data"]["classes"] == ["dog", "cat"]


def test_a_recipe_that_names_classes_on_pictures_without(
    animals: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for i in range(4):
        picture(tmp_path / "flat" / f"{i}.png", i)
    command = ["train", "siamese-catsdogs", "--device", "cpu", "--dry-run"]
    command += ["--resolution", "32", "--batch-size", "4", "--precision", "fp32"]
    refused = cli(*command, "--data", "flat")
    assert refused.status == 2 and "'cat,dog'" in refused.err and "--classes ''" in refused.err
    (animals / "cat").rename(animals / "beagle")
    refused = cli(*command, "--data", "animals")
    assert "unknown class 'cat' (allowed: beagle, dog)" in refused.err and "--classes ''" in refused.err
    refused = cli(*command, "--data", "flat", "--classes", "")
    assert refused.status == 2 and "--conditional false" in refused.err
    command += ["--data", "flat", "--classes", "", "--conditional", "false"]
    assert cli(*command).status == 0


def test_help_and_version_need_no_torch() -> None:
    program = (
        "import sys, visavis.cli.main\n"
        "for words in (['--help'], ['train', '--help'], ['--version'], ['no-command']):\n"
        "    try: visavis.cli.main.main(words)\n"
        "    except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    for name in ("recipes", "train", "sample", "interpolate", "compare", "bench"):
        assert f"    {name}" in done.stdout
    for flag in (
        *(
            "--data",
            "--classes",
            "--out",
            "--images",
            "--epochs",
            "--time",
            "--batch-size",
            "--lr",
            "--device",
        ),
        *("--skip-broken", "--dry-run", "--json", "--init", "--fresh", "--checkpoint-every"),
    ):
        assert flag in done.stdout


def test_recipes(cli: Cli) -> None:
    table = cli("recipes", "--json").json
    assert [row["name"] for row in table] == list(recipes.RECIPES)
    for row in table:
        assert {"name", "data", "resolution", "parameters", "scores"} <= row.keys()
        assert min(row["parameters"].values()) > 0 and isinstance(row["scores"], list)
    text = cli("recipes").out
    assert all(name in text for name in recipes.RECIPES)


def test_train_prints_json_on_stdout_and_nothing_else(tmp_path: Path, cli: Cli) -> None:
    done = cli(*TRAIN, "--images", 16, "--out", tmp_path / "run", "--json")
    assert done.status == 0
    shape = ["run", "images", "seconds", "images_per_second", "threads", "snapshot", "metrics", "guard"]
    assert list(done.json) == shape and done.json["images"] == 16
    assert done.json["run"] == str(tmp_path / "run") and Path(done.json["snapshot"]).is_file()
    assert done.json["metrics"]["digit-modes/modes"] >= 1
    people = cli(*TRAIN, "--images", 32, "--out", tmp_path / "run")
    assert all(name in people.out for name in shape[:-1])
    assert "32/32 images" in people.err  # progress


def test_fields_come_before_or_after_the_recipe_with_or_without_one(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """argparse alone would take a field's value for the recipe."""
    monkeypatch.chdir(tmp_path)
    tiny = [*TINY, "--metrics", "", "--images", "8"]
    assert cli("train", "--objective.loss", "hinge", *tiny, "digits").status == 0
    fitted = ("--networks.G.widths", "8,8,8,8,8", "--networks.D.branch.width", "8")  # the default's
    assert cli("train", *tiny[len(NETWORKS) :], *fitted, "--objective.loss=hinge").status == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["digits", "mnist"]
    for path in (tmp_path / "runs").iterdir():
        assert json.loads((path / "recipe.json").read_text())["recipe"]["objective"]["loss"] == "hinge"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200)]
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    parser = Parser()
    parser.add_argument("--time", type=arguments._seconds)
    assert parser.parse_args(["--time", text]).time == seconds


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce] DefaultCPUAllocator: not enough memory")]
)
def test_no_memory_is_one_line(error: Exception, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("visavis.cli.main.run_command", fail)
    done = cli("recipes")
    assert done.status == 1 and done.err.count("\n") == 1 and "out of memory; give fewer" in done.err
    assert "--batch-size" in cli("train").err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("visavis.cli.main.run_command", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        main(["recipes"])


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(f"{sys.executable} -m visavis train --help | true", shell=True, capture_output=True)
    assert done.stderr == b""


def test_sample_writes_what_the_ending_says(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    from visavis.data import DataConfig, load_images

    for name in ("sheet.png", "made/folder", "x.npz", "x.parquet"):
        done = cli("sample", digits_run, "-n", 12, "--out", tmp_path / name, "--json")
        assert done.status == 0
        assert done.json == {"out": str(tmp_path / name), "images": 12, "resolution": 8}
    read: Callable[[str], object] = lambda name: load_images(DataConfig(source=str(tmp_path / name)))  # noqa: E731
    npz, parquet, folder = read("x.npz"), read("x.parquet"), read("made/folder")
    assert npz.shape == (1, 8) and npz.classes == parquet.classes == folder.classes == tuple("0123456789")
    assert npz.labels.tolist() == parquet.labels.tolist() == [*range(10), 0, 1]
    assert np.array_equal(npz.images[:], parquet.images[:])  # grey stays in one channel
    order = np.argsort(npz.labels, kind="stable")
    assert np.array_equal(npz.images[:][order], folder.images[:])
    with np.load(tmp_path / "x.npz") as file:
        assert file["images"].dtype == np.uint8 and file["images"].shape == (12, 8, 8, 1)


def test_sample_of_seeds_and_labels(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    def made(*arguments: object) -> tuple[np.ndarray, list[int]]:
        assert cli("sample", digits_run, *arguments, "--out", tmp_path / "x.npz").status == 0
        with np.load(tmp_path / "x.npz") as file:
            return file["images"], file["labels"].tolist()

    wide, narrow = made("--seeds", "2-6"), made("--seeds", "4-4")
    assert np.array_equal(wide[0][2:3], narrow[0]) and wide[1] == [0] * 5
    assert np.array_equal(narrow[0], made("--seed", 4, "-n", 1)[0])
    threes, all_classes = made("--label", 3, "-n", 5), made("-n", 5)
    assert threes[1] == [3] * 5 and all_classes[1] == [0, 1, 2, 3, 4]
    assert np.array_equal(threes[0][3], all_classes[0][3])
    assert not np.array_equal(threes[0][0], all_classes[0][0])


def test_sample_of_a_snapshot_file(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    (file,) = (digits_run / "snapshots").iterdir()
    assert cli("sample", file, "--out", tmp_path / "a.png").status == 0
    assert cli("sample", digits_run, "--out", tmp_path / "b.png").status == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_interpolate(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("interpolate", digits_run, "--rows", 2, "--steps", 5, "--out", tmp_path / "walk.png", "--json")
    assert done.json == {"out": str(tmp_path / "walk.png"), "rows": 2, "steps": 5}
    width, height = Image.open(tmp_path / "walk.png").size
    assert width > 2 * height


def test_a_class_morphs_into_another(digits_run: Path, tmp_path: Path, cli: Cli) -> None:
    sheet = tmp_path / "morph.png"
    words = ("--label", "3,5", "--rows", 2, "--steps", 4, "--out", sheet, "--json")
    done = cli("interpolate", digits_run, *words)
    assert done.json == {"out": str(sheet), "rows": 2, "steps": 4}
    save_grid(tmp_path / "wanted.png", visavis.load(digits_run).morph(3, 5, 2, 4), columns=4)
    assert sheet.read_bytes() == (tmp_path / "wanted.png").read_bytes()


def test_walks_of_an_autoencoder(animals: Path, tmp_path: Path, cli: Cli) -> None:
    small = ["--networks.E.widths", "8,6", "--networks.G.widths", "8,6", "--metrics", ""]
    run, sheet = tmp_path / "vae", tmp_path / "walk.png"
    assert cli("train", "vae-digits", *small, "--batch-size", 8, "--images", 8, "--out", run).status == 0
    a, b = animals / "cat" / "0.png", animals / "dog" / "0.png"
    done = cli("interpolate", run, "--between", a, b, "--steps", 5, "--out", sheet, "--json")
    assert done.json == {"out": str(sheet), "rows": 1, "steps": 5}
    done = cli("interpolate", run, "--traverse", a, "--steps", 3, "--out", sheet, "--json")
    latents = visavis.load(run).telling_latents(a)
    assert len(set(latents)) == 8
    assert done.json == {"out": str(sheet), "rows": 8, "steps": 3, "latents": latents}
    chosen = cli("interpolate", run, "--traverse", a, "--latents", "3,0", "--out", sheet, "--json")
    assert chosen.json == {"out": str(sheet), "rows": 2, "steps": 8, "latents": [3, 0]}
    for wrong, said in (("16", "0 to 15"), ("x", "x")):
        refused = cli("interpolate", run, "--traverse", a, "--latents", wrong, "--out", sheet)
        assert refused.status == 2 and said in refused.err
    refused = cli("interpolate", run, "--traverse", tmp_path / "no.png", "--out", sheet)
    assert refused.status == 2 and "no.png" in refused.err
    refused = cli("interpolate", run, "--traverse", a, "--rows", 2, "--out", sheet)
    assert refused.status == 2 and "--rows" in refused.err


def test_pictures_are_for_autoencoders(digits_run: Path, animals: Path, tmp_path: Path, cli: Cli) -> None:
    a = animals / "cat" / "0.png"
    refused = cli("interpolate", digits_run, "--between", a, a, "--out", tmp_path / "walk.png")
    assert refused.status == 2 and "cannot reconstruct" in refused.err


def test_compare(digits_run: Path, animals: Path, cli: Cli) -> None:
    a, b = animals / "cat" / "0.png", animals / "dog" / "0.png"
    margin = cli("compare", digits_run, a, b, "--json").json
    assert margin.keys() == {"margin"}
    assert cli("compare", digits_run, b, a, "--json").json["margin"] == pytest.approx(-margin["margin"])
    assert cli("compare", digits_run, a, a, "--json").json == {"margin": 0}
    assert "equal" in cli("compare", digits_run, a, a, "--label", 3).out
    better = a if margin["margin"] > 0 else b
    assert f"{better} looks more real" in cli("compare", digits_run, a, b).out


def test_a_critic_without_normalisation_says_a_similarity(animals: Path, tmp_path: Path, cli: Cli) -> None:
    unconditional = ["--conditional", "false", "--objective.kinds", "like,unlike", "--metrics", ""]
    command = ["train", "digits", *NETWORKS, *unconditional, "--batch-size", 8, "--images", 8]
    a, b = animals / "cat" / "0.png", animals / "dog" / "0.png"
    for head in ("distance", "concat"):
        run = tmp_path / head
        assert cli(*command, "--networks.D.head", head, "--objective.r1", 0, "--out", run).status == 0
        one, other = (cli("compare", run, *pair, "--json").json["similarity"] for pair in ((a, b), (b, a)))
        assert one == pytest.approx(other, abs=1e-6)
        assert cli("compare", run, a, a, "--json").json["similarity"] >= one or head == "concat"
    assert "takes no label" in cli("sample", run, "--label", 3, "--out", tmp_path / "x.png").err


def test_selftest_prints_every_oracle_and_exits_by_the_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from visavis.judge import selftest

    right = {"name": "one", "expected": 1.0, "measured": 1.01, "tolerance": 0.1, "ok": True}
    monkeypatch.setattr(selftest, "selftest", lambda: [right])
    with pytest.raises(SystemExit) as ended:
        main(["selftest", "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == [right]
    monkeypatch.setattr(selftest, "selftest", lambda: [right, {**right, "name": "two", "ok": False}])
    with pytest.raises(SystemExit) as ended:
        main(["selftest"])
    assert ended.value.code == 1
    assert "OFF two" in capsys.readouterr().out


def test_a_snapshot_of_a_run_by_name(tmp_path: Path, cli: Cli) -> None:
    run = tmp_path / "run"
    watched = ["--snapshot-every", 16, "--watch.every", 16, "--watch.samples", 200]
    assert cli(*TRAIN, "--images", 48, *watched, "--out", run).status == 0
    named = {}
    for which in ("@best", "@16", "@48", ""):
        out = tmp_path / f"of{which}.npz"
        assert cli("sample", f"{run}{which}", "-n", 4, "--out", out).status == 0
        with np.load(out) as file:
            named[which] = file["images"]
    assert np.array_equal(named["@48"], named[""]) and not np.array_equal(named["@16"], named[""])
    refused = cli("sample", f"{run}@15")
    assert refused.status == 2 and "'15'" in refused.err and "best" in refused.err
    judged = cli("evaluate", f"{run}@16", "-n", 60, "--json")
    assert judged.status == 0 and judged.json["record"]["trained_images"] == 16


def test_the_cache_is_shown_and_emptied(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path / "kept"))
    (tmp_path / "kept/images").mkdir(parents=True)
    (tmp_path / "kept/images/a.npy").write_bytes(b"12345")
    shown = cli("cache", "--json").json
    assert (shown["folder"], shown["files"], shown["bytes"]) == (str(tmp_path / "kept"), 1, 5)
    assert cli("cache", "--clear").status == 0 and not (tmp_path / "kept").exists()
    assert cli("cache", "--json").json["files"] == 0
