"""``visavis serve --engine ray``: the same application on a cluster of Ray that exists already.

Every replica holds all of the models and its own bounded queue; Ray's proxies spread requests over replicas
and hold back what exceeds ``queue``.  The runs' folders, or the hub, must be reachable from every machine of
the cluster, and visavis installed there.  Needs the extra ``ray``.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import serve as ray_serve

from visavis.errors import UserError
from visavis.models.load import load
from visavis.serve.app import Application, create_app
from visavis.serve.limits import Limits
from visavis.serve.start import named, need_key

try:
    from ray.serve.config import BackpressureConfig
except ImportError:
    raise UserError(
        f"ray {ray.__version__} is too old (allowed: 2.58 or newer); pip install --upgrade 'ray[serve]'"
    ) from None

CONNECT_SECONDS = 5.0
NAME = "visavis"
"""Of the application on the cluster; a second one of that name replaces the first."""


def deployed(paths: Mapping[str, Path], limits: Limits, key: str | None, device: str, replicas: int) -> Any:
    """The application as Ray Serve has it, not yet on a cluster."""
    where = {name: path.resolve() for name, path in paths.items()}

    def build() -> Application:  # on each replica, so that only paths travel
        models = {name: load(path, device) for name, path in where.items()}
        return create_app(models, limits, key, local=False, runs=where)

    deployment: Any = ray_serve.deployment(
        ray_serve.ingress(build)(),
        name=NAME,
        num_replicas=replicas,
        max_ongoing_requests=2 * limits.batch,  # one batch that is made, one that waits
        max_queued_requests=limits.queue,
        backpressure_config=BackpressureConfig(status_code=429, retry_after_s=1),
        graceful_shutdown_timeout_s=limits.seconds,
        ray_actor_options={"num_cpus": 1, "num_gpus": 1 if device.startswith("cuda") else 0},
    )
    return deployment.bind()


def join() -> None:
    """Join the cluster of ``RAY_ADDRESS``, or this machine's; :class:`UserError` where there is none."""
    if ray.is_initialized():
        return
    mend = "start one with 'ray start --head', or name it in RAY_ADDRESS"
    host, colon, port = os.environ.get("RAY_ADDRESS", "").rpartition(":")
    try:
        if colon and port.isdecimal():  # Ray itself would wait for minutes
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    except OSError:  # a ConnectionError too
        raise UserError(f"no cluster of Ray answers; {mend}") from None


def serve(
    runs: Sequence[str],
    host: str,
    port: int,
    key: str | None,
    limits: Limits,
    device: str,
    replicas: int,
    on_ready: Callable[[str, list[str]], None],
) -> None:
    """Serve ``runs`` on the cluster until SIGTERM or Ctrl-C, which finish what was accepted and remove them.

    Raises :class:`UserError` before anything is deployed: for runs that cannot be loaded, and another host
    than this machine's own without a key.
    """
    need_key(host, key)
    paths = named(runs)
    for path in paths.values():
        load(path)
    join()
    ray_serve.start(proxy_location="EveryNode", http_options={"host": host, "port": port})
    ray_serve.run(deployed(paths, limits, key, device, replicas), name=NAME, route_prefix="/")
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    on_ready(f"http://{host}:{port}", list(paths))
    over.wait()
    ray_serve.delete(NAME)
