"""README and docs: every command is one that the program takes, links lead somewhere, the tutorial runs."""

import gzip
import re
import shlex
import shutil
from pathlib import Path

import pytest
from tiny import TINY, Cli

from visavis.api import prepare
from visavis.cli.arguments import make_parser, take_fields
from visavis.export.web import site
from visavis.runs.guard import Glance, warnings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(visavis [^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(r"[A-Z]{3,}|…|\[")
"""Words that stand for something: RUN, FOLDER, …"""


def commands(page: Path) -> list[str]:
    """The lines of a page's fenced blocks that call visavis, without their comments."""
    found = [
        command
        for command in INLINE.findall(FENCE.sub("", page.read_text()))
        if len(command.split()) > 2 and not PLACEHOLDER.search(command)
    ]
    for block in FENCE.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.split("  #")[0].split(" #")[0].strip().removeprefix("$ ")
            if re.match(r"(\S+ )*(\S+/)?visavis ", words) and "visavis  " not in words:
                found.append(words[words.index("visavis ") :])
    return found


EVERY = [
    (page.name, command)
    for page in PAGES
    if page.name not in ("CONTRIBUTING.md", "extend.md")  # whose examples are to be added first
    for command in commands(page)
]


def test_there_are_commands() -> None:
    assert len(EVERY) > 30 and {"README.md", "tutorial.md", "failures.md"} <= {name for name, _ in EVERY}


@pytest.mark.parametrize(("page", "command"), EVERY, ids=[f"{page}: {command}" for page, command in EVERY])
def test_the_program_takes_it(page: str, command: str) -> None:
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_says_what_made_it(page: Path) -> None:
    for name, body in re.findall(r"<!-- table: ([\w-]+) -->\n(.*?)<!-- end -->", page.read_text(), re.DOTALL):
        found = re.findall(r"(?:python (\S+/\w+\.py)|python -m visavis|visavis (?:bench|train))", body)
        assert found, f"{page.name}: {name}"
        assert all((ROOT / script).exists() for script in found if script), name


def test_readme_is_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 80


def test_readme_goes_from_the_demo_to_the_browser_and_to_a_file(
    digits_run: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What README says to type after `make demo` works on the run that this leaves; no network is asked."""
    makefile, found = (ROOT / "Makefile").read_text(), commands(ROOT / "README.md")
    run = re.search(r"^DEMO := (.+)$", makefile, re.MULTILINE)
    assert run is not None and "visavis demo $(DEMO)" in makefile
    after = [command for command in found if run[1] in command]
    assert [command.split()[1] for command in after] == ["demo", "export"]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(digits_run, run[1])
    monkeypatch.setattr(site, "runtime", lambda: {"ort.mjs": gzip.compress(b"the browser's runtime")})
    done = cli(*shlex.split(after[1])[1:])
    assert done.status == 0, done.err
    assert (tmp_path / after[1].split()[-1]).stat().st_size > 10_000


def test_the_tutorial_runs_from_beginning_to_end(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own commands in its own order; only lengths are shorter and networks smaller."""
    monkeypatch.chdir(tmp_path)
    images = 32
    for command in commands(ROOT / "docs/tutorial.md"):
        words = shlex.split(command)[1:]
        if words[0] == "train":
            images += 32
            at = words.index("--time")
            words[at : at + 2] = ["--images", str(images), *TINY]
        if words[0] == "evaluate":
            words += ["-n", "100"]
        if words[0] in ("demo", "serve"):
            continue
        done = cli(*words)
        assert done.status == 0, f"{command}: {done.err}"
    assert (tmp_path / "runs/digits/report.html").exists()
