"""The commands of README and docs: found, shortened, and which of them no test of the docs runs, and why."""

import re
import shlex
from pathlib import Path

from tiny import NETWORKS

from visavis.recipes import RECIPES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:visavis|python) [^`]+)`")
TABLE = re.compile(r"<!-- table: (catalogue|catalogue-cifar10|gallery) -->\n.*?<!-- end -->", re.DOTALL)
BARE = re.compile(r"`visavis train ([\w-]+)`")
PLACEHOLDER = re.compile(r"[A-Z]{3,}|…|\[")
"""Words that stand for something: RUN, FOLDER, …"""

NOT_RUN = {
    r"make (demo|test)$": "CI runs the same commands",
    r"pip install ": "installs",
    r"curl ": "asks a server; tests/serve/test_app.py sends the same requests",
    r"visavis (demo|serve) ": "a server, which waits; tests/serve starts both",
    r"visavis export runs/mnist --web ": "a second page; that of runs/demo is made",
    r"visavis export runs/mnist --onnx ": "tests/cli/test_deploy.py writes such files",
    r"visavis export .* --push ": "writes to the hub; tests/models/test_share.py does, to one of its own",
    r"visavis train mnist --data ylecun/mnist$": "reads the hub; tests/data/test_hub.py has a cache of it",
    r"visavis bench (ladder|narrow|equilibrium|pair-step)( |$)": "minutes to hours; tests/test_ladder.py, "
    "test_narrow.py, test_equilibrium.py and test_bench.py run each for a moment",
    r"visavis evaluate .* --features inception ": "asks for the weights of 2015; "
    "tests/metrics/features has their network",
    r"python (-m visavis bench|benchmarks/|tests/crash/walk.py)": "what made results/: minutes to days",
}
"""How what is not run here begins: why, and what runs it.

``visavis train NAME`` in a table of recipes is not even among what :func:`lines` finds: every recipe is
trained, shrunk, by tests/recipes/test_recipes.py.
"""
HUB = re.compile(r"push_to_hub|from_pretrained")
"""Lines of Python that ask the hub; tests/models/test_share.py has one of its own."""


def lines(page: Path) -> list[str]:
    """What a page tells to type, in order, without comments: its shell blocks, and ``visavis …`` in a line.

    Commands with placeholders (RUN, FOLDER) count only in blocks.
    """
    text = TABLE.sub(lambda found: BARE.sub("", found[0]), page.read_text())
    found = []
    for part in re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL):
        block = FENCE.match(part + "\n")
        if block is None:
            inline = INLINE.findall(part)
            found += [each for each in inline if len(each.split()) > 2 and not PLACEHOLDER.search(each)]
        elif not block[1] and page.name != "CONTRIBUTING.md":  # whose block is a map of the source
            for line in block[2].replace("\\\n", " ").splitlines():
                command = re.split(r"(?:^|\s+)# ", line)[0].strip().removeprefix("$ ")
                found += [re.sub(r"^\S*/(?=visavis )", "", command)] if command else []
    return found


def commands(page: Path) -> list[str]:
    """Those that call visavis."""
    return [line for line in lines(page) if line.startswith("visavis ")]


def recipes_of_tables(page: Path) -> list[str]:
    """The recipes that a table of a page says how to train."""
    text = "".join(found[0] for found in TABLE.finditer(page.read_text()))
    return BARE.findall(text)


def why_not_run(line: str) -> str | None:
    """The entry of :data:`NOT_RUN` that a line falls under."""
    return next((pattern for pattern in NOT_RUN if re.match(pattern, line)), None)


SMALL = ["--batch-size", "4", "--tick", "4", "--threads", "1", "--device", "cpu", "--metric-samples", "32"]
PIX2PIX = ["--networks.G.width", "4", "--networks.D.width", "4"]
NARROW = {
    "digits": NETWORKS,
    "cyclegan-digits": ["--networks.G_ab.width", "4", "--networks.G_ba.width", "4"],
    "pix2pix-facades": PIX2PIX,
    "pix2pix-sketch2face": PIX2PIX,
    "siamese-catsdogs-as-written": ["--networks.G.widths", "16,8,8", "--networks.D.branch.widths", "8,8,8"],
    "images": ["--size", "tiny", "--resolution", "16"],
}
"""A recipe -> what makes its networks narrow."""
LENGTH = ("--time", "--images", "--epochs", "--batch-size", "--batch_size")
OF_DIGITS = ("runs/digits", "runs/demo", "runs/mnist@best")
DATA = {"mnist-10k": "few-mnist.npz", "uoft-cs/cifar10": "path/to/cifar10"}
"""A recipe's own data -> a little of the same."""


def shortened(line: str) -> list[str]:
    """A command's words after ``visavis``: trainings see little data, and 100 digits are judged."""
    words = [DATA.get(word, word) for word in shlex.split(line)[1:]]
    if words[0] == "train":
        for option in LENGTH:
            if option in words:
                del words[(at := words.index(option)) : at + 2]
        recipe = RECIPES[words[1]]()
        own = DATA.get(recipe.data.source)
        words += ["--data", own] if own and "--data" not in words else []
        words += (
            NARROW.get(recipe.name, []) if not any(word.startswith("--networks") for word in words) else []
        )
        words += SMALL
    if words[0] == "evaluate" and words[1] in OF_DIGITS:
        words += ["-n", "100"]
    return words
