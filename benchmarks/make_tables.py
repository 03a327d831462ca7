"""Make every measured table of README.md and docs/ from results/*.json, and the scores of `visavis recipes`.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``.  ``--check`` changes nothing and fails
where a file differs from what results/ say; CI runs it.
"""

import json
import re
import statistics
import sys
from collections.abc import Callable

from augment_classifier import augmenting
from catalogue_page import TABLES as CATALOGUE
from catalogue_page import score as catalogue_score
from claims_table import TABLES as CLAIMS
from crash_table import crash
from drifting import drifting
from failures import TABLES as FAILURES
from finite import finite
from gallery import gallery
from gpu import gpu
from image_tables import TABLES as IMAGES
from image_tables import distance, duration, interval
from judge_tables import TABLES as JUDGE
from kept_memory import kept_memory
from ladder_table import TABLES as LADDER
from narrow_table import TABLES as NARROW
from out_tables import TABLES as OUT
from own_pictures import TABLES as OWN_PICTURES
from pairs_tables import TABLES as PAIRS
from ranking import TABLES as RANKING
from stacked_mnist import TABLES as STACKED
from stacked_mnist import score as stacked_score
from tables import ROOT, Row, results, table
from threads import threads
from two_judges import two_judges

SCORES = ROOT / "src/visavis/recipes/scores.json"


def spread(values: list[float], form: str) -> str:
    """The median, and the range in brackets where there are several values."""
    middle = format(statistics.median(values), form)
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"


def by_row(found: Row) -> dict[str, list[Row]]:
    """Rows of one name together (they differ in the seed), without those that failed."""
    rows: dict[str, list[Row]] = {}
    for row in found["rows"]:
        rows.setdefault(row["row"], []).append(row)
    return rows


def modes(name: str) -> str:
    """Modes, KL and speed per row of a stacked-digits benchmark."""
    found = results(name)
    lines = []
    for row, seeds in by_row(found).items():
        good = [s for s in seeds if "modes" in s]
        if not good:
            lines.append([row, "diverged", "", "", ""])
            continue
        lost = len(seeds) - len(good)
        lines.append(
            [
                row + (f" ({lost} of {len(seeds)} diverged)" if lost else ""),
                spread([s["modes"] for s in good], ".0f"),
                spread([s["kl"] for s in good], ".3f"),
                format(statistics.median(s["images"] for s in good), ",.0f"),
                format(statistics.median(s["images_per_second"] for s in good), ",.0f"),
            ]
        )
    record = found["record"]
    seeds = len({row["seed"] for row in found["rows"]})
    note = (
        f"\n\n{record['seconds_each']:.0f} s each with {record['threads_each']} thread(s), "
        f"{record['side_by_side']} at a time on {record['cores']} cores, {seeds} seed(s)"
        f"{' where a range stands' if name.endswith('sweep') else ''}; "
        f"torch {record['torch']}, {record['date']}. Against: {record['reference']}."
    )
    return table(["", "modes of 1,000", "KL", "images seen", "images/s"], lines) + note


def pair_step(name: str) -> str:
    """The step of the Siamese GAN, as written and ours, on one machine."""
    found = results(name)
    record, modes = found["record"], found["modes"]
    named = {"as written": found["as_written"], "as written, bf16 autocast": modes["as written, bf16"]}
    named["ours, fp32"] = found["ours_fp32"]
    named[f"ours, {found['ours_best']['mode']} (the fastest)"] = found["ours_best"]
    rows = [
        [
            name,
            f"{each['images_per_second']:.0f}",
            "{:.2f} ({:.2f} to {:.2f})".format(each["ratio"], *each["ratio_range"]),
        ]
        for name, each in named.items()
    ]
    shares = found["share_of_peak"]
    note = (
        f"\n\nMedians of {record['repeats']} rounds, {record['threads']} threads of one {record['cpu']}, "
        f"torch {record['torch']}, {record['date'][:10]}. Large matrix products reach "
        f"{found['peak']['fp32_tflops']:.2f} TFLOP/s in fp32 and {found['peak']['bf16_tflops']:.2f} in bf16 "
        f"here; the step reaches {shares['as_written']:.0%} of that as written, "
        f"{shares['ours_fp32']:.0%} in our fp32 and {shares['ours_best']:.0%} in our best mode."
    )
    return table(["step", "images/s", "ratio (range)"], rows) + note


def catsdogs() -> str:
    """Both S1 recipes after the same time."""
    found = results("catsdogs")
    columns = found["columns"]
    rows = [[row["recipe"], *(str(row[key]) for key in columns)] for row in found["rows"]]
    return table(["recipe", *columns.values()], rows) + f"\n\n{found['record']['note']}"


def recipes() -> str:
    """All recipes with computed sizes and measured scores."""
    from visavis.recipes.table import describe_all

    scores = make_scores()
    rows = []
    for row in describe_all():
        sizes = ", ".join(f"{name} {count:,}" for name, count in row["parameters"].items())
        texts = "; ".join(score["text"] for score in scores.get(row["name"], [])) or "not measured"
        rows.append([f"`{row['name']}`", row["data"], str(row["resolution"]), sizes, texts])
    return table(["recipe", "data", "px", "parameters", "measured"], rows)


SHORT = ("mnist", "stacked-digits", "digits", "siamese-catsdogs", "vae-cifar10", "vae-gan-digits")
SHORT += ("pix2pix-facades", "cyclegan-digits", "superres-cifar10")


def recipes_short() -> str:
    """What a newcomer may want to train first, with its newest measured score."""
    from visavis.recipes.table import describe_all

    scores = make_scores()
    found = {row["name"]: row for row in describe_all()}
    rows = [
        [
            f"`{name}`",
            found[name]["about"],
            texts[-1]["text"] if (texts := scores.get(name)) else "not measured",
        ]
        for name in SHORT
        if name in found
    ]
    return table(["recipe", "what it is", "measured"], rows)


def make_scores() -> dict[str, list[Row]]:
    """What `visavis recipes` shows, by recipe."""
    scores: dict[str, list[Row]] = {}
    found = results("stacked-modes")
    if found:
        base = [row for row in by_row(found)["base"] if "modes" in row]
        record = found["record"]
        text = (
            f"{spread([r['modes'] for r in base], '.0f')} of 1,000 modes, "
            f"KL {spread([r['kl'] for r in base], '.3f')} "
            f"after {record['seconds_each']:.0f} s on {record['threads_each']} CPU core(s), {len(base)} seeds"
        )
        scores["stacked-digits"] = [{"name": "modes", "text": text, "source": "results/stacked-modes.json"}]
    if (score := stacked_score()) is not None:
        scores["stacked-mnist"] = [score]
    found = results("catsdogs")
    for row in found["rows"] if found else []:
        score = {"name": row["score_name"], "text": row["text"], "source": "results/catsdogs.json"}
        scores.setdefault(row["recipe"], []).append(score)
    for row in (results("generators") or {"rows": []})["rows"]:
        found = row["evaluation"]
        fd = distance(found)
        null = "" if found[fd]["null"] is None else f", null {found[fd]['null']:.3g}"
        text = (
            f"quality {interval(found['quality'], '.0f')} of 100, {fd} {found[fd]['value']:.3g}{null} "
            f"after {duration(row['seconds'])} on a CPU"
        )
        score = {"name": "quality", "text": text, "source": "results/generators.json"}
        scores.setdefault(row["recipe"], []).append(score)
    found = results("catalogue")
    for row in found["rows"] if found else []:
        length = "" if "record" in row else f", {found['record']['seconds']:.0f} s on one CPU core"
        text = f"{catalogue_score(row)}{length}"
        score = {"name": "quality", "text": text, "source": "results/catalogue.json"}
        scores.setdefault(row["recipe"], []).append(score)
    for name, keys in (("translations", ("l1", "ssim")), ("autoencoders", ("psnr", "ssim"))):
        for row in (results(name) or {"rows": []})["rows"]:
            found = row["evaluation"].get("reconstruction", row["evaluation"])
            figures = ", ".join(f"{key} {interval(found[key], '.3g')}" for key in keys)
            text = f"test split: {figures} after {duration(row['seconds'])} on one CPU core"
            score = {"name": keys[0], "text": text, "source": f"results/{name}.json"}
            scores.setdefault(row["recipe"], []).append(score)
    return scores


TABLES: dict[str, Callable[[], str]] = {
    "recipes": recipes,
    "recipes-short": recipes_short,
    "gallery": lambda: gallery(make_scores()),
    "modes": lambda: modes("stacked-modes"),
    "sweep": lambda: modes("stacked-modes-sweep"),
    "pair-step": lambda: pair_step("pair-step"),
    "pair-step-amx": lambda: pair_step("pair-step-amx"),
    "kept-memory": kept_memory,
    "threads": threads,
    "gpu": gpu,
    "crash": crash,
    "drifting": drifting,
    "finite": finite,
    "augment-classifier": augmenting,
    "two-judges": two_judges,
    "catsdogs": catsdogs,
    **JUDGE,
    **LADDER,
    **PAIRS,
    **OUT,
    **NARROW,
    **IMAGES,
    **CLAIMS,
    **FAILURES,
    **CATALOGUE,
    **OWN_PICTURES,
    **STACKED,
    **RANKING,
}


MADE_BY = {
    "autoencoders": "benchmarks/image_tables.py RUN…` of `visavis train`, `visavis evaluate",
    "generators": "benchmarks/image_tables.py RUN…` of `visavis train`, `visavis evaluate",
    "translations": "benchmarks/image_tables.py RUN…` of `visavis train`, `visavis evaluate",
    "catalogue": "benchmarks/catalogue.py",
    "catalogue-cifar10": "benchmarks/make_tables.py",
    "recipes": "benchmarks/make_tables.py",
    "claims": "benchmarks/claims.py",
    "claims-losses": "benchmarks/claims.py",
    "claims-real": "benchmarks/claims.py",
    "claims-gradients": "benchmarks/claims.py",
    "claims-over-time": "benchmarks/claims.py",
    "judge-cases": "benchmarks/judge_cases.py",
    "quality": "benchmarks/quality_cases.py",
    "copies": "benchmarks/copies.py --cifar10 FOLDER",
    "onnx": "benchmarks/export_parity.py --out results/onnx.json",
    "serve-load": "benchmarks/serve_load.py runs/demo --seconds 60 --out results/serve-load.json",
    "web-page": "benchmarks/web_page.py RUN… --axe FOLDER --pictures DIR",
    "start-up": "benchmarks/start_up.py runs/demo --out results/start-up.json",
    "write-rates": "benchmarks/write_rates.py --out results/write-rates.json",
    "own-pictures": "benchmarks/own_pictures.py --data DIR --work DIR --seconds 480",
    "modes": "benchmarks/stacked_modes.py finalists --seconds 220 --seeds 0,1,2",
    "sweep": "benchmarks/stacked_modes.py sweep --seconds 60",
    "catsdogs": "benchmarks/catsdogs.py --data path/to/cifar10 --runs runs",
    "kept-memory": "benchmarks/kept_memory.py",
    "gpu": "benchmarks/gpu.py --data PARQUET_FOLDER",
    "distances": "benchmarks/distances.py",
    "evaluate-speed": "benchmarks/evaluate_speed.py --cifar10 FOLDER --threads 2",
    "threads": "benchmarks/threads.py",
    "translate": "benchmarks/translate.py --images 1000",
    "pair-step": "-m visavis bench pair-step",
    "pair-step-amx": "-m visavis bench pair-step",
    "equilibrium": "-m visavis bench equilibrium --seeds 0,1,2",
    "narrow": "-m visavis bench narrow --seeds 0,1,2",
}
"""What made the results of a table, where its own note does not say: ``python …``."""


def filled(text: str) -> str:
    """``text`` with each marked table made anew, and what made it."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        made = f"\n\nMade by `python {MADE_BY[name]}`." if name in MADE_BY else ""
        return f"<!-- table: {name} -->\n{TABLES[name]()}{made}\n<!-- end -->"

    return re.sub(r"<!-- table: ([\w-]+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main() -> None:
    """Write the tables, or check them."""
    check = "--check" in sys.argv
    wanted = {SCORES: json.dumps(make_scores(), indent=2, ensure_ascii=False) + "\n"}
    pages = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    wanted |= {page: filled(page.read_text()) for page in pages}
    stale = [path for path, text in wanted.items() if path.read_text() != text]
    for path in stale:
        if check:
            print(
                f"{path.relative_to(ROOT)} differs from what results/ say; run: make table", file=sys.stderr
            )
        else:
            path.write_text(wanted[path])
            print(f"wrote {path.relative_to(ROOT)}")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
