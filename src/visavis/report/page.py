"""One HTML file that shows runs: curves, samples through training, what D sees, figures, verdict, record.

Nothing in it is fetched: style, script and pictures are inside.  Without a script it still shows every curve,
the newest samples and all tables.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import visavis
from visavis.report.charts import DASHES, Chart, charts_of, histogram, look_of_run, svg
from visavis.report.ending import good
from visavis.report.film import film, galleries, strip
from visavis.report.runfiles import RunFiles
from visavis.report.scores import scores_of
from visavis.report.sentences import Diagnose, of_one, of_runs
from visavis.report.series import Axis, Panel, panels, watched_panels
from visavis.report.tables import Table
from visavis.report.verdict import figures
from visavis.report.words import count, duration, number

MARK = "<!-- a page of visavis report -->"
"""How a page of ours begins."""
PICTURES = 3_400_000
"""Bytes that all pictures of a page may take."""


@dataclass
class Page:
    """The page's parts, and what of it can be saved as files."""

    html: str = ""
    tables: list[Table] = field(default_factory=list)
    charts: list[tuple[str, Chart]] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)


def make_page(
    runs: Sequence[RunFiles],
    *,
    axis: Axis = "images",
    diagnose: Diagnose | None = None,
    reload_seconds: float | None = None,
) -> Page:
    """The page of one run, or of several side by side.

    ``diagnose``: what says of rows of metrics and of the log what has become worse.  ``reload_seconds``: the
    page loads itself again so often, while the runs train.
    """
    page = Page()
    title = runs[0].name if len(runs) == 1 else ", ".join(run.name for run in runs)
    share = PICTURES // len(runs)
    sections = [
        ("verdict", "Verdict", _verdict(page, runs, diagnose)),
        ("curves", "Curves", _curves(page, runs, axis)),
        ("samples", "Samples", _each(runs, lambda run, place: film(run, place, share * 6 // 10))),
        ("seeds", "The same seeds through time", _each(runs, lambda run, _: strip(run, share // 10))),
        ("pairs", "What D says of pairs", _each(runs, lambda run, _: _pairs(page, run))),
        ("figures", "Figures", _figures(page, runs)),
        ("likest", "Collapse and copies", _each(runs, lambda run, _: galleries(run, share * 3 // 10))),
        ("cost", "Cost", _cost(page, runs)),
        ("record", "Record", _each(runs, lambda run, _: _record(run))),
    ]
    page.html = _document(title, runs, sections, reload_seconds)
    return page


def _document(
    title: str, runs: Sequence[RunFiles], sections: Sequence[tuple[str, str, str]], reload: float | None
) -> str:
    style, script = (
        resources("visavis.report").joinpath(name).read_text() for name in ("page.css", "page.js")
    )
    links = "".join(f'<li><a href="#{key}">{escape(name)}</a></li>' for key, name, body in sections if body)
    bodies = "".join(
        f'<section id="{key}" aria-labelledby="{key}-h"><h2 id="{key}-h">{escape(name)}</h2>{body}</section>'
        for key, name, body in sections
        if body
    )
    following = "" if reload is None else f' data-reload="{reload:g}"'
    pause = (
        '<button type="button" id="pause" aria-pressed="false">Stop following</button>'
        if reload is not None
        else ""
    )
    tiles = "".join(_tiles(run, len(runs) > 1) for run in runs)
    return (
        f"<!doctype html>\n{MARK}\n"
        f'<html lang="en"{following}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)} · visavis</title><style>{style}</style></head><body>"
        f"<header><h1>{escape(title)}</h1>{tiles}{pause}</header>"
        f'<nav aria-label="On this page"><ul>{links}</ul></nav><main>{bodies}</main>'
        f"<footer><p>Made by visavis {escape(visavis.__version__)} from the files of "
        f"{'this run' if len(runs) == 1 else 'these runs'}; nothing here was fetched.</p></footer>"
        f"<script>{script}</script></body></html>\n"
    )


def _each(runs: Sequence[RunFiles], show: Any) -> str:
    """A part for each run, under its name where there are several; empty if no run has one."""
    parts = [(run, show(run, place)) for place, run in enumerate(runs)]
    if len(runs) == 1:
        return str(parts[0][1])
    shown = [f"<h3>{_name(runs, run)}</h3>{body}" for run, body in parts if body]
    return "".join(f'<div class="of-run">{each}</div>' for each in shown)


def _name(runs: Sequence[RunFiles], run: RunFiles) -> str:
    return f"{_key(*look_of_run(runs.index(run)))}{escape(run.name)}"


def _tiles(run: RunFiles, several: bool) -> str:
    found = {
        "recipe": str(run.recipe.get("name", "?")),
        "images seen": count(run.images) if run.images else "none yet",
        "training": duration(run.seconds) if run.seconds else "none yet",
    }
    quality = (run.result or {}).get("quality") or {}
    if quality.get("value") is not None:
        found["quality of 100"] = number(quality["value"])
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in found.items())
    named = f"<p class=run-name>{escape(run.name)}</p>" if several else ""
    about = "" if several else f"<p>{escape(str(run.recipe.get('about', '')))}</p>"
    return f'{named}{about}<dl class="tiles">{items}</dl>'


def _verdict(page: Page, runs: Sequence[RunFiles], diagnose: Diagnose | None) -> str:
    """Sentences: several runs against one another, then each by itself."""
    found = []
    tasks = {run.task for run in runs}
    if len(tasks) > 1:
        found.append(
            f"<p>These runs do different things ({escape(', '.join(sorted(tasks)))}), so only their curves "
            "and costs can stand beside each other.</p>"
        )
    elif len(runs) > 1:
        page.verdicts = of_runs([(run.name, run.result) for run in runs])
        found.append(_list(page.verdicts))
    for run in runs:
        told = _of_run(run, diagnose)
        if len(runs) == 1:
            page.verdicts = told
        found.append((f"<h3>{_name(runs, run)}</h3>" if len(runs) > 1 else "") + _list(told))
    return "".join(found)


def _of_run(run: RunFiles, diagnose: Diagnose | None) -> list[str]:
    told = [
        f"It diverged at {count(event['images'])} images: {event.get('why', 'a number is not finite')}."
        for event in run.log[-1:]  # a tick after it is that of a run that went on
        if event.get("event") == "diverged"
    ]
    if not run.rows:
        told.append("It has no tick yet: nothing was logged, so there are no curves.")
    broken = sum(any(value is None for value in row.values()) for row in run.rows)
    if broken:
        told.append(f"{broken} of {len(run.rows)} rows of the log hold a value that is no finite number.")
    if diagnose is not None:
        said = diagnose([row for row in run.measured if row.get("seed") == 2], run.rows)
        told += [f"Warning: {text}." for text in said.values()]
    result = run.result
    if result is None:
        looks = [good(row) for row in run.log if row.get("event") == "guard"]
        told += [f"At the last look {'; '.join(looks[-1])}."] if looks and looks[-1] else []
        command = f"visavis report {shlex.quote(run.told_as)} --evaluate --force"
        told.append(f"Not judged yet; {command} does it and writes the page anew.")
        return told
    told += of_one(result)
    at = result["record"].get("trained_images")
    if at is not None and at < run.images:
        told.append(f"Judged at {count(at)} images, and the run has seen {count(run.images)} by now.")
    return told + [f"Note: {text}" for text in result.get("warnings", [])]


def _list(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in sentences) + "</ul>" if sentences else ""


def _curves(page: Page, runs: Sequence[RunFiles], axis: Axis) -> str:
    """All panels of the log, and of the figures taken on the way, with one zoom for all."""
    found: list[tuple[str, Sequence[Panel]]] = [
        (run.name, [*panels(run.log, axis), *(watched_panels(run.measured) if axis == "images" else [])])
        for run in runs
    ]
    ends = [float(x) for _, shown in found for panel in shown for one in panel.series for x in one.x[[0, -1]]]
    if not ends:
        return "<p>There is nothing to draw yet: no row of the log has a number.</p>"
    low, high = min(ends), max(ends)
    spare = 0.012 * (high - low) or max(1.0, 0.1 * abs(high))
    label = "images seen" if axis == "images" else "seconds trained"
    charts = charts_of(found, label, (low - spare, high + spare))
    page.charts += [(f"curve-{chart.title}", chart) for chart in charts]
    controls = (
        '<div class="controls" role="group" aria-label="Curves">'
        '<label>Smoothing <input type="range" id="smoothing" min="0" max="30" value="5" '
        'aria-describedby="smoothing-told"></label>'
        '<output id="smoothing-told" for="smoothing">as drawn</output>'
        '<button type="button" data-zoom="in">Zoom in</button>'
        '<button type="button" data-zoom="out">Zoom out</button>'
        '<button type="button" data-zoom="left" aria-label="Earlier">←</button>'
        '<button type="button" data-zoom="right" aria-label="Later">→</button>'
        '<button type="button" data-zoom="all">All</button>'
        '<span class="hint">or drag across a curve</span></div>'
    )
    return f'{controls}<div class="panels">{"".join(map(_figure, charts))}</div>'


def _figure(chart: Chart) -> str:
    """A chart with its legend."""
    legend = "".join(
        f"<li>{_key(line.look, line.dash)}{escape(line.name)} <b>{escape(line.last)}</b></li>"
        for line in chart.lines
    )
    note = f'<p class="note">{escape(chart.note)}</p>' if chart.note else ""
    return (
        f'<figure><figcaption><span class="name">{escape(chart.name)}</span>'
        f'<button type="button" class="save-svg" aria-label="save {escape(chart.title)} as SVG">SVG</button>'
        f'<ul class="legend">{legend}</ul></figcaption>{svg(chart)}{note}'
        '<p class="told" aria-hidden="true"></p></figure>'
    )


def _key(look: int, dash: int) -> str:
    """A short line as the charts have it."""
    return (
        '<svg class="key" viewBox="0 0 30 8" aria-hidden="true"><path class="mean" d="M1 4h28" '
        f'style="stroke:var(--c{look})" stroke-dasharray="{DASHES[dash] or "none"}"/></svg>'
    )


def _pairs(page: Page, run: RunFiles) -> str:
    """The histogram of the critic's scores."""
    found = scores_of(run)
    if found is None:
        return ""
    meaning, values = found
    chart = histogram(f"Scores of D ({meaning})", values, meaning)
    page.charts.append((f"pairs-{run.name}", chart))
    return (
        f'<div class="panels">{_figure(chart)}</div><p>The share of pairs by their score. Where the kinds '
        "lie over each other, D tells nothing apart and G learns nothing from it; where they lie far apart, "
        "D has won. By the newest snapshot, of the images of real.png and of the newest sheet.</p>"
    )


def _figures(page: Page, runs: Sequence[RunFiles]) -> str:
    """Each run's judgement with intervals and nulls, and what was measured on the way."""
    found: list[Table] = []
    for run in runs:
        if run.result is not None:
            rows = list(figures(run.result))
            header = ("figure", "value", "95 % interval", "null", "in words")
            found.append(Table(f"figures-{run.name}", f"{run.name}: judged", header, rows))
    comparable = {run.task for run in runs if run.result is not None}
    if sum(run.result is not None for run in runs) > 1 and len(comparable) == 1:
        found.insert(0, _beside([(run.name, run.result) for run in runs if run.result is not None]))
    for run in runs:
        measured = [
            (name, number(value), count(row["images"]))
            for row in run.measured[-1:]
            for name, value in row.items()
            if name not in _NO_FIGURE and isinstance(value, int | float) and not isinstance(value, bool)
        ]
        if measured:
            name = f"{run.name}: measured while training"
            found.append(Table(f"measured-{run.name}", name, ("figure", "value", "at images"), measured))
    page.tables += found
    return "".join(table.html() for table in found)


_NO_FIGURE = {"images", "samples", "seed", "seconds"}


def _beside(judged: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Every figure that any run has, a column a run."""
    columns = [{row[0]: row for row in figures(result)} for _, result in judged]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, *(_told(column.get(name)) for column in columns)) for name in names]
    return Table("side-by-side", "Side by side", ("figure", *(name for name, _ in judged)), rows)


def _told(row: Sequence[str] | None) -> str:
    if row is None:
        return ""
    return f"{row[1]} ({row[2]})" if row[2] else row[1]


def _cost(page: Page, runs: Sequence[RunFiles]) -> str:
    header = ("run", "images", "training", "images/s", "judging on the way", "energy", "samples/J")
    rows = [_cost_of(run) for run in runs]
    used = [i for i in range(len(header)) if i < 4 or any(row[i] for row in rows)]
    table = Table("cost", "Cost", [header[i] for i in used], [[row[i] for i in used] for row in rows])
    page.tables.append(table)
    told = (
        "" if any(row[5] for row in rows) else "<p>This machine does not tell the energy that it takes.</p>"
    )
    if told == "":
        told = "<p>The energy is that of the whole processor, whatever else ran on it.</p>"
    return table.html() + told


def _cost_of(run: RunFiles) -> list[str]:
    judging = sum(float(row.get("seconds") or 0) for row in run.measured)
    joules = sum(float(row["energy/joules"]) for row in run.rows if row.get("energy/joules") is not None)
    return [
        run.name,
        f"{run.images:,}",
        duration(run.seconds),
        number(run.images / run.seconds) if run.seconds else "",
        duration(judging) if judging else "",
        f"{number(joules)} J" if joules else "",
        number(run.images / joules) if joules else "",
    ]


def _record(run: RunFiles) -> str:
    """What the run was made with; the whole recipe folded."""
    told = dict(run.told)
    recipe, data = told.pop("recipe", {}), told.pop("data", {}) or {}
    rows = [(str(k), _text(v)) for k, v in told.items() if v is not None]
    rows += [(f"data: {k}", _text(v)) for k, v in data.items() if v not in (None, [])]
    resumes = [row for row in run.events if row["event"] == "resume"]
    rows += (
        [("resumed at", ", ".join(count(row["images"]) for row in resumes) + " images")] if resumes else []
    )
    if run.result is not None:
        rows += [(f"judged: {k}", _text(v)) for k, v in run.result["record"].items() if v not in (None, [])]
    whole = json.dumps(recipe, indent=2, ensure_ascii=False)
    items = "".join(f"<tr><th scope=row>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    return (
        '<details><summary>Made with, data, judged with</summary><div class="table" role="region" '
        f'tabindex="0" aria-label="record of {escape(run.name)}"><table><thead><tr><th scope="col">field</th>'
        f'<th scope="col">value</th></tr></thead><tbody>{items}</tbody></table></div></details>'
        f"<details><summary>The whole recipe</summary><pre tabindex=0>{escape(whole)}</pre></details>"
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def saved(page: Page, folder: Path) -> Iterator[tuple[Path, str]]:
    """The page's tables as CSV and LaTeX and its charts as SVG: where each goes, and its text."""
    for table in page.tables:
        yield folder / f"{_file(table.name)}.csv", table.csv()
        yield folder / f"{_file(table.name)}.tex", table.latex()
    for name, chart in page.charts:
        yield folder / f"{_file(name)}.svg", svg(chart, alone=True)


def _file(name: str) -> str:
    plain = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in plain.split("-") if part)
