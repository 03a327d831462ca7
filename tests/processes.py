"""``visavis`` in processes of its own, forked from one that has imported what takes longest."""

import multiprocessing
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from visavis.cli.main import main


def forked(
    target: Callable[..., object],
    *given: object,
    environment: Mapping[str, str] | None = None,
    told: str = "",
) -> BaseProcess:
    """One process, which calls ``target(*given)``.

    ``told``: where its words go, to this path with .out and .err added.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "visavis.runs.run", "torch.utils.tensorboard"])
    process = context.Process(target=_call, args=(target, given, dict(environment or {}), told), daemon=True)
    process.start()
    return process


def _call(
    target: Callable[..., object], given: tuple[object, ...], environment: dict[str, str], told: str
) -> None:
    os.environ.update(environment)
    if told:
        for fd, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{told}.{name}", os.O_WRONLY | os.O_CREAT), fd)
    target(*given)


def as_torchrun(processes: int = 2) -> list[dict[str, str]]:
    """The environment of each process, by rank."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes)}
    return [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]


def started(arguments: list[str]) -> BaseProcess:
    """``visavis`` with these words."""
    return forked(main, arguments)


@dataclass(frozen=True)
class Group:
    """Processes with the environment that torchrun gives, without its launcher; by rank."""

    members: list[BaseProcess]
    told: list[Path]

    def ended(self, seconds: float = 600) -> list[int | None]:
        """Wait for them; their statuses."""
        for process in self.members:
            process.join(seconds)
        return [process.exitcode for process in self.members]

    def said(self, name: str) -> str:
        """Their stdout ("out") or stderr ("err"), one after the other."""
        return "".join(told.with_name(f"{told.name}.{name}").read_text() for told in self.told)


def together(folder: Path, *arguments: object, processes: int = 2) -> Group:
    """Start ``visavis`` in a group, whose words go to files in ``folder``."""
    folder.mkdir()
    words, told = [str(word) for word in arguments], [folder / str(rank) for rank in range(processes)]
    environments = as_torchrun(processes)
    return Group(
        [forked(main, words, environment=e, told=str(t)) for e, t in zip(environments, told, strict=True)],
        told,
    )
