"""What drives a model's page in a browser: a server for a folder, and what a canvas shows."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

LEVELS = """(canvas) => {
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return [canvas.height, canvas.width, ...data]; }"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Tells nothing."""

    def log_message(self, *given: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder's address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def levels(page: Any, canvas: str) -> np.ndarray:
    """Grey levels on a canvas: ``[H, W, 4]``."""
    found = page.eval_on_selector(canvas, LEVELS)
    return np.array(found[2:], np.int64).reshape(found[0], found[1], 4)


def changes(page: Any, canvas: str, act: Callable[[], object]) -> bool:
    """Whether what is on a canvas changes within ten seconds of an action."""
    before = levels(page, canvas)
    act()
    for _ in range(100):
        if not np.array_equal(levels(page, canvas), before):
            return True
        page.wait_for_timeout(100)
    return False
