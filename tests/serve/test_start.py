"""The service as a process: it listens, a client leaves, it stops; and what it refuses to begin with."""
# ruff: noqa: E402  # what may be absent is looked for first

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import Cli

for package in ("fastapi", "uvicorn", "multipart", "prometheus_client"):
    pytest.importorskip(package, reason="the extra 'serve' is not installed")

from fastapi.testclient import TestClient

from visavis.errors import UserError
from visavis.runs.folder import held
from visavis.serve import demo, start
from visavis.serve.app import Application
from visavis.serve.start import named


def test_a_process_answers_survives_a_client_that_leaves_and_stops_cleanly(run: Path) -> None:
    command = [sys.executable, "-m", "visavis", "serve", str(run), f"other={run}", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        told = json.loads("".join(process.stdout.readline() for _ in range(8)))
        assert told["models"] == ["small", "other"]
        port = int(told["url"].rpartition(":")[2])
        body = b'{"n": 8}'
        head = f"POST /v1/sample HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n"
        request = f"{head}Content-Type: application/json\r\n\r\n".encode() + body
        for half in (request, request[: len(request) // 2], request[:-3]):
            with socket.create_connection(("127.0.0.1", port)) as left:
                left.sendall(half)
        asked = urllib.request.Request(f"{told['url']}/v1/sample", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert answer.read()[:4] == b"\x89PNG"
        with socket.create_connection(("127.0.0.1", port)) as last:
            last.sendall(request)
            time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            got = b""
            while part := last.recv(65536):
                got += part
        assert got.startswith(b"HTTP/1.1 200") and b"PNG" in got
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "lets other machines in, so a key is needed; give --api-key"),
        (["--queue", "0"], "--queue '0': Input should be greater than 0"),
        (["--batch", "many"], "--batch 'many': Input should be a valid integer"),
        (["--port", "65536"], "--port: '65536' is no port (allowed: 0 to 65535; 0: any)"),
        (["--port", "-1"], "--port"),
    ],
)
def test_what_cannot_begin_is_one_line(
    cli: Cli, run: Path, arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISAVIS_API_KEY", raising=False)
    done = cli("serve", run, *arguments)
    assert done.status == 2
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_port_in_use_and_a_run_without_snapshot_are_told(cli: Cli, run: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in cli("serve", run, "--port", port).err
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "recipe.json").write_text("{}")
    assert "holds no snapshot yet" in cli("serve", tmp_path / "young").err


def test_two_runs_of_one_name_are_told_and_can_be_named(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "deeper" / "small"
    other.mkdir(parents=True)
    with pytest.raises(UserError, match=r"two runs are called 'small'; name one of them, as in other="):
        named([str(run), str(other)])
    assert named([str(run), f"new={other}"]) == {"small": run, "new": other}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Application]:
    """What `visavis serve` would have served: its server is made, and does not run."""
    found: list[Application] = []
    monkeypatch.setattr(start.Server, "run", lambda self, sockets: found.append(self._application))
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)  # of the tests that follow, too
    monkeypatch.setattr(demo, "model_assets", lambda model: {})
    monkeypatch.setattr(demo, "runtime", dict)
    return found.pop


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "a?", "a#b", "50%", "my run", ".hidden", "..", "", "a\\b", "a\nb"]
)
def test_a_name_that_is_no_part_of_an_address_is_one_line(
    cli: Cli, run: Path, name: str, begun: Callable[[], Application]
) -> None:
    done = cli("serve", f"{name}={run}", "--port", 0)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert (
        "cannot be a model's name (allowed: letters, digits and _, after the first also . - @ = +)"
        in done.err
    )


def test_a_folders_own_name_is_held_to_the_same_and_can_be_replaced(run: Path, tmp_path: Path) -> None:
    odd, plain = run.rename(tmp_path / "my run?"), tmp_path / "lr=0.1_größe-2.b"
    plain.mkdir()
    with pytest.raises(UserError, match=r"'my run\?' cannot .*; give another, as in other=.*my run\?"):
        named([str(odd)])
    assert named([f"mine={odd}", str(plain)]) == {"mine": odd, plain.name: plain}


def test_a_run_that_still_trains_is_served_from_its_first_snapshot_on(
    cli: Cli, run: Path, tmp_path: Path, begun: Callable[[], Application]
) -> None:
    (run / "recipe.json").write_text("{}")
    with held(run):
        assert cli("serve", run, "--port", 0, "--device", "cpu").status == 0
        with TestClient(begun()) as asked:
            assert asked.post("/v1/sample", json={}).content[:4] == b"\x89PNG"
            assert '"live": true' in asked.get("/").text
    young = tmp_path / "young"
    young.mkdir()
    (young / "recipe.json").write_text("{}")
    with held(young):
        done = cli("serve", young)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "holds no snapshot yet; where it is in training, wait for its first" in done.err
