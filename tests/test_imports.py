"""The direction of imports, walked; and what may be imported before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import visavis

ROOT = Path(visavis.__file__).parent
GROUND = {"core", "errors", "files", "visavis"}
"""What every room may import (``visavis`` itself is only the version and lazy names)."""
MATTER = GROUND | {"training", "losses", "networks", "data"}
"""The loop, pure functions, architectures and real images: what games and models are made of."""

ALLOWED = {
    "core": set(),
    "errors": set(),
    "files": {"errors"},
    "training": GROUND,
    "losses": GROUND,
    "networks": GROUND | {"training"},
    "data": GROUND | {"training"},
    "objectives": MATTER,
    "recipes": MATTER | {"objectives"},
    "models": MATTER,
    "metrics": MATTER,
    "judge": MATTER | {"models", "metrics"},
    "report": MATTER | {"models", "metrics", "judge"},
    "export": MATTER | {"models"},
    "runs": MATTER | {"objectives", "recipes", "models", "metrics", "judge", "report"},
    "bench": MATTER | {"objectives", "recipes", "models", "metrics", "judge", "runs"},
    "serve": MATTER | {"models", "metrics", "judge", "report", "export", "runs"},
    "api": MATTER | {"recipes", "models", "judge", "report", "runs"},
}
"""Room -> the rooms that it may import, floor by floor; the command line stands on top of all."""


def imported(file: Path) -> set[str]:
    """The rooms of this package that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ["visavis", *file.relative_to(ROOT).parts[:-1]]
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*above, node.module] if node.module else above)
            names = [f"visavis.{a.name}" for a in node.names] if module == "visavis" else [module]
        else:
            continue
        for name in names:
            package, *rest = name.split(".")
            if package == "visavis":
                room = rest[0] if rest else "visavis"
                found.add(room if (ROOT / room).exists() or (ROOT / f"{room}.py").exists() else "visavis")
    return found


def rooms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in sorted(ROOT.rglob("*.py")):
        room = file.relative_to(ROOT).parts[0].removesuffix(".py")
        found.setdefault(room, set()).update(imported(file) - {room})
    return found


def test_every_room_of_the_table_exists_and_imports_were_found() -> None:
    assert ALLOWED.keys() | {"__init__", "__main__", "cli"} == rooms().keys()
    assert {"core", "losses", "networks"} <= rooms()["objectives"]


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_go_one_way(room: str) -> None:
    assert rooms()[room] - ALLOWED[room] == set()


def test_nothing_but_the_entry_points_imports_the_command_line() -> None:
    assert {room for room, found in rooms().items() if "cli" in found} <= {"__main__"}


def test_inference_imports_no_objective_recipe_or_trainer_when_it_runs() -> None:
    code = (
        "import sys, visavis.models.load, visavis.metrics; "
        "rooms = ('visavis.objectives', 'visavis.recipes.recipe', 'visavis.training.loop'); "
        "print([m for m in sys.modules if m.startswith(rooms)])"
    )
    assert run("-c", code).strip() == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "import visavis",
        "import visavis.cli.main",
        "import sys; sys.argv = ['visavis', '--help']; from visavis.cli.main import main; main()",
        "import sys; sys.argv = ['visavis', 'train', '--help']; from visavis.cli.main import main; main()",
    ],
)
def test_no_torch_before_it_is_needed(code: str) -> None:
    wrapped = f"import atexit, sys; atexit.register(lambda: print('TORCH', 'torch' in sys.modules)); {code}"
    assert run("-c", wrapped).strip().endswith("TORCH False")


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout
