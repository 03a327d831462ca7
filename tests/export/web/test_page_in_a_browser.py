"""The page, driven in headless Chromium as one file from ``file://`` and as a folder."""

import base64
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import DROPPED, served, try_everything
from small_models import autoencoder, both_ways, generator_and_critic

from visavis.errors import UserError
from visavis.export.web import runtime, site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOME = Path.home() / ".cache/visavis" / f"onnxruntime-web-{runtime.VERSION}"
if CHROMIUM is None:
    pytest.skip("chromium is not on this machine", allow_module_level=True)
if not any((folder / "ort.wasm.gz").is_file() for folder in (runtime.OWN, HOME)):
    pytest.skip("the browser's runtime is not here: make web-runtime", allow_module_level=True)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_cached", lambda: HOME)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def opened(browser: object, url: str) -> object:
    page = browser.new_page(viewport={"width": 390, "height": 844})  # type: ignore[attr-defined]
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.set_default_timeout(300_000)
    page.goto(url)
    page.wait_for_selector("body[data-ready=true]")
    return page


def wrong(page: object, model: object) -> list[str]:
    """What does not do what it says, and errors."""
    found = try_everything(page, model)
    assert len(found) >= 6
    return [name for name, works in found.items() if not works] + page.complaints  # type: ignore[attr-defined]


def embedded(page: Path) -> dict[str, int]:
    """The networks inside a page, and how many bytes of it each takes."""
    found = re.findall(rb'id="asset:([\w-]+\.onnx)">([^<]+)<', page.read_bytes())
    return {name.decode(): len(data) for name, data in found}


def test_one_file_makes_pytorchs_pictures_and_sliders_change_them(tmp_path: Path, browser: object) -> None:
    model = generator_and_critic()
    site.write_page(model, tmp_path / "page.html", "small")
    size, networks = (tmp_path / "page.html").stat().st_size, embedded(tmp_path / "page.html")
    assert networks.keys() == {"generator.onnx", "critic.onnx"}
    assert 5_000_000 < size - sum(networks.values()) < 30_000_000  # as it stands there, in base64
    page = opened(browser, (tmp_path / "page.html").as_uri())
    assert wrong(page, model) == []
    width = page.evaluate("document.documentElement.scrollWidth")  # type: ignore[attr-defined]
    assert width <= 390


def test_a_sketch_is_translated_in_the_folder_form(tmp_path: Path, browser: object) -> None:
    model = both_ways()
    site.write_page(model, tmp_path / "site", "small")
    with served(tmp_path / "site") as address:
        assert wrong(opened(browser, address), model) == []


def test_a_picture_of_ones_own_is_reconstructed_and_walked(tmp_path: Path, browser: object) -> None:
    model = autoencoder()
    site.write_page(model, tmp_path / "page.html", "small")
    page = opened(browser, (tmp_path / "page.html").as_uri())
    assert wrong(page, model) == []
    page.eval_on_selector("#original", DROPPED, base64.b64encode(b"no picture").decode())  # type: ignore[attr-defined]
    page.wait_for_selector("#status.wrong:has-text(\"'own.png' is no picture\")")  # type: ignore[attr-defined]


def test_the_runtime_is_asked_for_by_hash() -> None:
    with pytest.raises(UserError, match="SHA-512"):
        runtime.unpack(b"", HOME / "never")
