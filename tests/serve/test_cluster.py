"""The service on a cluster of Ray that exists already: here a local one, as `ray start --head` makes it."""
# what may be absent is looked for first

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import Cli

for package in ("fastapi", "uvicorn", "multipart", "prometheus_client"):
    pytest.importorskip(package, reason="the extra 'serve' is not installed")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of this machine's two cores."""
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    place = tmp_path_factory.mktemp("ray")
    short = Path(f"/tmp/ray-{os.getpid()}")  # its sockets' paths may have 107 characters
    short.symlink_to(place)
    context = ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80_000_000,
        _temp_dir=str(short),
        log_to_driver=False,
    )
    yield context.address_info["gcs_address"]
    ray.shutdown()
    short.unlink()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answer(url: str, body: object = None) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=60) as found:
            return found.status, found.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_same_application_answers_from_a_cluster_until_it_is_told_to_stop(
    cluster: str, run: Path
) -> None:
    from visavis.models.load import load

    command = [
        sys.executable,
        "-m",
        "visavis",
        "serve",
        str(run),
        "--engine",
        "ray",
        "--port",
        str(free_port()),
    ]
    environment = os.environ | {"RAY_ADDRESS": cluster}
    with subprocess.Popen(
        [*command, "--replicas", "1", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        text = "".join(process.stdout.readline() for _ in range(7))
        assert text, process.stderr.read()
        told = json.loads(text)
        url = told["url"]
        status, body = answer(f"{url}/v1/models")
        assert status == 200 and [each["name"] for each in json.loads(body)] == ["small"]
        status, body = answer(f"{url}/v1/sample", {"n": 2, "seed": 3, "format": "npz"})
        assert status == 200 and body[:2] == b"PK"
        import io

        import numpy as np

        pixels = np.load(io.BytesIO(body))["images"]
        assert np.abs(pixels.astype(int) - load(run).pixels(2, seed=3).astype(int)).max() <= 1
        assert answer(f"{url}/v1/sample", {"n": 0})[0] == 422
        assert answer(f"{url}/v1/sample", {"model": "none"})[0] == 404
        assert answer(f"{url}/ready")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, process.stderr.read()
    with pytest.raises(OSError):
        assert answer(f"{url}/v1/models")[0] == 404  # Ray's proxy may stay; the application is gone
        raise OSError


def test_without_a_cluster_it_is_one_line(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--replicas is for --engine ray" in cli("serve", run, "--replicas", 2).err
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    done = cli("serve", run, "--engine", "ray")
    assert done.status == 2 and done.err.count("\n") == 1
    assert "ray" in done.err.lower()
