"""The pictures of a run on its page: the film of its sheets, the same seeds through time, what is alike."""

import json
from html import escape

from visavis.report.grids import grid
from visavis.report.pictures import Sheet, closest, fitted, read, small, spread, taken_apart, through_time
from visavis.report.runfiles import RunFiles
from visavis.report.words import count, number

FRAMES = 24
"""Sheets that the slider shows."""
STRIP = 10
"""Moments of the picture that shows the same seeds through time."""


def film(run: RunFiles, place: int, most_bytes: int) -> str:
    """The sheets through training under a slider, the newest first to be seen; beside them real images."""
    shown = [run.samples[i] for i in spread(len(run.samples), FRAMES)]
    pictures = [(images, picture) for images, path in shown if (picture := read(path)) is not None]
    if not pictures:
        return "<p>No sheet of samples was saved yet.</p>"
    real = read(run.folder / "real.png")
    kept = [*[picture for _, picture in pictures], *([real] if real is not None else [])]
    sheets = [small(picture, run.side) if run.side else picture for picture in kept]
    sources = fitted(sheets, most_bytes)
    frames, at = sources[: len(pictures)], [images for images, _ in pictures]
    size = f'width="{sheets[len(frames) - 1].width}" height="{sheets[len(frames) - 1].height}"'
    made = f"{escape(_MADE.get(run.task, 'samples'))} of {escape(run.name)}"
    told = f"after {count(at[-1])} images"
    last = len(frames) - 1
    real_figure = (
        f'<figure><img class="pixels" src="{sources[-1]}" alt="real images, as {escape(run.name)} sees" '
        f'width="{sheets[-1].width}" height="{sheets[-1].height}"><figcaption>real</figcaption></figure>'
        if real is not None
        else ""
    )
    slider = (
        f'<div class="controls"><label>Moment <input type="range" class="moment" min="0" max="{last}" '
        f'value="{last}" aria-valuetext="{told}"></label>'
        '<button type="button" class="play" aria-pressed="false">Play</button></div>'
        if last
        else ""
    )
    data = json.dumps({"frames": frames, "told": [f"after {count(images)} images" for images in at]})
    return (
        f'<div class="film">{slider}<div class="sheets"><figure><img class="pixels frame" '
        f'id="film-{place}" src="{frames[-1]}" alt="{made} {told}" data-made="{made}" {size}>'
        f'<figcaption aria-live="polite">{told}</figcaption></figure>{real_figure}</div>'
        f'<script type="application/json">{data}</script></div>'
    )


_MADE = {
    "generate": "samples of the same latents",
    "reconstruct": "images beside their reconstructions, and samples,",
    "translate": "inputs, translations and targets",
}


def strip(run: RunFiles, most_bytes: int) -> str:
    """The same latents, a row each, from the first sheet to the last."""
    moments = [run.samples[i] for i in spread(len(run.samples), STRIP)]
    sheets: list[tuple[int, Sheet]] = []
    for images, path in moments:
        picture = read(path)
        sheet = None if picture is None or not run.side else taken_apart(picture, run.side)
        if sheet is not None:
            sheets.append((images, sheet))
    strip_ = through_time([sheet for _, sheet in sheets], run.task)
    if strip_ is None:
        return ""
    source = fitted([strip_], most_bytes)[0]
    told = ", ".join(count(images) for images, _ in sheets)
    return (
        f'<figure class="wide"><img class="pixels" src="{source}" width="{strip_.width}" '
        f'height="{strip_.height}" style="width:{5 * len(sheets)}rem" alt="the same seeds of '
        f'{escape(run.name)}, one a row, from left to right through training">'
        f"<figcaption>from left to right after {told} images</figcaption></figure>"
    )


def galleries(run: RunFiles, most_bytes: int) -> str:
    """The most alike of the newest samples beside those of real images; and the sheets of a gallery."""
    parts = [_closest(run, most_bytes // 10)]
    pictures = [(path, picture) for path in run.galleries if (picture := read(path)) is not None]
    if pictures:
        sources = fitted([small(picture, 0) for _, picture in pictures], most_bytes * 9 // 10)
        figures = "".join(
            f'<figure class="wide"><img src="{source}" width="{picture.width}" height="{picture.height}" '
            f'alt="{escape(_ALT.get(path.stem, path.stem))}"><figcaption>'
            f"{escape(_ALT.get(path.stem, path.stem))}</figcaption></figure>"
            for source, (path, picture) in zip(sources, pictures, strict=True)
        )
        names = ", ".join(path.stem.replace("-", " ") for path, _ in pictures)
        parts.append(f"<details><summary>Look for yourself: {escape(names)}</summary>{figures}</details>")
    return "".join(parts)


_ALT = {
    "closest-pairs": "the generated pairs that are most alike, beside those of held-out images",
    "nearest-train": "generated images, each followed by its nearest training images (by features)",
    "nearest-train-pixels": "generated images, each followed by its nearest training images (by pixels)",
}


def _closest(run: RunFiles, most_bytes: int) -> str:
    if run.task != "generate" or not run.samples or not run.side:
        return ""
    found = []
    for name, path in (("samples", run.samples[-1][1]), ("real images", run.folder / "real.png")):
        picture = read(path)
        sheet = None if picture is None else taken_apart(picture, run.side)
        if sheet is not None and len(sheet.images) >= 12:
            found.append((name, len(sheet.images), *closest(sheet.images)))
    if not found:
        return ""
    pictures = [grid(images, 2, scale=1, padding=1) for _, _, images, _ in found]
    sources = fitted(pictures, most_bytes)
    figures_ = "".join(
        f'<figure><img class="pixels" src="{source}" width="{picture.width}" height="{picture.height}" '
        f'alt="the six pairs of {name} that are most alike"><figcaption>{name}, the six most alike pairs '
        f"of {n}: {number(distance)} grey levels apart</figcaption></figure>"
        for source, picture, (name, n, _, distance) in zip(sources, pictures, found, strict=True)
    )
    told = ""
    if len(found) == 2 and found[0][3] < 0.5 * found[1][3]:
        told = "<p>The samples are less than half as far apart as real images: look for repeats.</p>"
    return f'<div class="sheets small">{figures_}</div>{told}'
