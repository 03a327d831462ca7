"""The service on a cluster of Ray that exists already: here a local one, as `ray start --head` makes it."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from email.message import Message
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from small_models import generator_and_critic
from tiny import Cli

from visavis.models.load import load
from visavis.models.snapshot import save_snapshot

for package in ("fastapi", "uvicorn", "multipart", "prometheus_client"):
    pytest.importorskip(package, reason="the extra 'serve' is not installed")

pytestmark = pytest.mark.xdist_group("ray")
QUEUE, BATCH = 3, 1
AT_WORK = 2 * BATCH
"""Requests that a replica is given at a time."""


class Service(NamedTuple):
    """A `visavis serve --engine ray` of one replica."""

    url: str
    process: "subprocess.Popen[str]"
    run: Path

    def replica(self) -> int:
        """The replica's process."""
        import ray

        (name,) = (
            each
            for each in ray.util.list_named_actors(all_namespaces=True)
            if each["name"].startswith("SERVE_REPLICA::visavis")
        )
        actor = ray.get_actor(name["name"], namespace=name["namespace"])
        number: int = ray.get(actor.__ray_call__.remote(lambda _: __import__("os").getpid()))
        return number


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of this machine's two cores."""
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")  # read as ray is imported
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    short = Path(f"/tmp/ray-{os.getpid()}")  # its sockets' paths may have 107 characters
    short.symlink_to(tmp_path_factory.mktemp("ray"))
    try:
        context = ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80_000_000,
            _temp_dir=str(short),
            log_to_driver=False,
        )
        yield context.address_info["gcs_address"]
    finally:
        ray.shutdown()
        short.unlink()


@pytest.fixture(scope="module")
def service(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, deployed, with a short queue."""
    model, run = generator_and_critic(), tmp_path_factory.mktemp("runs") / "small"
    save_snapshot(run / "snapshots/000000000005.safetensors", model.networks, model.description)
    options = {"--engine": "ray", "--port": free_port(), "--replicas": 1, "--queue": QUEUE, "--batch": BATCH}
    words = [str(word) for option in options.items() for word in option]
    with subprocess.Popen(
        [sys.executable, "-m", "visavis", "serve", str(run), "--json", *words],
        env=os.environ | {"RAY_ADDRESS": cluster},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        text = "".join(process.stdout.readline() for _ in range(7))
        assert text, process.stderr.read()
        yield Service(json.loads(text)["url"], process, run)
        process.kill()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answer(url: str, body: object = None) -> tuple[int, bytes, Message]:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=120) as found:
            return found.status, found.read(), found.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_without_a_cluster_it_is_one_line(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--replicas is for --engine ray" in cli("serve", run, "--replicas", 2).err
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    if find_spec("ray"):
        monkeypatch.setattr("ray.is_initialized", lambda: False)  # of this process's tests before
    done = cli("serve", run, "--engine", "ray")
    assert done.status == 2 and done.err.count("\n") == 1
    assert "ray" in done.err.lower()


def test_the_same_application_answers_from_a_cluster(service: Service) -> None:
    url, _, run = service
    status, body, _ = answer(f"{url}/v1/models")
    assert status == 200 and [each["name"] for each in json.loads(body)] == ["small"]
    status, body, _ = answer(f"{url}/v1/sample", {"n": 2, "seed": 3, "format": "npz"})
    assert status == 200
    pixels = np.load(io.BytesIO(body))["images"]
    assert np.abs(pixels.astype(int) - load(run).pixels(2, seed=3).astype(int)).max() <= 1
    assert answer(f"{url}/v1/sample", {"n": 0})[0] == 422
    assert answer(f"{url}/v1/sample", {"model": "none"})[0] == 404
    assert answer(f"{url}/ready")[0] == 200


def test_what_exceeds_the_queue_is_held_back_and_what_was_accepted_is_made(service: Service) -> None:
    clients, replica = 20, service.replica()
    refused: list[tuple[int, bytes, Message]] = []
    with ThreadPoolExecutor(clients) as asked:
        os.kill(replica, signal.SIGSTOP)  # whatever is accepted now waits
        try:
            sent = [asked.submit(answer, f"{service.url}/v1/sample", {"seed": i}) for i in range(clients)]
            answered = as_completed(sent, timeout=60)
            refused += [next(answered).result() for _ in range(clients - AT_WORK - QUEUE)]
            accepted = [each for each in sent if not each.done()]
        finally:
            os.kill(replica, signal.SIGCONT)
    assert all(status == 429 for status, _, _ in refused)
    assert all(headers["Retry-After"] == "1" for _, _, headers in refused)
    assert len(accepted) == AT_WORK + QUEUE
    assert [each.result()[0] for each in accepted] == [200] * len(accepted)
    assert answer(f"{service.url}/v1/sample", {})[0] == 200


def test_told_to_stop_it_makes_what_it_accepted_and_is_gone(service: Service) -> None:
    with ThreadPoolExecutor(AT_WORK) as asked:
        sent = [asked.submit(answer, f"{service.url}/v1/sample", {"n": 64}) for _ in range(AT_WORK)]
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(120) == 0
        assert {each.result()[0] for each in sent} <= {200, 404}  # 404: it came when it was gone
    try:
        status = answer(f"{service.url}/v1/models")[0]
    except OSError:
        return
    assert status == 404  # Ray's proxy may stay; the application is gone
