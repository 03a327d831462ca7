"""docs/extend.md, followed to the letter in a copy of the source: a loss, a network, a game that train."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def changed(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    assert change(before) != before, f"{path.name} no longer has what the page says"
    path.write_text(change(before))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the package, with what the page adds."""
    package = Path(shutil.copytree(ROOT / "src/visavis", tmp_path / "src/visavis"))
    loss, network, game, recipe = BLOCK.findall((ROOT / "docs/extend.md").read_text())
    entry = re.search(r"table `PAIR_LOSSES`: `(.+?)`", (ROOT / "docs/extend.md").read_text())
    assert entry is not None
    head = "PAIR_LOSSES: dict[str, PairLoss] = {\n"
    changed(
        package / "losses/pairwise.py",
        lambda text: text.replace(head, f"{loss}\n\n{head}    {entry[1]}\n"),
    )
    changed(
        package / "objectives/pairwise.py",
        lambda text: re.sub(r"( loss: Literal\[)", r'\1"logistic-margin", ', text, count=1),
    )
    added = (("networks", "LinearGenerator", network), ("objectives", "MeanImage", game))
    for folder, name, code in added:
        (package / folder / "added.py").write_text(code)
        first = {"networks": "SiameseGenerator", "objectives": "GAN"}[folder]
        imported = f"from visavis.{folder}.added import {name}\n\n\n"
        changed(
            package / folder / "__init__.py",
            lambda text, first=first, name=name, imported=imported: re.sub(
                r"^(?=\w+ = Annotated)", imported, text, count=1, flags=re.MULTILINE
            ).replace(f"Annotated[\n    {first}\n", f"Annotated[\n    {name}\n    | {first}\n"),
        )
    names = "\n".join(f"from visavis.{folder}.added import {name}" for folder, name, _ in added)
    changed(package / "recipes/digits.py", lambda text: f"{text}\n\n{names}\n\n\n{recipe}")
    changed(
        package / "recipes/__init__.py",
        lambda text: text.replace(
            '    "digits": digits.digits,\n',
            '    "digits": digits.digits,\n    "mean-digits": digits.mean_digits,\n',
        ),
    )
    return tmp_path / "src"


def test_what_the_page_adds_trains_and_samples(source: Path, tmp_path: Path) -> None:
    code = f"""
import visavis
small = {{"batch_size": 8, "tick": 16, "metrics": [], "device": "cpu"}}
done = visavis.train("mean-digits", {str(tmp_path / "mean")!r}, images=32, **small)
assert done["images"] == 32
assert len(visavis.load({str(tmp_path / "mean")!r}).sample(3, seed=0)) == 3
visavis.train("digits", {str(tmp_path / "margin")!r}, images=16, objective__loss="logistic-margin", **small)
"""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
