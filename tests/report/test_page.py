import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from runs_on_disk import make_run, result, sheet
from tiny import Cli

from visavis.report.grids import save_grid
from visavis.report.page import make_page
from visavis.report.runfiles import open_runs

OLD = Path(__file__).parents[1] / "runs/made-by-0.1.0"
SCRIPT = Path(__file__).parents[2] / "benchmarks/look_at_page.mjs"
VOID = {"meta", "img", "input", "br", "link", "line", "path", "rect"}


class Outline(HTMLParser):
    """Elements that are not closed, what is fetched, pictures without a text, ids, links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.mute: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.open += [] if tag in VOID else [tag]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [(given["href"] or "")[1:]] if (given.get("href") or "").startswith("#") else []
        self.mute += [tag] if tag == "img" and not given.get("alt") else []
        for name in ("src", "href", "srcset", "data"):
            value = given.get(name) or ""
            self.fetched += [value] if value and not value.startswith(("data:", "#")) else []

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def page(*folders: Path) -> str:
    return make_page(open_runs(folders)).html


def test_the_page_of_a_hundred_ticks_and_twenty_grids_is_whole_small_and_fetches_nothing(
    tmp_path: Path,
) -> None:
    html = page(make_run(tmp_path / "a"))
    assert len(html.encode()) < 5_000_000
    found = Outline(html)
    assert found.open == [] and found.fetched == [] and found.mute == []
    assert len(found.ids) == len(set(found.ids))
    assert set(found.links) <= set(found.ids)
    assert {"verdict", "curves", "samples", "seeds", "likest", "cost", "record"} <= set(found.links)
    assert re.findall(r"https?://(?!www\.w3\.org)", html) == []
    film = re.search(r'<script type="application/json">(.*?)</script>', html)
    assert film is not None
    assert len(json.loads(film[1])["frames"]) == 20


def test_the_same_runs_make_the_same_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", sheets=3)
    assert page(run) == page(run)


def test_a_page_of_colour_pictures_that_do_not_compress_stays_below_five_megabytes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", sheets=0)
    for i in range(12):
        save_grid(run / "samples" / f"{i:012d}.png", sheet(i, 64).repeat(3, axis=3))
    assert 500_000 < len(page(run).encode()) < 5_000_000


def test_runs_side_by_side_with_a_verdict_and_a_table(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", sheets=2), make_run(tmp_path / "b", sheets=2)
    for run, fd in ((a, 5.0), (b, 25.0)):
        (run / "evaluation.json").write_text(json.dumps(result(fd)))
    made = make_page(open_runs([a, b]))
    assert made.verdicts[0].startswith("a is better than b by 18.6 to 21.4 in fd_digitsr")
    assert made.tables[0].header == ("figure", "a", "b")
    assert made.tables[0].rows[1] == ("fd_digitsr", "5 (4 … 6)", "25 (24 … 26)")
    assert "a: D" in made.html and "b: D" in made.html


def test_runs_of_different_tasks_say_so(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", sheets=1)
    b = make_run(tmp_path / "b", sheets=1, data={"layout": "stems"})
    assert "different things (generate, translate)" in page(a, b)


def test_a_run_without_a_tick_or_a_sheet_has_a_page_that_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", ticks=0, sheets=0)
    html = page(run)
    assert "no tick yet" in html
    assert "No sheet of samples was saved yet" in html
    assert Outline(html).open == []


def test_a_run_that_is_not_judged_says_what_was_seen_and_a_command_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "runs" / "a", ticks=5, sheets=1)
    looked = {"samples": 100, "steering": 0.93, "steering_interval": [0.862, 0.966], "variety": 0.83}
    with (run / "stats.jsonl").open("a") as file:
        file.write(json.dumps({"event": "guard", "images": 5000, **looked}) + "\n")
    monkeypatch.chdir(tmp_path)
    html = page(run)
    assert "At the last look 93.0 % (86.2 to 96.6) of 100 samples are of the class asked for" in html
    assert "visavis report runs/a --evaluate --force" in html
    monkeypatch.chdir(run)
    assert str(tmp_path) not in page(run)


def test_a_run_that_diverged_says_where_and_why_and_one_that_went_on_does_not(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", ticks=5, sheets=1)
    with (run / "stats.jsonl").open("a") as file:
        file.write(json.dumps({"event": "diverged", "images": 6000, "why": "loss/D is nan"}) + "\n")
    assert "diverged at 6k images: loss/D is nan" in page(run)
    with (run / "stats.jsonl").open("a") as file:
        file.write(json.dumps({"images": 7000, "loss/D": None}) + "\n")
    assert "diverged" not in page(run)
    assert "1 of 6 rows of the log hold a value that is no finite number" in page(run)


def test_a_run_of_an_older_version_has_its_page() -> None:
    html = page(OLD)
    assert "0.1.0" in html and Outline(html).open == []


def test_a_judgement_older_than_the_run_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", ticks=100, sheets=1)
    (run / "evaluation.json").write_text(json.dumps(result(trained_images=50_000)))
    (run / "other.json").write_text("[1, 2")
    assert "Judged at 50k images, and the run has seen 100k by now" in page(run)


def test_a_trained_run_shows_what_its_critic_says_of_pairs(digits_run: Path) -> None:
    made = make_page(open_runs([digits_run]))
    names = [line.name for name, chart in made.charts if name.startswith("pairs-") for line in chart.lines]
    assert names == ["like (real, real′)", "unlike (real, fake)", "fakes (fake, fake′)"]


def test_the_command_writes_page_and_files_and_overwrites_nothing(tmp_path: Path, cli: Cli) -> None:
    run = make_run(tmp_path / "a", sheets=2)
    done = cli("report", run, "--files", tmp_path / "files", "--json")
    assert done.status == 0, done.err
    assert done.json["out"] == str(run / "report.html")
    names = {path.name for path in (tmp_path / "files").iterdir()}
    assert {"cost.csv", "cost.tex", "curve-losses.svg"} <= names
    assert cli("report", run).status == 0  # its own page is made anew, as its curves are
    refused = cli("report", run, "--out", run / "report.html", "--files", tmp_path / "files")
    assert refused.status == 2 and "is not empty" in refused.err
    (tmp_path / "mine.html").write_text("mine")
    refused = cli("report", run, "--out", tmp_path / "mine.html")
    assert refused.status == 2 and "exists; give another --out, or --force" in refused.err
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert cli("report", run, "--out", tmp_path / "mine.html", "--force").status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "'nowhere' is not there"),
        (["."], "'.' is no run"),
        (["a", "a"], "is given twice"),
        (["a", "--out", "a.pdf"], "a name that ends in .html"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    make_run(tmp_path / "a", sheets=1)
    monkeypatch.chdir(tmp_path)
    done = cli("report", *arguments)
    assert done.status == 2
    assert said in done.err and done.err.count("\n") == 1


def test_watching_a_run_that_nobody_trains_writes_it_once(tmp_path: Path, cli: Cli) -> None:
    run = make_run(tmp_path / "a", sheets=1)
    assert cli("report", run, "--watch").status == 0
    assert "data-reload" not in (run / "report.html").read_text()


def test_in_a_browser_it_draws_passes_axe_and_does_not_scroll_sideways(tmp_path: Path) -> None:
    modules = os.environ.get("NODE_MODULES", "")
    if not modules or shutil.which("node") is None or shutil.which("chromium") is None:
        pytest.skip("needs node, chromium, and $NODE_MODULES with playwright-core and axe-core")
    run = make_run(tmp_path / "a")
    (run / "evaluation.json").write_text(json.dumps(result()))
    html = page(run)
    (tmp_path / "report.html").write_text(html)
    done = subprocess.run(
        ["node", SCRIPT, tmp_path / "report.html"], capture_output=True, text=True, cwd=modules, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {view["charts"] for view in json.loads(done.stdout)["views"]} == {html.count('class="chart"')}
