"""The README's picture: stacked digits as they are made, and the three digits that each of them holds.

``python benchmarks/picture.py RUN docs/stacked-digits.png``
"""

import sys
from pathlib import Path

import numpy as np

import visavis
from visavis.report.grids import save_grid

ROWS, COLUMNS = 6, 4


def main() -> None:
    """Draw ``ROWS`` · ``COLUMNS`` samples, each followed by its red, green and blue channel in grey."""
    run, out = sys.argv[1:]
    made = visavis.load(run).pixels(ROWS * COLUMNS, seed=0)  # (N, 8, 8, 3)
    channels = np.repeat(made.transpose(0, 3, 1, 2)[..., None], 3, axis=-1)  # (N, 3, 8, 8, 3)
    cells = np.concatenate([made[:, None], channels], axis=1).reshape(-1, *made.shape[1:])
    save_grid(Path(out), cells, columns=4 * COLUMNS, scale=6)


if __name__ == "__main__":
    main()
