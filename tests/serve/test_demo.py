import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_models import generator_and_critic

from visavis.errors import UserError
from visavis.models.snapshot import save_snapshot
from visavis.runs.folder import held
from visavis.serve import demo
from visavis.serve.demo import Demo, curves, open_server

ROWS = [{"images": 16, "seconds": 1.0, "loss/D": 0.5, "loss/G": 0.7}, {"event": "resume", "images": 16}]


@pytest.fixture(autouse=True)
def _no_export_and_no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "model_assets", lambda model: {"generator.onnx": b"the model"})
    monkeypatch.setattr(demo, "runtime", lambda: {"ort.mjs": b"the runtime"})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that has begun and has no snapshot."""
    folder = tmp_path / "small"
    (folder / "samples").mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps({"recipe": {"name": "small"}}))
    (folder / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "samples" / "000000000016.png").write_bytes(b"a sheet")
    return folder


def snapshot(folder: Path, images: int) -> None:
    model = generator_and_critic()
    save_snapshot(folder / "snapshots" / f"{images:012d}.safetensors", model.networks, model.description)


def told(page: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(page.partition('id="config">')[2].partition("</script>")[0])
    return found


@pytest.fixture
def ask(run: Path) -> Iterator[object]:
    snapshot(run, 16)
    with open_server(run, "small", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def get(path: str, host: str | None = None, method: str = "GET") -> tuple[int, bytes]:
            asked = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
            asked.request(method, path, headers={"Host": host or f"127.0.0.1:{server.server_port}"})
            answer = asked.getresponse()
            return answer.status, answer.read()

        yield get
        server.shutdown()


def test_the_page_its_assets_and_its_progress_are_served(ask: object) -> None:
    status, page = ask("/")  # type: ignore[operator]
    assert (status, told(page.decode())["digest"]) == (200, "000000000016")
    assert ask("/assets/ort.mjs.gz?000000000016") == (200, b"the runtime")  # type: ignore[operator]
    assert ask("/training.png") == (200, b"a sheet")  # type: ignore[operator]
    progress = json.loads(ask("/training.json")[1])  # type: ignore[operator]
    assert progress["line"].startswith("16 images seen in 0:01; not in training")
    assert progress["curves"] == {"names": ["loss/D", "loss/G"], "values": [[16, 0.5, 0.7]]}
    assert ask("/", method="HEAD") == (200, b"")  # type: ignore[operator]


@pytest.mark.parametrize("path", ["/nothing", "/assets/../../pyproject.toml", "/assets/", "/recipe.json"])
def test_nothing_else_is(ask: object, path: str) -> None:
    assert ask(path)[0] == 404  # type: ignore[operator]


def test_another_name_for_this_machine_is_refused(ask: object) -> None:
    assert ask("/", host="evil.example:80")[0] == 403  # type: ignore[operator]


def test_a_run_that_trains_shows_its_training_first_and_then_each_newer_snapshot(run: Path) -> None:
    with held(run):
        shown = Demo(run, "small")
        assert told(shown.page().body.decode())["parts"] == []
        assert json.loads(shown.progress().body)["running"]
        for images in (16, 32):
            snapshot(run, images)
            assert json.loads(shown.progress().body)["digest"] == f"{images:012d}"
            page = told(shown.page().body.decode())
            assert (page["digest"], page["live"]) == (f"{images:012d}", True)


def test_long_curves_are_thinned_and_keep_their_newest_point() -> None:
    rows = [{"images": i, "loss/G": float(i)} for i in range(1, 1001)]
    found = curves(rows)
    assert found is not None
    assert len(found["values"]) <= demo.POINTS
    assert found["values"][-1] == [1000, 1000.0]
    assert curves([{"images": 1}]) is None


def test_what_cannot_be_is_one_line(run: Path) -> None:
    with pytest.raises(UserError, match="holds no snapshot yet"):
        open_server(run, "small", None)
    with pytest.raises(UserError, match="no run at"):
        open_server(run / "other", "small", None)
    snapshot(run, 16)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}: .*; give another --port"):
            open_server(run, "small", port)
