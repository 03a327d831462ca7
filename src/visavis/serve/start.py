"""``visavis serve``: the runs of a command line, loaded and served until SIGTERM or Ctrl-C."""

import asyncio
import os
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import torch
import uvicorn

from visavis.errors import UserError
from visavis.models.load import load, local
from visavis.serve.app import Application, create_app
from visavis.serve.limits import Limits

LOOPBACK = ("127.0.0.1", "::1", "localhost")
BACKLOG = 2048
AWAY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
NAME = re.compile(r"\w[\w.@=+-]*")
"""What a path of the service may hold as it is, and no browser takes for something else."""
UNREAD_SECONDS = 0.5
"""Between shutting the door and closing connections that are silent."""


def named(runs: Sequence[str]) -> dict[str, Path]:
    """The runs by name, ``NAME=RUN`` or that of the folder.

    Raises :class:`UserError` for two of one name, and for a name that is no part of a path of the service.
    """
    found: dict[str, Path] = {}
    for given in runs:
        name, equals, where = given.partition("=")
        if not equals or Path(given).exists():
            path = local(where := given)
            name = path.stem if path.is_file() else Path(where).resolve().name
        else:
            path = local(where)
        if not NAME.fullmatch(name):
            raise UserError(
                f"'{name}' cannot be a model's name (allowed: letters, digits and _, after the first also "
                f". - @ = +); give another, as in other={where}"
            )
        if name in found:
            raise UserError(f"two runs are called '{name}'; name one of them, as in other={given}")
        found[name] = path
    return found


def need_key(host: str, key: str | None) -> None:
    """Raise :class:`UserError` where other machines may ask and no key is set."""
    if host not in LOOPBACK and not key:
        raise UserError(
            f"--host {host} lets other machines in, so a key is needed; give --api-key, or VISAVIS_API_KEY "
            "in the environment, or leave --host out"
        )


def opened(host: str, port: int) -> socket.socket:
    """A socket that listens; :class:`UserError` where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; give another --port, or 0 for any"
        ) from None
    made.listen(BACKLOG)
    return made


def turn_away(listening: socket.socket) -> list[socket.socket]:
    """Answer those who wait before the door that it is shut, and shut it; their connections, to be kept.

    A connection that is closed with its request unread is reset, and the answer with it.
    """
    waiting = []
    listening.setblocking(False)
    with suppress(OSError):  # nobody waits any more
        while True:
            connection, _ = listening.accept()
            waiting.append(connection)
            connection.send(AWAY)
            connection.shutdown(socket.SHUT_WR)
    listening.close()
    return waiting


class Server(uvicorn.Server):
    """uvicorn that first says that it leaves, then shuts the door, then finishes what it accepted."""

    def __init__(
        self,
        application: Application,
        listening: socket.socket,
        seconds: float,
        on_ready: Callable[[], None],
    ) -> None:
        config = uvicorn.Config(
            application, log_level="warning", access_log=False, timeout_keep_alive=30, lifespan="on"
        )
        super().__init__(config)
        self._application, self._seconds, self._on_ready = application, seconds, on_ready
        self._listening = listening
        self._turned_away: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, the second stops at once."""
        if self._application.guard.draining:
            return super().handle_exit(sig, frame)
        self._application.drain()
        asyncio.get_running_loop().call_later(self._seconds, self._shut)
        return None

    def _shut(self) -> None:
        """Take no connection any more; what came on those that were taken is read before the end."""
        for server in self.servers:
            server.close()
        self._turned_away += turn_away(self._listening)
        asyncio.get_running_loop().call_later(UNREAD_SECONDS, setattr, self, "should_exit", True)


def serve(
    runs: Sequence[str],
    host: str,
    port: int,
    key: str | None,
    limits: Limits,
    device: str,
    on_ready: Callable[[str, list[str]], None],
) -> None:
    """Serve ``runs`` until told to stop; ``on_ready`` gets the address and the models.

    Raises :class:`UserError` before anything listens: for runs that cannot be loaded, a port that is taken,
    and another host than this machine's own without a key.
    """
    need_key(host, key)
    paths = named(runs)
    models = {name: load(path, device) for name, path in paths.items()}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(1, cores - 1))  # one is for HTTP
    for model in models.values():
        for network in model.networks.values():
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks it
    application = create_app(models, limits, key, host in LOOPBACK, paths)
    with opened(host, port) as listening:
        url = f"http://{host}:{listening.getsockname()[1]}"
        server = Server(application, listening, limits.drain_seconds, lambda: on_ready(url, list(models)))
        server.run([listening.dup()])
