"""README and docs: every command is one that the program takes, links lead somewhere, the tutorial runs."""

import gzip
import json
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from inputs import Store
from pages import FENCE, HUB, NOT_RUN, PAGES, ROOT, lines, recipes_of_tables, shortened, why_not_run
from tiny import Cli

from visavis.api import prepare
from visavis.cli.arguments import make_parser, take_fields
from visavis.export.web import site
from visavis.recipes import RECIPES
from visavis.runs import dryrun, guard
from visavis.runs.guard import Glance, warnings

LINK = re.compile(r"\]\(([^)\s]+)\)")
LATER = ("CONTRIBUTING.md", "extend.md")
"""Pages whose examples are to be added first; tests/test_extend.py follows them."""
TYPED = {page: lines(page) for page in PAGES if page.name not in LATER}
EVERY = [(page.name, line) for page, typed in TYPED.items() for line in typed if line.startswith("visavis ")]
FAILURES = [row["name"] for row in json.loads((ROOT / "results/failures.json").read_text())["rows"]]
BLOCKS = [page for page in TYPED if any(lang == "python" for lang, _ in FENCE.findall(page.read_text()))]


def test_there_are_commands() -> None:
    names = {name for name, _ in EVERY}
    assert len(EVERY) > 60 and {"README.md", "tutorial.md", "mode-collapse.md"} <= names


def assert_taken(command: str) -> None:
    """The program knows every word of a command, and every field that it sets."""
    words = shlex.split(command)[1:]
    parser, parsers = make_parser()
    changes: dict[str, str | None] = {}
    if words[0] == "train":
        words, changes = take_fields(words, parsers["train"])
    given, rest = parser.parse_known_args(words)
    assert rest == []
    if given.command == "train":
        fields = {path: value for path, value in changes.items() if value is not None}
        assert fields == changes
        prepare(given.recipe, fields, lr=given.lr)


@pytest.mark.parametrize(("page", "command"), EVERY, ids=[f"{page}: {command}" for page, command in EVERY])
def test_the_program_takes_it(page: str, command: str) -> None:
    assert_taken(command)


def test_the_program_takes_every_side_of_the_claims() -> None:
    """The page's one command with the changes of each row of its table."""
    text = (ROOT / "docs/claims.md").read_text()
    _, command, table = re.split(r"```\n?", text[text.index("<!-- table: claims-commands -->") :])[:3]
    rows = [re.findall(r"`([^`]+)`", line) for line in table.splitlines() if line.startswith("| ")]
    sides = [" ".join(changes) for changes in rows if changes]
    assert len(sides) > 25
    for side in sides:
        kept = re.sub(r"--images \d+ ", "", command) if "--images" in side else command
        assert_taken(f"{kept.strip()} {side}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if target.startswith(("http://", "https://", "#", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve()
        assert found.exists(), f"{page.name}: {target}"
        assert page.parent == ROOT or found.is_relative_to(ROOT / "docs"), f"{page.name}: {target} is no page"
        if anchor and found.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, f"{page.name}: {target} (there: {sorted(slugs)})"


@pytest.mark.parametrize(
    "found",
    [
        Glance(100, variety=0.05),
        Glance(100, variety=0.3, narrowest="7"),
        Glance(100, repeats=0.4),
        Glance(100, missing=("3", "5")),
        Glance(100, certainty=0.999, loss=0.001),
    ],
    ids=["z", "variety", "repeats", "classes", "critic"],
)
def test_the_page_of_failures_has_the_guards_own_words(found: Glance, request: pytest.FixtureRequest) -> None:
    (told,) = warnings(found).items()
    assert told[0] == request.node.callspec.id
    assert f"| {told[1]} |" in (ROOT / "docs/failures.md").read_text()


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_page(name: str) -> None:
    """The picture beside the mended one, the curve, the program's words, both commands, why, the mend."""
    page = (ROOT / f"docs/failures/{name}.md").read_text()
    for picture in ("fails", "mends", "curve"):
        assert f"]({name}-{picture}.png)" in page and (ROOT / f"docs/failures/{name}-{picture}.png").exists()
    tables = dict(re.findall(r"<!-- table: (\w+)-[\w-]+ -->\n(.*?)<!-- end -->", page, re.DOTALL))
    assert tables.keys() == {"figures", "words", "commands"}
    assert [f"--out runs/{name}-{side}" in tables["commands"] for side in ("fails", "mends")] == [True, True]
    assert "## Why" in page and "## The mend" in page
    assert f"](failures/{name}.md)" in (ROOT / "docs/failures.md").read_text()


def test_the_page_of_the_wrong_range_has_the_runs_own_words(here: Path, cli: Cli) -> None:
    np.savez("unit.npz", images=np.random.default_rng(0).random((4000, 28, 28), np.float32))
    data = ("--data", "unit.npz", "--data.range", "signed")
    done = cli("train", "mlp-gan-mnist", *data, "--images", "4", "--batch-size", "4", "--device", "cpu")
    (told,) = [line for line in done.err.splitlines() if "unit.npz" in line]
    page = (ROOT / "docs/failures/wrong-range.md").read_text()
    assert told.removeprefix("visavis: ") in page


def test_every_page_of_docs_stands_in_the_sites_navigation_once() -> None:
    told = (ROOT / "mkdocs.yml").read_text()
    nav = re.findall(r"[\w/-]+\.(?:md|ipynb)", told[told.index("nav:") : told.index("validation:")])
    there = [file for file in (ROOT / "docs").rglob("*") if file.suffix in (".md", ".ipynb")]
    assert sorted(nav) == sorted(file.relative_to(ROOT / "docs").as_posix() for file in there)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_says_what_made_it(page: Path) -> None:
    for name, body in re.findall(r"<!-- table: ([\w-]+) -->\n(.*?)<!-- end -->", page.read_text(), re.DOTALL):
        found = re.findall(r"(?:python (\S+/\w+\.py)|python -m visavis|visavis (?:bench|train))", body)
        assert found, f"{page.name}: {name}"
        assert all((ROOT / script).exists() for script in found if script), name


def test_readme_is_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 80


class Trackio:
    """A logger's program: rows arrive nowhere."""

    def init(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(log=lambda row, step: None, finish=lambda: None)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; neither npm, a logger's program nor the machine's peak is asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(guard, "CLOSING", 100)
    monkeypatch.setattr(dryrun, "peaks", lambda device: {"fp32_tflops": 1.0})
    monkeypatch.setattr(site, "runtime", lambda: {"ort.mjs": gzip.compress(b"the browser's runtime")})
    monkeypatch.setitem(sys.modules, "trackio", Trackio())  # type: ignore[arg-type]
    return tmp_path


@pytest.mark.parametrize("page", [page for page in TYPED if TYPED[page]], ids=lambda page: page.stem)
def test_what_a_page_tells_to_type_runs(page: Path, store: Store, here: Path, cli: Cli) -> None:
    """In its order, from an empty folder; what it does not make itself is put there."""
    for line in TYPED[page]:
        if why_not_run(line) or line in store.exported:
            continue
        if line.startswith("python -c "):
            exec(shlex.split(line)[2], {})
            continue
        assert line.startswith("visavis "), f"'{line}' is neither run nor in NOT_RUN of tests/pages.py"
        words = shortened(line)
        store.give(words, here)
        done = store.train(words, cli) if words[0] == "train" else cli(*words)
        assert done.status == 0, f"{line}: {done.err}"
        if words[0] == "export":  # which takes long, and no page asks for what it makes twice
            store.exported.add(line)


@pytest.mark.parametrize("page", BLOCKS, ids=lambda page: page.stem)
def test_what_a_page_tells_python_runs(page: Path, store: Store, here: Path) -> None:
    for lang, block in FENCE.findall(page.read_text()):
        if lang == "python":
            told = [line for line in block.splitlines() if not HUB.search(line)]
            store.give(re.findall(r'"([^"]+)"', block), here)
            exec("\n".join(told), {})


def test_what_is_not_run_is_there_and_recipes_of_tables_are_trained_elsewhere() -> None:
    typed = [line for found in TYPED.values() for line in found]
    for pattern, why in NOT_RUN.items():
        assert any(re.match(pattern, line) for line in typed), f"{pattern} ({why}): no page tells it"
    for page in TYPED:
        assert set(recipes_of_tables(page)) <= set(RECIPES)
