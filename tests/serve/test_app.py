"""The service, asked over HTTP in this process."""
# ruff: noqa: E402  # what may be absent is looked for first

import base64
import io
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_models import autoencoder, both_ways, generator_and_critic, super_resolver

for package in ("fastapi", "uvicorn", "multipart", "prometheus_client", "httpx"):
    pytest.importorskip(package, reason="the extra 'serve' is not installed")

import uvicorn
from fastapi.testclient import TestClient

from visavis.serve import app, demo
from visavis.serve.app import Application, create_app
from visavis.serve.engine import Job
from visavis.serve.limits import Limits
from visavis.serve.start import opened

MODELS = {
    "digits": generator_and_critic(),
    "vae": autoencoder(),
    "cycle": both_ways(),
    "super": super_resolver(),
}
LIMITS = Limits(images=8, upload_bytes=20_000, pixels=10_000, queue=4)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(MODELS, LIMITS)) as asked:
        yield asked


def png(width: int = 8, height: int = 8, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    levels = np.arange(width * height * 3).reshape(height, width, 3) * 37 % 256
    Image.fromarray(levels.astype(np.uint8)).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def lives(client: TestClient) -> bool:
    """Whether it still makes what it is asked for, which /health does not say."""
    return client.post("/v1/sample", json={}).status_code == client.get("/health").status_code == 200


def test_a_sample_is_the_models_own(client: TestClient) -> None:
    model = MODELS["digits"]
    one = client.post("/v1/sample", json={"seed": 3})
    assert one.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(pixels(one.content), model.pixels(1, seed=3)[0, ..., 0])
    several = client.post("/v1/sample", json={"n": 3, "label": "two", "format": "npz"})
    found = np.load(io.BytesIO(several.content))
    np.testing.assert_array_equal(found["images"], model.pixels(3, "two"))
    assert found["labels"].tolist() == [2, 2, 2]
    seeds = client.post("/v1/sample", json={"seeds": [5, 9], "format": "npz"})
    np.testing.assert_array_equal(np.load(io.BytesIO(seeds.content))["images"], model.seeds([5, 9]))
    sheet = client.post("/v1/sample", json={"n": 4, "format": "webp", "model": "vae"})
    assert Image.open(io.BytesIO(sheet.content)).format == "WEBP"
    assert pixels(sheet.content).shape == (22, 22, 3)  # two by two of 8 pixels, and their borders


def test_pictures_are_reconstructed_translated_and_compared_as_in_python(client: TestClient) -> None:
    picture = png(8, 8)
    opened = Image.open(io.BytesIO(picture))
    sent = {"image": ("a.png", picture)}
    again = client.post("/v1/reconstruct", files=sent, data={"model": "vae"})
    np.testing.assert_array_equal(pixels(again.content), np.asarray(MODELS["vae"].reconstruct(opened)[0]))
    turned = client.post("/v1/translate", files=sent, data={"model": "cycle", "direction": "b-to-a"})
    wanted = np.asarray(MODELS["cycle"].translate(opened, "b-to-a"))
    np.testing.assert_array_equal(pixels(turned.content), wanted)
    empty = client.post("/v1/reconstruct", files=sent, data={"model": "vae", "label": "", "format": ""})
    assert empty.content == again.content
    both = {"a": ("a.png", picture), "b": ("b.png", png(9, 8, "L"))}
    found = client.post("/v1/compare", files=both, data={"label": "one"}).json()
    b = Image.open(io.BytesIO(both["b"][1]))
    assert found == {"kind": "margin", "value": MODELS["digits"].compare(opened, b, "one").value}


def test_models_health_metrics_and_openapi_tell_what_there_is(client: TestClient) -> None:
    rows = client.get("/v1/models").json()
    assert [row["name"] for row in rows] == ["digits", "vae", "cycle", "super"]
    assert rows[0]["abilities"] == ["sample", "compare"]
    assert rows[0]["classes"] == ["zero", "one", "two"]
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").status_code == 200
    client.post("/v1/sample", json={"n": 2})
    counted = client.get("/metrics").text
    assert 'visavis_requests_total{path="/v1/sample",status="200"}' in counted
    assert "visavis_engine_images" in counted
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/sample", "/v1/translate", "/v1/reconstruct", "/v1/compare", "/v1/models"} <= paths.keys()
    assert "429" in paths["/v1/sample"]["post"]["responses"]
    form = client.get("/openapi.json").json()["components"]["schemas"]["Body_translate_v1_translate_post"]
    assert form["properties"]["format"]["enum"] == ["png", "webp", "npz", ""]


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says that it has very many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "status", "told"),
    [
        (b"", 422, "'image' is empty"),
        (b"no picture", 422, "'image' is no picture that can be read"),
        (bomb(20_000, 10_000), 413, "pixels"),  # 200 megapixels
        (bomb(2**31 - 1, 2**31 - 1), 413, "pixels"),
        (bomb(101, 100), 413, "'image' has 101x100 pixels (allowed: 10000 in all)"),
        (bomb(50, 50), 422, "'image' cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 20_000, 413, "'image' has 2000"),
        (b"0" * 200_000, 413, "the request is too large"),
        (b"GIF89a", 422, "'image' is no picture"),
        (png(60, 60)[:300], 422, "'image' cannot be read"),
        (png()[:20], 422, "'image' is no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "'image' is no picture"),
    ],
)
def test_bad_uploads_are_refused_and_the_service_lives(
    client: TestClient, data: bytes, status: int, told: str
) -> None:
    found = client.post("/v1/translate", files={"image": ("../../x.png", data)}, data={"model": "cycle"})
    assert (found.status_code, told in found.json()["detail"]) == (status, True), found.text
    assert lives(client)


def test_what_a_picture_is_called_is_of_no_account(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b/c")
    told = [
        client.post("/v1/translate", files={"image": (name, png())}, data={"model": "cycle"})
        for name in ("x.png", "../../x.png", "/x.gif", "", "..\\x\0.png")
    ]
    assert [found.status_code for found in told] == [200, 200, 200, 422, 200]  # without a name it is a text
    assert len({found.content for found in told if found.status_code == 200}) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("path", "data", "status", "told"),
    [
        ("compare", {"label": "nine"}, 422, "unknown label 'nine' (allowed: zero, one, two)"),
        ("compare", {"model": "vae"}, 422, "holds no critic, so it cannot compare"),
        ("compare", {"model": "none"}, 404, "unknown model 'none'"),
        ("reconstruct", {"model": "vae", "label": "one"}, 422, "unconditional, so it takes no label 'one'"),
        ("reconstruct", {"model": "vae", "format": "gif"}, 422, "body.format"),
        ("reconstruct", {}, 422, "so it cannot reconstruct"),
        (
            "translate",
            {"model": "cycle", "direction": "up"},
            422,
            "unknown direction 'up' (allowed: a-to-b, b",
        ),
        (
            "translate",
            {"model": "cycle", "fit": "shrink"},
            422,
            "unknown way to fit 'shrink' (allowed: tile, ",
        ),
        ("translate", {"model": "super", "direction": "b-to-a"}, 422, "learned one way only"),
    ],
)
def test_forms_with_mistakes_are_one_line(
    client: TestClient, path: str, data: dict[str, str], status: int, told: str
) -> None:
    sent = {name: (f"{name}.png", png()) for name in (("a", "b") if path == "compare" else ("image",))}
    found = client.post(f"/v1/{path}", files=sent, data=data)
    assert found.status_code == status
    assert told in found.json()["detail"]
    assert "\n" not in found.json()["detail"]
    assert lives(client)


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (
            {"model": "../../etc/passwd"},
            404,
            "unknown model '../../etc/passwd' (allowed: digits, vae, cycle, super)",
        ),
        ({"label": "nine"}, 422, "unknown label 'nine' (allowed: zero, one, two)"),
        ({"model": "vae", "label": "one"}, 422, "unconditional, so it takes no label 'one'"),
        ({"model": "cycle"}, 422, "so it cannot sample (it can: translate)"),
        ({"n": 9}, 422, "9 images (allowed: 1 to 8)"),
        ({"n": 0}, 422, "body.n: Input should be greater than or equal to 1"),
        ({"seed": 2**60}, 422, "body.seed"),
        ({"seeds": [-1]}, 422, "body.seeds.0"),
        ({"format": "exe"}, 422, "body.format"),
        ({"colour": "red"}, 422, "body.colour: Extra inputs are not permitted"),
        ([], 422, "body"),
    ],
)
def test_mistakes_are_one_line(client: TestClient, asked: Any, status: int, told: str) -> None:
    found = client.post("/v1/sample", json=asked)
    assert found.status_code == status
    assert told in found.json()["detail"]
    assert "\n" not in found.json()["detail"]


@pytest.mark.parametrize("body", [b'{"n": NaN}', b"{", b"\xff\xfe", b"null", b""])
def test_what_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    found = client.post("/v1/sample", content=body, headers={"Content-Type": "application/json"})
    assert found.status_code == 422
    assert isinstance(found.json()["detail"], str)


def test_a_key_is_asked_for_but_where_a_balancer_looks() -> None:
    asked = TestClient(create_app(MODELS, LIMITS, key="secret"))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "sécret".encode()}):
        found = asked.get("/v1/models", headers=headers)
        assert (found.status_code, found.headers["www-authenticate"]) == (401, "Bearer")
    for headers in ({"Authorization": "Bearer secret"}, {"X-API-Key": "secret"}):
        assert asked.get("/v1/models", headers=headers).status_code == 200
    assert asked.get("/health").status_code == asked.get("/ready").status_code == 200
    assert asked.get("/metrics").status_code == 401


def test_a_browser_is_asked_for_the_key_as_a_password(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "model_assets", lambda model: {})
    monkeypatch.setattr(demo, "runtime", dict)
    service = create_app(MODELS, LIMITS, key="sécret", local=False, runs={"small": run})
    asked = TestClient(service)
    for path in ("/", "/models/small/", "/models/small/assets/ort.wasm.gz"):
        for wrong in (None, ("anybody", "secret"), ("sécret", "")):
            found = asked.get(path, auth=wrong)
            assert found.status_code == 401
            assert found.headers["www-authenticate"].startswith("Basic realm=")
    password = base64.b64encode("anybody:sécret".encode()).decode()
    assert "<title>small</title>" in asked.get("/", headers={"Authorization": f"Basic {password}"}).text
    assert asked.get("/v1/models", headers={"X-API-Key": "sécret".encode()}).status_code == 200
    for wrong in ("Basic", "Basic !", "Basic c2VjcmV0", "Basic /w==", "Basic é", "Bearer", "Bearer "):
        assert asked.get("/", headers={"Authorization": wrong.encode()}).status_code == 401


def test_a_page_may_take_longer_to_be_made_than_a_request(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(model: object) -> dict[str, bytes]:
        time.sleep(0.5)
        return {}

    monkeypatch.setattr(demo, "model_assets", slow)
    monkeypatch.setattr(demo, "runtime", dict)
    service = create_app(MODELS, LIMITS.model_copy(update={"seconds": 0.2}), runs={"small": run})
    assert "<title>small</title>" in TestClient(service).get("/models/small/").text


def test_a_page_elsewhere_that_takes_this_machines_name_gets_nothing() -> None:
    asked = TestClient(create_app(MODELS, LIMITS))
    assert asked.get("/v1/models", headers={"Host": "evil.example"}).status_code == 403
    assert asked.get("/v1/models", headers={"Host": "127.0.0.1:8000"}).status_code == 200
    other = TestClient(create_app(MODELS, LIMITS, key="k", local=False))
    with_key = {"Host": "gpu.example", "X-API-Key": "k"}
    assert other.get("/v1/models", headers=with_key).status_code == 200


class Stopped:
    """The engine of an application, standing still."""

    def __init__(self, application: Application) -> None:
        self.engine, self.go, self.begun = application.service.engine, threading.Event(), threading.Event()

    def __enter__(self) -> "Stopped":
        self.engine.submit(Job("still", self._wait, None))
        assert self.begun.wait(10)
        return self

    def _wait(self, given: object) -> list[None]:
        self.begun.set()
        assert self.go.wait(20)
        return [None]

    def __exit__(self, *_: object) -> None:
        self.go.set()


def test_a_full_queue_is_429_with_when_to_ask_again() -> None:
    application = create_app(MODELS, LIMITS)
    with Stopped(application) as still, TestClient(application) as asked:
        for _ in range(LIMITS.queue):
            still.engine.submit(Job("more", lambda given: list(given), None))
        found = asked.post("/v1/sample", json={})
        still.go.set()
    assert found.status_code == 429
    assert int(found.headers["retry-after"]) >= 1


def test_a_request_that_takes_too_long_is_answered_and_its_job_dropped() -> None:
    application = create_app(MODELS, LIMITS.model_copy(update={"seconds": 0.2}))
    with Stopped(application) as still, TestClient(application) as asked:
        found = asked.post("/v1/sample", json={})
        (job,) = still.engine._queue
        assert job.dropped
        still.go.set()
    assert found.status_code == 503
    assert "more than 0.2 s" in found.json()["detail"]


def test_one_that_is_being_made_when_its_time_is_over_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    application = create_app(MODELS, LIMITS.model_copy(update={"seconds": 0.3}))
    go, begun = threading.Event(), threading.Event()

    def made(given: object) -> list[bytes]:
        begun.set()
        assert go.wait(20)
        return [b"too late"]

    with TestClient(application) as asked:
        with monkeypatch.context() as patched:
            patched.setattr(app, "sample_job", lambda *given: Job("slow", made, None))
            assert asked.post("/v1/sample", json={}).status_code == 503
        assert begun.is_set()
        go.set()
        assert lives(asked)


def test_while_it_drains_it_answers_and_says_that_it_leaves() -> None:
    application = create_app(MODELS, LIMITS)
    with TestClient(application) as asked:
        application.drain()
        found = asked.post("/v1/sample", json={})
        assert (found.status_code, found.headers["connection"]) == (200, "close")
        assert asked.get("/ready").status_code == 503
        assert asked.get("/health").status_code == 200


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def listening(application: Application) -> Iterator[tuple[str, int]]:
    """The application at a port, on a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
    with opened("127.0.0.1", 0) as door:
        thread = threading.Thread(target=server.run, args=([door.dup()],))
        thread.start()
        try:
            yield door.getsockname()
        finally:
            server.should_exit = True
            thread.join(20)


def test_clients_that_leave_are_noticed_and_their_work_is_not_done() -> None:
    application = create_app(MODELS, LIMITS)
    engine, body = application.service.engine, b'{"n": 8}'
    head = f"POST /v1/sample HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    request = f"{head}Content-Type: application/json\r\n\r\n".encode() + body
    with Stopped(application) as still, listening(application) as address:
        stays, *leave = (socket.create_connection(address) for _ in range(4))
        for each in (stays, *leave):
            each.sendall(request)
        with socket.create_connection(address) as half:
            half.sendall(request[:-3])
        until(lambda: len(engine) == 4)
        for each in leave:
            each.close()
        until(lambda: sum(job.dropped for job in engine._queue) == 3)
        still.go.set()
        with stays:
            assert stays.recv(12) == b"HTTP/1.1 200"
    assert engine.stop(20)
    told = TestClient(application).get("/metrics").text
    assert 'visavis_requests_total{path="/v1/sample",status="499"} 3.0' in told
    assert "visavis_engine_dropped 3.0" in told
    assert "visavis_engine_images 9.0" in told  # the one that stood still, and those of who stayed


def test_the_first_models_page_is_at_the_root_and_each_has_its_own(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "model_assets", lambda model: {"generator.onnx": b"the model"})
    monkeypatch.setattr(demo, "runtime", lambda: {"ort.mjs": b"the runtime"})
    asked = TestClient(create_app(MODELS, LIMITS, runs={"small": run, "other": run}))
    page = asked.get("/", follow_redirects=True)
    assert (page.status_code, page.url.path) == (200, "/models/small/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>small</title>" in page.text
    assert "<title>other</title>" in asked.get("/models/other/").text
    assert asked.get("/models/small/assets/ort.mjs.gz").content == b"the runtime"
    for nothing in ("none/", "small/nothing", "small/assets/../../../pyproject.toml", "small/recipe.json"):
        assert asked.get(f"/models/{nothing}").status_code == 404
    assert TestClient(create_app(MODELS, LIMITS)).get("/").status_code == 404
