"""``visavis report --watch``: the page is written while a run trains, and a browser follows it."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from runs_on_disk import make_run
from tiny import Cli

from visavis.report.page import make_page
from visavis.report.runfiles import open_runs
from visavis.runs.folder import held

PAUSE = 'id="pause"'
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def tick(run: Path, images: int) -> None:
    """A row more in the log."""
    row = {"images": images, "seconds": images / 500, "images_per_second": 500.0, "loss/D": 1.0}
    with (run / "stats.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def test_the_page_is_written_while_a_run_trains_and_once_more_at_its_end(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, slept, pages = make_run(tmp_path / "a", ticks=5, sheets=1), [], []
    with ExitStack() as training:
        training.enter_context(held(run))

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            pages.append((run / "report.html").read_text())
            tick(run, 5000 + 1000 * len(slept))
            if len(slept) == 2:
                training.close()

        monkeypatch.setattr(time, "sleep", sleep)
        done = cli("report", run, "--watch", "--every", "3s")
    assert done.status == 0, done.err
    assert slept == [3.0, 3.0]
    assert all('data-reload="3"' in page and PAUSE in page for page in pages)
    assert ["5k" in pages[0], "6k" in pages[1]] == [True, True]
    last = (run / "report.html").read_text()
    assert "data-reload" not in last and PAUSE not in last and "7k" in last


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_a_browser_follows_keeps_its_place_and_stops_when_told(tmp_path: Path, browser: Any) -> None:
    run, file = make_run(tmp_path / "a", ticks=5, sheets=1), tmp_path / "page.html"

    def write(seconds: float | None) -> None:
        file.write_text(make_page(open_runs([run]), reload_seconds=seconds).html)

    def shows(images: str) -> None:
        page.wait_for_function(f"document.querySelector('.tiles').textContent.includes('{images}')")

    write(0.5)
    page = browser.new_page(viewport={"width": 390, "height": 600})
    failed: list[object] = []
    page.on("pageerror", lambda error: failed.append(error))
    page.goto(file.as_uri())
    shows("5k")
    page.wait_for_function("(scrollTo(0, 700), sessionStorage.getItem('visavis-scroll') === '700')")
    tick(run, 6000)
    write(0.5)
    shows("6k")
    page.wait_for_function("scrollY === 700")
    page.wait_for_function("(document.getElementById('pause').click(), document.body.dataset.mark = 'kept')")
    assert page.text_content("#pause") == "Follow again"
    tick(run, 7000)
    write(None)
    page.wait_for_timeout(900)
    assert page.evaluate("document.body.dataset.mark") == "kept"
    page.click("#pause")
    shows("7k")
    assert page.locator("#pause").count() == 0 and failed == []
    page.evaluate("document.body.dataset.mark = 'ended'")
    page.wait_for_timeout(600)
    assert page.evaluate("document.body.dataset.mark") == "ended"
