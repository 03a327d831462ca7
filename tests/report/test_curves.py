import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.errors import UserError
from visavis.report.curves import plot_comparison, plot_curves

Rows = list[dict[str, Any]]


def log(n: int, seed: int = 0) -> Rows:
    noise = np.random.default_rng(seed)
    return [
        {
            "images": 100 * (i + 1),
            "seconds": i + 1.0,
            "images_per_second": 100.0,
            **{f"{what}/{net}": float(abs(noise.normal())) for what in ("loss", "grad_norm") for net in "GD"},
            **{f"accuracy/{kind}": float(noise.uniform()) for kind in ("like", "unlike")},
            "penalty/r1": 0.0 if i % 2 else 0.1,
        }
        for i in range(n)
    ]


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


@pytest.mark.parametrize("n", [1, 2, 60])
def test_draws_at_1600_pixels(tmp_path: Path, n: int) -> None:
    plot_curves(log(n), tmp_path / "curves.png", title="a run")
    assert size(tmp_path / "curves.png")[0] == 1600
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


@pytest.mark.parametrize(
    "rows",
    [
        [{"images": 1, "loss/G": 1.0}],
        [{"images": 0, "loss/G": 0.0, "loss/D": -5e9}, {"images": 0, "loss/G": None}],
        [{"images": i, "lr/G": 0.0, "grad_norm/G": 1e-30, "x": 1e30} for i in range(50)],
        [
            {"images": i, "loss/G": 1.0 if i else 1e12, "long name of something/" + "x" * 90: -1.0}
            for i in range(60)
        ],
        [{"images": i, **{f"loss/net_{k}": float(k) for k in range(14)}} for i in range(3)],
    ],
)
def test_odd_rows_do_not_crash(tmp_path: Path, rows: Rows) -> None:
    plot_curves(rows, tmp_path / "curves.png")
    plot_comparison({"one": rows, "other": log(3)}, tmp_path / "both.png")
    assert size(tmp_path / "curves.png")[0] == size(tmp_path / "both.png")[0] == 1600


def test_a_resume_is_drawn_and_the_same_rows_give_the_same_picture(tmp_path: Path) -> None:
    rows = log(60)
    resumed = [*rows[:30], {"event": "resume", "images": 3000}, *rows[30:]]
    for name, given in (("a", rows), ("b", rows), ("c", resumed)):
        plot_curves(given, tmp_path / f"{name}.png")
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_comparison_by_images_and_by_seconds(tmp_path: Path) -> None:
    runs = {"ours": log(60), "as written": log(40, seed=1), "empty": []}
    plot_comparison(runs, tmp_path / "images.png")
    plot_comparison(runs, tmp_path / "seconds.png", axis="seconds")
    assert (tmp_path / "images.png").read_bytes() != (tmp_path / "seconds.png").read_bytes()


def test_nothing_to_draw_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to draw"):
        plot_curves([{"event": "resume", "images": 0}], tmp_path / "x.png")
    with pytest.raises(UserError, match="nothing to draw"):
        plot_comparison({}, tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_leaves_pyplot_alone_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from visavis.report import curves, grids, logs, progress; from visavis import files;"
        "assert not {'torch', 'matplotlib', 'rich'} & sys.modules.keys();"
        f"curves.plot_curves([{{'images': 1, 'loss/G': 1.0}}], {str(tmp_path / 'x.png')!r});"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
