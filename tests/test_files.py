import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from visavis import files
from visavis.errors import UserError
from visavis.files import JsonLines, atomic, read_json, sweep, to_json, write_atomic, write_json, writing


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def refuse(number: int):
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_writes_and_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.bin"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["x.bin"]


def test_temporary_is_hidden_beside_with_the_suffix_and_the_pid(tmp_path: Path) -> None:
    with atomic(tmp_path / "grid.png") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".grid.") and temporary.suffix == ".png"
        assert str(os.getpid()) in temporary.name
        temporary.write_bytes(b"1")
    assert names(tmp_path) == ["grid.png"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failing_block_leaves_the_old_file_alone(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "x"
    write_atomic(path, b"old")
    with pytest.raises(error), atomic(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old" and names(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
def test_a_disk_that_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    path = tmp_path / "x"
    write_atomic(path, b"old")
    monkeypatch.setattr(files.os, "fsync", refuse(number))
    with pytest.raises(UserError, match=words) as caught:
        write_atomic(path, b"new")
    assert str(path) in str(caught.value) and ";" in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_bytes() == b"old" and names(tmp_path) == ["x"]


def test_a_full_disk_told_by_a_library_only_in_its_text() -> None:
    with pytest.raises(UserError, match="disk is full"), writing(Path("x")):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="a bug"), writing(Path("x")):
        raise RuntimeError("a bug")


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="a file stands where a folder is needed"):
        write_atomic(tmp_path / "run" / "x", b"")
    with pytest.raises(UserError, match="a file stands where a folder is needed"):
        JsonLines(tmp_path / "run" / "x").append({})
    with pytest.raises(UserError, match="a file stands where a folder is needed"):
        files.make_folder(tmp_path / "run")


def test_never_replaces_a_folder_or_a_device_and_follows_links(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="a folder stands there"):
        write_atomic(tmp_path, b"")
    with pytest.raises(UserError, match="a device stands there"):
        write_atomic(tmp_path / "pipe", b"")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomic(tmp_path / "link", b"1")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_bytes() == b"1"


def test_sweep_removes_only_what_dead_processes_left(tmp_path: Path) -> None:
    dead = 2**22 + 1  # more than Linux gives out
    kept = [f".x.{os.getpid()}.tmp.png", ".hidden", "x.png", ".env.tmp"]
    for name in [*kept, f".x.{dead}.tmp.png", f".x.{dead}.tmp"]:
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert names(tmp_path) == sorted(kept)


def test_json_is_strict() -> None:
    value = {"a": float("nan"), "b": [float("inf"), 1.5, np.float32("nan")], "c": np.arange(2), 3: Path("x")}
    assert json.loads(to_json(value)) == {"a": None, "b": [None, 1.5, None], "c": [0, 1], "3": "x"}
    assert to_json({"ok": True, "n": np.int64(3)}) == '{"ok": true, "n": 3}'
    with pytest.raises(TypeError, match="object"):
        to_json(object())


def test_json_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(UserError, match="cannot read"):
        read_json(path)
    write_json(path, {"größe": 1})
    assert read_json(path) == {"größe": 1}
    path.write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_json(path)


def test_rows_of_a_log(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "run" / "x.jsonl")
    assert log.rows() == []
    log.cut_back(0)
    rows = [{"images": n, "loss": n / 7} for n in range(3)]
    for row in rows:
        log.append(row)
    assert log.rows() == rows


@pytest.mark.parametrize("long", [0, 10_000])
def test_a_torn_last_line_is_ignored_and_mended(tmp_path: Path, long: int) -> None:
    log = JsonLines(tmp_path / "x.jsonl")
    log.append({"images": 1, "text": "x" * long})
    whole = log.path.read_bytes()
    for cut in (1, 2, len(whole) // 2, len(whole) - 1):
        log.path.write_bytes(whole + whole[:cut])
        survives = cut == len(whole) - 1  # only its newline is missing
        assert len(log.rows()) == 1 + survives
        log.append({"images": 2})
        assert [row["images"] for row in log.rows()] == [1] * (1 + survives) + [2]
        assert log.path.read_bytes().count(b"\n") == 2 + survives


def test_a_line_of_zeros_after_a_power_cut(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "x.jsonl")
    log.append({"images": 1})
    with log.path.open("ab") as file:
        file.write(b"\0" * 5000)
    assert log.rows() == [{"images": 1}]
    log.append({"images": 2})
    assert log.rows() == [{"images": 1}, {"images": 2}]


def test_cut_back(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "x.jsonl")
    for row in (
        {"note": 1},
        {"images": 5},
        {"images": 10},
        {"event": "resume", "images": 10},
        {"images": 15},
    ):
        log.append(row)
    with log.path.open("ab") as file:
        file.write(b'{"images": 1')
    log.cut_back(10)
    assert log.rows() == [{"note": 1}, {"images": 5}, {"images": 10}, {"event": "resume", "images": 10}]
    log.cut_back(0)
    assert log.rows() == [{"note": 1}]
    assert names(tmp_path) == ["x.jsonl"]


def test_cut_back_on_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = JsonLines(tmp_path / "x.jsonl")
    log.append({"images": 1})
    log.append({"images": 2})
    monkeypatch.setattr(files.os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(UserError, match="disk is full"):
        log.cut_back(1)
    assert len(log.rows()) == 2


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs Linux's /dev/full")
def test_append_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").symlink_to("/dev/full")
    with pytest.raises(UserError, match="disk is full"):
        JsonLines(tmp_path / "x.jsonl").append({"images": 1})


def test_half_a_folder_is_refused_until_its_command_has_come_to_its_end(tmp_path: Path) -> None:
    made = tmp_path / "made"
    with pytest.raises(RuntimeError), files.finishing(made, ["a.png", "b.png"]):
        files.write_atomic(made / "a.png", b"a")
        raise RuntimeError
    assert files.promised(made) == {"a.png", "b.png"}
    assert not files.in_the_way(made)
    with pytest.raises(
        UserError, match=r"made' is half a folder: the command that wrote it was stopped; run"
    ):
        files.need_finished(made)
    (made / "own.png").write_bytes(b"the user's")
    assert files.in_the_way(made)
    (made / "own.png").unlink()
    with files.finishing(made, ["a.png", "b.png"]):
        pass
    files.need_finished(made)
    assert files.promised(made) == set()
    assert files.in_the_way(made)  # whole, so nobody writes over it
    assert not files.in_the_way(tmp_path / "new")
    assert files.in_the_way(made / "a.png")
