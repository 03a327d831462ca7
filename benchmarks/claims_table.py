"""The table of docs/claims.md, from results/claims.json."""

import math
import statistics

from claims import BASE, LENGTHS, SIDES
from tables import Row, results, table

T_95 = 4.303
"""Student's t at 95 %, two-sided, with two degrees of freedom: three seeds."""

CLAIMS = (
    ("Train D more than G", "five D steps", "base"),
    ("Train D more at first, 5:1 to 1:1", "D steps from 5 to 1", "base"),
    ("Two time scales: D's rate four times G's", "rate of D × 4", "base"),
    ("Smooth the labels: 0.9 and 0.1", "labels 0.9 and 0.1", "base"),
    ("Smooth the real label only: 0.9", "the label 0.9 for real images only", "base"),
    ("Flip one label in twenty", "one label in twenty flipped", "base"),
    ("Add noise to D's inputs, decaying", "decaying noise on the images", "base"),
    ("Experience replay", "experience replay", "base"),
    ("Historical averaging", "historical averaging", "base"),
    ("Feature matching", "feature matching", "base"),
    ("Adam with β 0 and 0.9", "β 0 and 0.9", "base"),
    ("Two time scales as given: 1e-4 and 4e-4, β 0 and 0.9", "rates 1e-4 and 4e-4, β 0 and 0.9", "base"),
    ("Twice both rates, with BatchNorm in D", "both rates × 2", "base"),
    (
        "Twice both rates, without BatchNorm in D",
        "no BatchNorm in D, both rates × 2",
        "no BatchNorm in D",
    ),
    ("-log D(G(z)) instead of log(1 - D(G(z)))", "base", "minimax"),
    ("Not to train D to its optimum, under minimax", "minimax", "minimax, five D steps"),
    ("Hinge loss", "hinge", "base"),
    ("BatchNorm in D as well as in G", "base", "no BatchNorm in D"),
    (
        "Real and generated batches go through BatchNorm apart",
        "base",
        "BatchNorm of D over real and generated together",
    ),
    ("Spectral normalisation of D", "no BatchNorm but spectral norm in D", "no BatchNorm in D"),
    ("LeakyReLU rather than ReLU in D", "base", "ReLU in D"),
    ("Convolutions rather than dense layers", "base", "dense layers only"),
    ("R1, weight 10 on the squared gradient", "no BatchNorm in D, R1 × 10", "no BatchNorm in D"),
    ("Batches of 64 rather than 16, for as many images", "base", "batch 16"),
    ("Batches of 64 rather than 16, for as many steps", "base", "batch 16, a quarter of the images"),
    ("Augment what D sees (translation)", "translated for D", "base"),
    ("Minibatch discrimination", "minibatch discrimination", "base"),
    ("Minibatch standard deviation", "the batch's deviation for D", "base"),
    ("WGAN: a gradient penalty rather than clipping", "WGAN, gradient penalty", "WGAN, clipped"),
    ("WGAN-GP rather than the plain GAN", "WGAN, gradient penalty", "base"),
)
"""What the chapter says is better, and against what."""


def _values(rows: list[Row], side: str, name: str = "fd_digitsr") -> list[float]:
    return [row[name] for row in sorted(rows, key=lambda row: row["seed"]) if row["side"] == side]


def ratio(a: list[float], b: list[float]) -> tuple[float, float, float]:
    """The geometric mean of a / b over seeds, and its 95 % interval (a paired t of the logarithms)."""
    logs = [math.log(x / y) for x, y in zip(a, b, strict=True)]
    mean, half = statistics.fmean(logs), T_95 * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def said(low: float, high: float) -> str:
    """Whether a claim that something lowers the distance holds here."""
    if high < 1:
        return "holds"
    return "the contrary" if low > 1 else "not clear"


def claims(name: str) -> str:
    """Each claim: both distances, their ratio with its interval, and whether it holds here."""
    found = results(name)
    lines = []
    for text, side, other in CLAIMS:
        a, b = _values(found["rows"], side), _values(found["rows"], other)
        if min(len(a), len(b)) < 3:
            continue
        middle, low, high = ratio(a, b)
        means = [f"{statistics.fmean(values):.1f}" for values in (a, b)]
        recalls = [f"{statistics.fmean(_values(found['rows'], x, 'recall')):.2f}" for x in (side, other)]
        verdict = said(low, high)
        lines.append(
            [
                text,
                side,
                other,
                *means,
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
                verdict,
                ", ".join(recalls),
            ]
        )
    record = found["record"]
    note = (
        f"\n\n{record['images']:,} images seen, seeds {', '.join(map(str, record['seeds']))}, one thread of "
        f"one {record['cpu']}, torch {record['torch']}, {record['date'][:10]}. FD: {record['judged']}."
    )
    header = ["the chapter says", "side", "against", "FD", "FD against", "ratio (95 %)", "here", "recalls"]
    return table(header, lines) + note


def real(name: str) -> str:
    """What figures say of real digits from which something was taken away."""
    found = results(name)
    sides = dict.fromkeys(row["side"] for row in found["real"])
    lines = []
    for side in sides:
        cells = []
        for figure in ("is_digitsr", "fd_digitsr", "precision", "recall", "variety"):
            values = [row[figure] for row in found["real"] if row["side"] == side]
            known = [value for value in values if value is not None]
            spread = f"{min(known):.2f} to {max(known):.2f}" if known else "–"
            cells.append(spread)
        lines.append([side, *cells])
    return table(["real digits", "Inception score", "FD", "precision", "recall", "variety"], lines)


def losses(name: str) -> str:
    """How the losses at the end go with the distance, over all runs: Spearman's ρ."""
    rows = results(name)["rows"]
    rows = [row for row in rows if not row["side"].startswith("WGAN")]  # other losses, another scale
    fd = [row["fd_digitsr"] for row in rows]
    measures = {
        "how far the losses are apart, \\|G − D\\|": [
            abs(r["last"]["loss/G"] - r["last"]["loss/D"]) for r in rows
        ],
        "the loss of G": [row["last"]["loss/G"] for row in rows],
        "the loss of D": [row["last"]["loss/D"] for row in rows],
    }
    lines = [[text, f"{spearman(values, fd):+.2f}"] for text, values in measures.items()]
    return table(["at the end of a run", f"rank correlation with FD, {len(rows)} runs"], lines)


def gradients(name: str) -> str:
    """How much G gets to learn from: the norm of its gradient, early and late."""
    rows, lines = results(name)["rows"], []
    for side in ("base", "five D steps", "minimax", "minimax, five D steps", "WGAN, gradient penalty"):
        own = [row for row in rows if row["side"] == side]
        told = [
            f"{statistics.geometric_mean([row[part]['grad_norm/G'] for row in own]):.2g}"
            for part in ("first", "last")
        ]
        lines.append([side, *told, f"{statistics.fmean(_values(own, side)):.1f}"])
    return table(["side", "gradient of G, first tenth", "last quarter", "FD"], lines)


def over_time(name: str) -> str:
    """Whether a loss tells how far a training is: its ranks beside the distance's, within a run."""
    rows, lines = results(name)["rows"], []
    for side in ("base", "no BatchNorm in D", "hinge", "WGAN, clipped", "WGAN, gradient penalty"):
        runs = [row["over_time"] for row in rows if row["side"] == side]
        found = {
            net: [spearman([look[net] for look in run], [look["fd"] for look in run]) for run in runs]
            for net in ("D", "G")
        }
        lines.append([side, *(f"{statistics.fmean(values):+.2f}" for values in found.values())])
    return table(["side", "D's loss and FD", "G's loss and FD"], lines)


def spearman(a: list[float], b: list[float]) -> float:
    """The correlation of ranks."""
    return statistics.correlation(_ranks(a), _ranks(b))


def _ranks(values: list[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    for rank, place in enumerate(order):
        ranks[place] = float(rank)
    return ranks


def commands(name: str) -> str:
    """The base's command, and what each side changes of it."""
    found = results(name)
    base = " ".join(f"--{path} {_quoted(str(value))}" for path, value in BASE.items())
    lines = [
        [side, " ".join(f"`--{path} {_quoted(str(value))}`" for path, value in changes.items()) or "nothing"]
        for side, changes in (
            (side, fields | ({"images": LENGTHS[side]} if side in LENGTHS else {}))
            for side, fields in SIDES.items()
        )
    ]
    shown = table(["side", "changes"], lines)
    return f"```\nvisavis train digits --images {found['record']['images']} {base}\n```\n\n{shown}"


def _quoted(value: str) -> str:
    return value if value.replace("-", "").replace(".", "").isalnum() else f"'{value}'"


TABLES = {
    "claims": lambda: claims("claims"),
    "claims-real": lambda: real("claims"),
    "claims-losses": lambda: losses("claims"),
    "claims-gradients": lambda: gradients("claims"),
    "claims-over-time": lambda: over_time("claims"),
    "claims-commands": lambda: commands("claims"),
}
