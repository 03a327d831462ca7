"""``visavis translate``: files in, files out, whatever lies between them."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import Blur, Negative, model
from PIL import Image
from tiny import Cli, contents
from torch import Tensor

from visavis.core import Shape
from visavis.errors import UserError
from visavis.models.snapshot import Description, save_snapshot, snapshot_path
from visavis.models.translate import Translator, folder, translate
from visavis.models.translate.folder import plan, translate_files
from visavis.networks import UNet, build


def save(path: Path, seed: int = 0, height: int = 16, width: int = 16, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with a snapshot of an untrained U-Net for 16×16 pictures."""
    return make_run(tmp_path / "run")


def make_run(path: Path, task: str = "translate", channels: int = 3) -> Path:
    networks = {"G": UNet(width=4, widest=8).model_dump(mode="json")}
    shape = Shape(channels, 16)
    torch.manual_seed(0)
    description = Description(networks, shape, (), False, 0, {}, "test", task)
    snapshot_path(path, 0).parent.mkdir(parents=True)
    save_snapshot(snapshot_path(path, 0), build(networks, shape, 0), description)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven pictures of several sizes and kinds, two levels deep, and a text."""
    for i in range(4):
        save(tmp_path / "photos" / f"{i}.png", i)
    save(tmp_path / "photos" / "more" / "wide.JPG", 4, 10, 70)
    save(tmp_path / "photos" / "more" / "deep" / "grey.png", 5, mode="L")
    save(tmp_path / "photos" / "large.webp", 6, 50, 33)
    save(tmp_path / "photos" / ".hidden.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


def test_folders_keep_their_names_and_sizes(cli: Cli, run: Path, photos: Path, tmp_path: Path) -> None:
    single = save(tmp_path / "elsewhere" / "one.png", 9, 40, 20)
    done = cli("translate", run, photos, single, "--out", tmp_path / "out", "--batch-size", "3", "--json")
    assert done.status == 0, done.err
    assert done.json["images"] == 8 and done.json["broken"] == [] and done.json["seconds"] > 0
    made = contents(tmp_path / "out")
    assert sorted(made) == sorted(
        [*(f"{i}.png" for i in range(4)), "large.png", "more/deep/grey.png", "more/wide.png", "one.png"]
    )
    assert Image.open(tmp_path / "out" / "large.png").size == (33, 50)
    assert "grey pictures became colour by repetition" in done.err and done.err.count("grey") == 1
    from visavis.models.load import load

    (alone,) = translate(load(run), [photos / "large.webp"])
    written = np.asarray(Image.open(tmp_path / "out" / "large.png")).astype(int)
    assert np.abs(written - np.asarray(alone)).max() <= 1


def test_progress_and_summary(cli: Cli, run: Path, photos: Path, tmp_path: Path) -> None:
    done = cli("translate", run, photos, "--out", tmp_path / "out")
    assert done.status == 0 and "images 7" in " ".join(done.out.split())
    assert "7/7 images" in done.err


def test_nothing_is_overwritten_without_force(cli: Cli, run: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "2.png").write_bytes(b"mine")
    done = cli("translate", run, photos, "--out", tmp_path / "out")
    assert done.status == 2 and len(done.err.splitlines()) == 1
    assert "2.png' exists" in done.err and "--force" in done.err
    assert contents(tmp_path / "out") == {"2.png": b"mine"}
    assert cli("translate", run, photos, "--out", tmp_path / "out", "--force").status == 0
    assert len(contents(tmp_path / "out")) == 7 and contents(tmp_path / "out")["2.png"] != b"mine"


def test_an_unreadable_picture_stops_no_other(cli: Cli, run: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "1.png").write_bytes((photos / "0.png").read_bytes()[:80])
    (photos / "more" / "empty.png").touch()
    done = cli("translate", run, photos, "--out", tmp_path / "out", "--json")
    assert done.status == 1 and done.json["images"] == 6
    assert [Path(path).name for path in done.json["broken"]] == ["1.png", "empty.png"]
    complaints = [line for line in done.err.splitlines() if "cannot read" in line]
    assert len(complaints) == 2 and "1.png'" in complaints[0] and "empty.png'" in complaints[1]
    assert len(contents(tmp_path / "out")) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere", "--out", "out"], ["no file or folder 'nowhere'"]),
        (["run", "photos/notes.txt", "--out", "out"], ["notes.txt", "not named as an image", ".png"]),
        (["run", "empty", "--out", "out"], ["no images in folder 'empty'"]),
        (["run", "photos", "photos/more/../0.png", "--out", "out"], ["0.png", "would both become"]),
        (["run", "photos", "--out", "photos", "--force"], ["0.png' is a picture to be read"]),
        (["nowhere", "photos", "--out", "out"], ["no run at 'nowhere'"]),
        (["generator", "photos", "--out", "out"], ["task is 'generate'", "pix2pix"]),
        (["run", "photos", "--out", "out", "--direction", "b-to-a"], ["one way only", "--direction"]),
        (["run", "photos", "--out", "out", "--direction", "back"], ["unknown direction 'back'"]),
        (["run", "photos", "--out", "out", "--tile", "--resize"], ["--resize", "not allowed with"]),
        (["run", "photos", "--out", "out", "--original-size"], ["--original-size", "--resize"]),
        (["run", "photos", "--out", "out", "--batch-size", "0"], ["--batch-size", "above 0"]),
        (["run", "photos"], ["--out"]),
        (["run", "photos", "--out", "file"], ["cannot write 'file'", "a file stands"]),
        (["run", "photos", "--out", "/proc/out"], ["cannot write '/proc/out'"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    arguments: list[str],
    words: list[str],
    cli: Cli,
    run: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(tmp_path / "generator", "generate")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("here")
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    done = cli("translate", *arguments)
    assert done.status == 2 and len(done.err.splitlines()) == 1, done
    assert all(word in done.err for word in words), done.err
    assert contents(tmp_path) == before and not (tmp_path / "out").exists()


def test_an_output_folder_inside_the_input_is_not_read(tmp_path: Path, photos: Path) -> None:
    save(photos / "out" / "old.png")
    jobs = plan([photos], photos / "out")
    assert len(jobs) == 7 and all("out/out" not in str(job.target) for job in jobs)


def test_a_full_disk_ends_in_one_line(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise UserError(f"cannot write '{path}': the disk is full")

    monkeypatch.setattr("visavis.files.write_atomic", full)
    with pytest.raises(UserError, match="the disk is full"):
        translate_files(Translator(model(16, G=Blur())), plan([photos], tmp_path / "out"))


def test_files_are_read_and_written_beside_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the network waits in its second batch, the third is read and the first is written."""
    for i in range(6):
        save(tmp_path / "in" / f"{i}.png", i, 8, 8)
    written, read = threading.Event(), threading.Event()
    write, decode = folder.write_png, folder.decode
    decoded: list[int] = []

    def watched_write(path: Path, picture: Image.Image) -> None:
        write(path, picture)
        written.set()

    def watched_decode(data: bytes, resolution: int | None) -> object:
        decoded.append(1)
        if len(decoded) > 4:
            read.set()
        return decode(data, resolution)

    monkeypatch.setattr(folder, "write_png", watched_write)
    monkeypatch.setattr(folder, "decode", watched_decode)
    batches: list[tuple[bool, bool]] = []

    class Slow(Negative):
        def forward(self, x: Tensor) -> Tensor:
            if batches:
                batches.append((written.wait(10), read.wait(10)))
            else:
                batches.append((True, True))
            return super().forward(x)

    done = translate_files(Translator(model(8, G=Slow(8))), plan([tmp_path / "in"], tmp_path / "out"), 2)
    assert done.written == 6 and batches == [(True, True)] * 3


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two pictures, no more than two are between reading and writing, whatever the batch."""
    for i in range(12):
        save(tmp_path / "in" / f"{i}.png", i, 20, 20)
    monkeypatch.setattr(folder, "IN_FLIGHT", 2 * 90_000)
    lock, alive, most = threading.Lock(), [0], [0]
    decode, write = folder.decode, folder.write_png

    def count(change: int) -> None:
        with lock:
            alive[0] += change
            most[0] = max(most[0], alive[0])

    def counted_decode(data: bytes, resolution: int | None) -> object:
        count(1)
        return decode(data, resolution)

    def counted_write(path: Path, picture: Image.Image) -> None:
        write(path, picture)
        count(-1)

    monkeypatch.setattr(folder, "decode", counted_decode)
    monkeypatch.setattr(folder, "write_png", counted_write)
    monkeypatch.setattr(folder, "FIRST_GUESS", 90_000)
    translator = Translator(model(300, G=Blur()))  # pads each picture to 90,000 pixels
    done = translate_files(translator, plan([tmp_path / "in"], tmp_path / "out"), batch_size=8)
    assert done.written == 12 and alive == [0] and most[0] == 2


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_to_a_picture_is_never_replaced(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "in" / "a.png")
    with pytest.raises(UserError, match="is a picture to be read"):
        plan([tmp_path / "in"], tmp_path / "out", force=True)
