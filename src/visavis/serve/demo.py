"""``visavis demo``: a run's page from 127.0.0.1, and how its training goes while it does.

Python's own HTTP server is enough for one visitor on the same machine; :mod:`.app` is for others.
"""

import gzip
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from visavis import files
from visavis.errors import UserError
from visavis.export.web.runtime import LICENCE, runtime
from visavis.export.web.site import blank, compose, configure, model_assets
from visavis.models.load import load
from visavis.models.snapshot import find_snapshot, snapshots
from visavis.report.runfiles import RunFiles
from visavis.report.words import clock, count
from visavis.runs.folder import in_training

PORT = 7860
"""Where the page is unless something else is there, or ``--port`` says where."""
HOST = "127.0.0.1"
POINTS = 400
"""Points of a curve, at most."""


class Answer(NamedTuple):
    """Bytes with their type."""

    body: bytes
    kind: str


class Demo:
    """What the page of a run is made of, anew when the run has a newer snapshot."""

    def __init__(self, run: Path, name: str) -> None:
        self.run, self.name = run, name
        self._lock = threading.Lock()
        self._shown: Path | None = None
        self._page = Answer(b"", "")
        self._assets: dict[str, bytes] = {}

    @property
    def newest(self) -> Path | None:
        """The snapshot to show; None while a run has none yet."""
        if self.run.is_dir() and (self.run / "recipe.json").is_file() and not snapshots(self.run):
            return None
        return find_snapshot(self.run)

    @property
    def training(self) -> bool:
        """Whether the run goes on now."""
        return self.run.is_dir() and (self.run / "recipe.json").is_file() and in_training(self.run)

    def page(self) -> Answer:
        """The page of the newest snapshot."""
        with self._lock:
            snapshot = self.newest
            if snapshot is None:
                return _html(compose(blank(self.name, live=True), {}))
            if snapshot != self._shown:
                model = load(snapshot)
                made = {name: gzip.compress(data, 1) for name, data in model_assets(model).items()}
                self._assets = made | runtime()
                config = configure(model, self.name, snapshot.stem, live=self.training)
                self._page, self._shown = _html(compose(config, {})), snapshot
            return self._page

    def asset(self, name: str) -> Answer | None:
        """A file that the page asks for."""
        found = self._assets.get(name.removesuffix(".gz"))
        return None if found is None else Answer(found, "application/gzip")

    def progress(self) -> Answer:
        """How the training goes: a line, curves of the losses, which sheet and which snapshot are newest."""
        told = RunFiles(self.run, self.name)
        newest, running = self.newest, self.training
        samples = told.samples
        state = "in training" if running else "not in training now"
        return _json(
            {
                "line": f"{count(told.images)} images seen in {clock(told.seconds)}; {state}.",
                "running": running,
                "samples": samples[-1][1].stem if samples else None,
                "curves": curves(told.rows),
                "digest": None if newest is None else newest.stem,
            }
        )

    def sheet(self) -> Answer | None:
        """The newest sheet of samples."""
        samples = RunFiles(self.run, self.name).samples
        return Answer(samples[-1][1].read_bytes(), "image/png") if samples else None

    def answer(self, path: str) -> Answer | None:
        """What stands at ``path``; None: nothing."""
        fixed: dict[str, Callable[[], Answer | None]] = {
            "/": self.page,
            "/index.html": self.page,
            "/training.json": self.progress,
            "/training.png": self.sheet,
            f"/{LICENCE.name}": lambda: Answer(LICENCE.read_bytes(), "text/plain; charset=utf-8"),
        }
        if path in fixed:
            return fixed[path]()
        return self.asset(path.removeprefix("/assets/")) if path.startswith("/assets/") else None


def curves(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The losses of a log: ``{"names", "values": [[images, value of each name], …]}``, thinned."""
    names = sorted({name for row in rows for name in row if name.startswith("loss/")})
    if not names:
        return None
    step = -(-len(rows) // POINTS)
    kept = rows[::-step][::-1]  # the newest among them
    return {"names": names, "values": [[row["images"], *(row.get(name) for name in names)] for row in kept]}


def _html(text: str) -> Answer:
    return Answer(text.encode(), "text/html; charset=utf-8")


def _json(value: Any) -> Answer:
    return Answer(files.to_json(value).encode(), "application/json")


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD from a :class:`Demo`, to this machine's own browser only."""

    def __init__(self, demo: Demo, *given: Any) -> None:
        self.demo = demo
        super().__init__(*given)

    def do_GET(self) -> None:  # the library's name
        """Answer, or say that there is nothing."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in (HOST, "localhost", ""):  # another site's page that turned its name to this machine
            return self.send_error(HTTPStatus.FORBIDDEN)
        try:
            found = self.demo.answer(self.path.partition("?")[0])
        except UserError as error:
            return self._send(
                HTTPStatus.INTERNAL_SERVER_ERROR, Answer(str(error).encode(), "text/plain; charset=utf-8")
            )
        if found is None:
            return self.send_error(HTTPStatus.NOT_FOUND)
        return self._send(HTTPStatus.OK, found)

    do_HEAD = do_GET  # noqa: N815  # the library's name

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body)

    def log_message(self, *given: Any) -> None:
        """Say nothing: the visitor is the one who started it."""


def open_server(run: Path, name: str, port: int | None) -> ThreadingHTTPServer:
    """A server of a run's page, not yet answering; raises :class:`UserError` where it cannot be.

    ``port``: None is :data:`PORT`, or any where that is taken; 0 is any.
    """
    demo = Demo(run, name)
    if demo.newest is None and not demo.training:
        find_snapshot(run)  # says what is wrong with it
    demo.page()  # a run whose page cannot be made is told here, not in the browser
    for each in (PORT, 0) if port is None else (port,):
        try:
            return ThreadingHTTPServer((HOST, each), partial(Handler, demo))
        except OSError as error:
            why = error.strerror or error
    raise UserError(f"cannot listen on {HOST}:{port}: {why}; give another --port, or 0 for any")
