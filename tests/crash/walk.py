"""Nothing is lost, whichever write is the last: commands × points × faults, walked by a model of promises.

``python tests/crash/walk.py --cases 1000 --jobs 2 --out results/crash.json``

A point is a write, flush, rename, removal, or a file or folder that is made, by whatever library
(:file:`shim.c`).  At a point the process is killed (before it, or in the middle of a write), told to stop
(SIGTERM, SIGINT), its sibling of torchrun is killed, or the disk is full from there on, broken there, or
read-only from there on.  What must be true then is written in :func:`broken_promises` and in each
:class:`Command`, which know nothing of the program's insides: the command ends as its help says, in one line;
what stands there is whole; and the same command again leaves what an undisturbed one leaves.

Cases are forked from one process that has imported what takes long.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

FAULTS = ("kill", "tear", "term", "interrupt", "kill-other", "full", "broken", "read-only")
"""In the shim's order, from 1."""
DISK = ("full", "broken", "read-only")
SECONDS = 60.0
"""After which a command counts as hanging."""
Words = list[str]


@dataclass(frozen=True)
class Command:
    """A command whose output lies below ``{at}``; ``{runs}`` holds what it reads.

    ``same(one, other)``: what two folders differ in, as a sentence, or None.  ``begin``: another command that
    comes first, undisturbed.
    """

    name: str
    words: Words
    same: Callable[[Path, Path], str | None]
    processes: int = 1
    begin: Words = field(default_factory=list)
    stops: tuple[int, ...] = (130,)
    """Statuses of a command that was told to stop, beside 0."""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One fault at one point of a command."""

    command: str
    fault: str
    point: int


REMEMBERED = (
    Case("train", "term", 25),
    Case("train", "read-only", 79),
    Case("train on", "tear", 162),
    Case("train, two processes", "kill", 220),
    Case("sample to .npz", "term", 7),
    Case("translate", "tear", 4),
    Case("export to a folder", "full", 27),
)
"""Where a promise was once broken: always among those that are walked."""


@dataclass
class Ended:
    """How a command's processes ended: statuses (below 0: of a signal), stderr, and points reached."""

    statuses: list[int]
    err: str
    points: int
    hung: bool = False


# What is run


def commands() -> dict[str, Command]:
    """Of every kind that writes."""
    from tiny import TINY

    train = ["train", "digits", *TINY, "--checkpoint-every", "24", "--metrics", "", "--out", "{at}/run"]
    shorter, longer = [*train, "--images", "48"], [*train, "--images", "96"]
    found = [
        Command("train", longer, same_run),
        Command("train on", longer, same_run, begin=shorter),
        Command("train, two processes", longer, same_run, processes=2),
        Command("train on, two processes", longer, same_run, processes=2, begin=shorter),
        Command("sample to a folder", ["sample", "{runs}/G", "-n", "6", "--out", "{at}/made"], same_files),
        Command("sample to .npz", ["sample", "{runs}/G", "-n", "6", "--out", "{at}/made.npz"], same_files),
        Command(
            "sample to parquet", ["sample", "{runs}/G", "-n", "6", "--out", "{at}/m.parquet"], same_files
        ),
        Command(
            "translate",
            [
                "translate",
                "{runs}/both-ways",
                "{runs}/pictures",
                "--direction",
                "a-to-b",
                "--out",
                "{at}/made",
            ],
            same_files,
        ),
        Command("export to a folder", ["export", "{runs}/G", "--to", "{at}/model"], same_model),
        Command(
            "evaluate with a cache",
            ["evaluate", "{runs}/G", "--reference", "digits", "-n", "32", "--out", "{at}/result.json"],
            same_results,
            environment={"VISAVIS_CACHE": "{at}/cache"},
        ),
    ]
    return {command.name: command for command in found}


def prepare(runs: Path) -> None:
    """What commands read: models that were never trained, and some pictures."""
    import numpy as np
    from PIL import Image
    from small_models import both_ways, generator_and_critic

    from visavis.models.snapshot import save_snapshot

    for name, model in (("G", generator_and_critic()), ("both-ways", both_ways())):
        save_snapshot(
            runs / name / "snapshots" / "000000000005.safetensors", model.networks, model.description
        )
    (runs / "pictures").mkdir()
    for i in range(5):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(runs / "pictures" / f"{i}.png")


# The processes


def run(command: Words, processes: int, at: Path, environment: dict[str, str], case: Case | None) -> Ended:
    """The command's processes, the first of them with the case's fault; as torchrun starts and ends them."""
    log, told = at.parent / "points", at.parent / "told"
    for file in (log, told):
        file.unlink(missing_ok=True)
    port, children = _free_port() if processes > 1 else 0, []
    for rank in reversed(range(processes)):  # the last is the first, whose siblings it knows
        told_to = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        other = children[0] if children else 0
        child = os.fork()
        if child == 0:
            _in_child(command, rank, processes, port, at, environment, case, other, log, told_to)
        os.close(told_to)
        children.append(child)
    statuses, hung = _wait(children)
    points = len(log.read_text().splitlines()) if log.exists() else 0
    return Ended(statuses, told.read_text(errors="replace"), points, hung)


def _in_child(
    command: Words,
    rank: int,
    processes: int,
    port: int,
    at: Path,
    environment: dict[str, str],
    case: Case | None,
    other: int,
    log: Path,
    told_to: int,
) -> None:
    """``visavis`` with these words; never returns."""
    from visavis.cli.main import main

    status = 70
    try:
        os.environ.update(environment)
        if processes > 1:
            numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
            os.environ.update({key: str(value) for key, value in numbers.items()})
            os.environ["MASTER_ADDR"] = "127.0.0.1"
        nothing = os.open(os.devnull, os.O_RDWR)
        for old, new in ((0, nothing), (1, nothing), (2, told_to)):
            os.dup2(new, old)
        sys.stdout, sys.stderr = (os.fdopen(os.dup(fd), "w", buffering=1) for fd in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if rank == 0:
            shim = ctypes.CDLL(None)
            points = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            fault = 0 if case is None else FAULTS.index(case.fault) + 1
            number = ctypes.c_long(0 if case is None else case.point)
            shim.arm(os.fsencode(at), number, fault, other, points)
        main(command)
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 70
    finally:
        sys.stderr.flush()
        os._exit(status)


def _wait(children: list[int]) -> tuple[list[int], bool]:
    """Statuses in the order of ``children``; as torchrun does, the death of one tells the others to stop."""
    ended: dict[int, int] = {}
    began, told_to_stop, hung = time.monotonic(), False, False
    while len(ended) < len(children):
        for child in children:
            if child in ended:
                continue
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                ended[child] = os.waitstatus_to_exitcode(status)
        if any(ended.values()) and not told_to_stop:
            told_to_stop = True
            for child in set(children) - set(ended):
                os.kill(child, signal.SIGTERM)
        if time.monotonic() - began > SECONDS:
            hung = True
            for child in set(children) - set(ended):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.003)
    return [ended[child] for child in children], hung


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# What was promised


def broken_promises(
    command: Command, case: Case, first: Ended, again: Ended, at: Path, right: Path, done: bool
) -> list[str]:
    """What should be true after a fault and after the same command was given again, and is not.

    ``done``: the fault had not hindered it, so that it may say that its output exists.
    """
    found = []
    status = first.statuses[-1]  # of process 0
    may_be = {
        "kill": {-signal.SIGKILL},
        "tear": {-signal.SIGKILL},
        "term": {0, -signal.SIGTERM, *command.stops},
        "interrupt": {0, *command.stops, *([-signal.SIGTERM] if command.processes > 1 else [])},
        "kill-other": {0, 1, 2, 130, -signal.SIGTERM},
        **{fault: {0, 2} for fault in DISK},
    }[case.fault]
    if first.points < case.point:
        may_be = may_be | {0}  # it was over before
    if first.hung:
        found.append("it hangs")
    elif status not in may_be:
        found.append(f"status {status}, and {sorted(may_be)} are promised")
    ours = [line for line in first.err.splitlines() if line.startswith("visavis: ")]
    if "Traceback" in first.err:
        found.append("a traceback")
    if status == 2 and not (ours and ours[-1] == first.err.strip().splitlines()[-1] and "; " in ours[-1]):
        found.append("its last line does not say why, and what to do")
    if status == 0 and case.fault in DISK and (why := command.same(right, at)):
        found.append(f"it says that all is well, but {why}")
    if done and again.statuses[-1] == 2 and "exists" in again.err:
        return found
    if again.hung or again.statuses[-1] != 0:
        found.append(f"given again it ends with {again.statuses[-1]}: {again.err.strip()[-300:]}")
    elif why := command.same(right, at):
        found.append(f"given again, {why}")
    else:
        left = [str(file.relative_to(at)) for file in at.rglob(".*") if file.is_file()]
        if left:
            found.append(f"left behind: {', '.join(left[:3])}")
    return found


def half_written(at: Path) -> list[str]:
    """Files that stand under their own name and are torn; and whole folders that are not."""
    found = []
    for file in sorted(at.rglob("*")):
        if not file.is_file() or any(part[0] == "." for part in file.relative_to(at).parts):
            continue
        if "cache" in file.relative_to(at).parts:  # has hashes of its own
            continue
        try:
            _read(file)
        except Exception as error:
            found.append(f"{file.relative_to(at)} is torn: {error!r:.150}")
    return found


def _read(file: Path) -> None:
    """Read a file by its kind, wholly; raises what its reader raises."""
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        load_file(file)
    elif file.suffix == ".json":
        json.loads(file.read_text())
    elif file.suffix == ".jsonl":
        lines = file.read_text().split("\n")
        seen = [json.loads(line)["images"] for line in lines[:-1]]  # the last may be torn, and is cut off
        if seen != sorted(seen):
            raise ValueError("rows out of order")
    elif file.suffix == ".png":
        from PIL import Image

        with Image.open(file) as picture:
            picture.load()
    elif file.suffix == ".npz":
        import numpy as np

        with np.load(file) as arrays:
            for name in arrays:
                arrays[name]
    elif file.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.read_table(file)


def same_run(right: Path, other: Path) -> str | None:
    """Snapshot, checkpoint, log and newest sheet are equal bit for bit."""
    from tiny import assert_same_run

    try:
        assert_same_run(right / "run", other / "run")
    except (AssertionError, OSError, IndexError, ValueError) as error:
        return f"the run is another: {error!r:.200} {_where(error)}"
    return None


def _where(error: Exception) -> str:
    """The line of the check that failed."""
    import traceback

    return str(traceback.extract_tb(error.__traceback__)[-1].line)


def same_files(right: Path, other: Path) -> str | None:
    """All files are equal byte by byte."""
    mine, theirs = (
        {file.relative_to(at): file.read_bytes() for file in at.rglob("*") if file.is_file()}
        for at in (right, other)
    )
    if mine.keys() != theirs.keys():
        return f"other files: {sorted(map(str, mine.keys() ^ theirs.keys()))[:4]}"
    differ = [str(name) for name in mine if mine[name] != theirs[name]]
    return f"other contents: {differ[:3]}" if differ else None


def same_model(right: Path, other: Path) -> str | None:
    """Weights, what is said of them, and configuration are equal; the order of metadata need not be."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    mine, theirs = (at / "model" for at in (right, other))
    try:
        names = [sorted(file.name for file in at.iterdir()) for at in (mine, theirs)]
        if names[0] != names[1]:
            return f"other files: {names[1]}"
        weights = [load_file(at / "model.safetensors") for at in (mine, theirs)]
        told = []
        for at in (mine, theirs):
            with safe_open(at / "model.safetensors", "pt") as opened:
                told.append((opened.metadata(), (at / "config.json").read_bytes()))
    except (OSError, ValueError) as error:
        return f"no model: {error!r:.100}"
    same = all(weights[0][key].equal(weights[1][key]) for key in weights[0])
    return None if same and told[0] == told[1] else "the model is another"


def same_results(right: Path, other: Path) -> str | None:
    """Figures are equal, whatever they took."""
    try:
        mine, theirs = (json.loads((at / "result.json").read_text()) for at in (right, other))
    except (OSError, ValueError) as error:
        return f"no result: {error!r:.100}"
    for each in (mine, theirs):
        each["record"].pop("seconds", None)
        each["record"].pop("date", None)
    return None if mine == theirs else "the figures are others"


# The walk


class Walk:
    """Cases in one folder, each from a fresh start."""

    def __init__(self, folder: Path, names: Collection[str] = ()) -> None:
        self.folder = folder
        self.commands = {name: each for name, each in commands().items() if not names or name in names}
        self.runs, self.right, self.started = folder / "runs", folder / "right", folder / "started"
        self.points: dict[str, int] = {}

    def begin(self) -> None:
        """Prepare, and let every command run undisturbed once."""
        self.runs.mkdir(parents=True)
        prepare(self.runs)
        for index, command in enumerate(self.commands.values()):
            started, right = self.started / str(index), self.right / str(index)
            for place in (started, right):
                place.mkdir(parents=True)
            at = self._place()
            if command.begin:
                self._need(self._run(command, at, command.begin, None))
                shutil.copytree(at, started, dirs_exist_ok=True)
            ended = self._run(command, at, command.words, None)
            self._need(ended)
            self.points[command.name] = ended.points
            shutil.copytree(at, right, dirs_exist_ok=True)

    def _need(self, ended: Ended) -> None:
        if any(ended.statuses):
            raise RuntimeError(f"undisturbed it ends with {ended.statuses}: {ended.err}")

    def _place(self) -> Path:
        """A new folder with always the same name: a run's path stands in its files."""
        at = self.folder / "at" / "it"
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir(parents=True)
        return at

    def _run(self, command: Command, at: Path, words: Words, case: Case | None) -> Ended:
        filled = [word.format(at=at, runs=self.runs) for word in words]
        environment = {key: value.format(at=at) for key, value in command.environment.items()}
        return run(filled, command.processes, at, environment, case)

    def all_cases(self) -> Iterator[Case]:
        """The whole product."""
        for command in self.commands.values():
            for fault in FAULTS:
                if fault == "kill-other" and command.processes == 1:
                    continue
                for point in range(1, self.points[command.name] + 1):
                    yield Case(command.name, fault, point)

    def chosen(self, n: int | None, seed: int) -> list[Case]:
        """``n`` of all cases, of each command and fault about as many; None: all."""
        drawn = random.Random(seed)
        groups: dict[tuple[str, str], list[Case]] = {}
        for case in self.all_cases():
            groups.setdefault((case.command, case.fault), []).append(case)
        for group in groups.values():
            drawn.shuffle(group)
        found = [case for case in REMEMBERED if case.point <= self.points.get(case.command, 0)]
        while any(groups.values()) and (n is None or len(found) < n):
            keys = [key for key, group in groups.items() if group]
            drawn.shuffle(keys)
            found += [case for key in keys if (case := groups[key].pop()) not in REMEMBERED]
        return found[:n]

    def case(self, case: Case) -> list[str]:
        """Walk one; what of the promises was broken."""
        index = list(self.commands).index(case.command)
        command, at = self.commands[case.command], self._place()
        shutil.copytree(self.started / str(index), at, dirs_exist_ok=True)
        first = self._run(command, at, command.words, case)
        torn = half_written(at)
        if command.same in (same_files, same_model) and not torn and not any(at.rglob(".unfinished")):
            visible = any(path.is_file() and path.name[0] != "." for path in at.rglob("*"))
            if visible and (why := command.same(self.right / str(index), _visible(at))):
                torn.append(f"half a folder looks like a whole one: {why}")
        done = command.same(self.right / str(index), at) is None
        again = self._run(command, at, command.words, None)
        if os.environ.get("CRASH_VERBOSE"):
            print(
                case,
                first.statuses,
                first.err,
                again.statuses,
                again.err,
                sep="\n",
                file=sys.stderr,
                flush=True,
            )
        return torn + broken_promises(command, case, first, again, at, self.right / str(index), done)


def _visible(at: Path) -> Path:
    """A copy without hidden files."""
    to = at.parent / "visible"
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(at, to, ignore=shutil.ignore_patterns(".*.tmp*"))
    return to


def preload() -> None:
    """Import what takes long, once."""
    for name in (
        *("matplotlib.pyplot", "matplotlib.backends.backend_agg", "torch._dynamo", "torch.utils.tensorboard"),
        *("visavis.runs.run", "visavis.runs.guard", "visavis.report.curves", "visavis.report.ending"),
        *("visavis.judge.evaluate", "visavis.metrics.features", "visavis.models.share"),
        *("visavis.models.translate.folder", "visavis.api", "pyarrow.parquet"),
    ):
        import_module(name)


def build(folder: Path) -> Path:
    """The shim, compiled."""
    made = folder / "shim.so"
    compiler = next(name for name in ("cc", "gcc", "clang") if shutil.which(name))
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, HERE / "shim.c", "-ldl"], check=True)
    return made


def walk(n: int | None, seed: int, jobs: int, names: Collection[str] = ()) -> dict[str, Any]:
    """Walk ``n`` cases (of these commands, or of all) in ``jobs`` processes: counts, and what was broken."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        readers = []
        for job in range(jobs):
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                _job(Path(name) / str(job), n, seed, names, job, jobs, writer)
            os.close(writer)
            readers.append((child, reader))
        rows = []
        for child, reader in readers:
            with os.fdopen(reader) as told:
                rows += [json.loads(line) for line in told]
            if os.waitpid(child, 0)[1]:
                raise RuntimeError("a process of the walk failed")
    points = next(row["points"] for row in rows if "points" in row)
    rows = [row for row in rows if "points" not in row]
    return {
        "cases": len(rows),
        "seed": seed,
        "all": _all(points),
        "points": points,
        "by_command": dict(Counter(row["command"] for row in rows)),
        "by_fault": dict(Counter(row["fault"] for row in rows)),
        "failed": [row for row in rows if row["broken"]],
        "seconds": round(time.monotonic() - began, 1),
    }


def _all(points: dict[str, int]) -> int:
    """How many cases the whole product has."""
    faults = {name: len(FAULTS) - (commands()[name].processes == 1) for name in points}
    return sum(n * faults[name] for name, n in points.items())


def _job(
    folder: Path, n: int | None, seed: int, names: Collection[str], job: int, jobs: int, to: int
) -> None:
    status = 1
    try:
        with os.fdopen(to, "w", buffering=1) as told:
            mine = Walk(folder, names)
            mine.begin()
            if job == 0:
                told.write(json.dumps({"points": mine.points}) + "\n")
            for case in mine.chosen(n, seed)[job::jobs]:
                told.write(json.dumps(asdict(case) | {"broken": mine.case(case)}) + "\n")
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def main() -> None:
    """Start anew with the shim in place, then walk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, help="how many (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--commands", default="", help="these, with semicolons between (default: all)")
    parser.add_argument("--only", metavar="COMMAND:FAULT:POINT", help="this case, with what it says")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if "CRASH_SHIM" not in os.environ:
        with tempfile.TemporaryDirectory(prefix="shim-") as name:
            shim = str(build(Path(name)))
            alone = {"LD_PRELOAD": shim, "CRASH_SHIM": shim, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
            sys.exit(subprocess.run([sys.executable, *sys.argv], env=os.environ | alone).returncode)
    preload()
    if given.only:
        os.environ["CRASH_VERBOSE"] = "1"
        command, fault, point = given.only.rsplit(":", 2)
        with tempfile.TemporaryDirectory(prefix="crash-") as name:
            one = Walk(Path(name), [command])
            one.begin()
            print(one.case(Case(command, fault, int(point))))
            return
    names = [name for name in given.commands.split(";") if name]
    found = walk(given.cases, given.seed, given.jobs, names)
    text = json.dumps(found, indent=1)
    if given.out is not None:
        given.out.write_text(text + "\n")
    print(text)
    sys.exit(1 if found["failed"] else 0)


if __name__ == "__main__":
    main()
