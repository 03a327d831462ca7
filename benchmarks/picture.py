"""Pictures of the docs that a command of the program does not make.

``python benchmarks/picture.py stacked RUN docs/stacked-digits.png``: stacked digits as they are made, and
the three digits that each of them holds.
``python benchmarks/picture.py facades RUN… docs/facades.png``: what translators make of the same label maps
of the test split, a row a run.  Photos and label maps of the set are not shown.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import visavis
from visavis.data.pairs.load import load_pairs
from visavis.recipes.recipe import validated
from visavis.report.grids import save_grid

ROWS, COLUMNS = 6, 4
FACADES = 10


def stacked(out: Path, run: str) -> None:
    """Draw ``ROWS`` · ``COLUMNS`` samples, each followed by its red, green and blue channel in grey."""
    made = visavis.load(run).pixels(ROWS * COLUMNS, seed=0)  # (N, 8, 8, 3)
    channels = np.repeat(made.transpose(0, 3, 1, 2)[..., None], 3, axis=-1)  # (N, 3, 8, 8, 3)
    cells = np.concatenate([made[:, None], channels], axis=1).reshape(-1, *made.shape[1:])
    save_grid(out, cells, columns=4 * COLUMNS, scale=6)


def facades(out: Path, *runs: str) -> None:
    """Draw the first :data:`FACADES` of the test split, translated by each run."""
    cells = []
    for run in runs:
        model = visavis.load(run)
        maps = load_pairs(validated(model.description.recipe).data, "test").a[:FACADES]
        cells += [np.asarray(model.translate(Image.fromarray(image))) for image in maps]
    save_grid(out, np.stack(cells), columns=FACADES)


if __name__ == "__main__":
    what, *names = sys.argv[1:]
    {"stacked": stacked, "facades": facades}[what](Path(names[-1]), *names[:-1])
