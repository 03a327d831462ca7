"""What drives a model's page in a browser: a folder's server, what a canvas shows, what a visitor does."""

import base64
import functools
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visavis.models.translate import translate_pixels

LEVELS = """(canvas) => {
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return [canvas.height, canvas.width, ...data]; }"""

DROPPED = """(element, data) => {
const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
const given = new DataTransfer();
given.items.add(new File([bytes], "own.png", { type: "image/png" }));
for (const kind of ["dragover", "drop"]) {
  element.dispatchEvent(new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true }));
} }"""
ALLOWED = 2
"""Grey levels that the page may differ from PyTorch by."""
LOOKS = 600
"""A tenth of a second apart, before a page on a busy machine is given up."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Tells nothing."""

    def log_message(self, *given: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder's address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def levels(page: Any, canvas: str) -> np.ndarray:
    """Grey levels on a canvas: ``[H, W, 4]``."""
    found = page.eval_on_selector(canvas, LEVELS)
    return np.array(found[2:], np.int64).reshape(found[0], found[1], 4)


def changes(page: Any, canvas: str, act: Callable[[], object]) -> bool:
    """Whether what is on a canvas changes within a minute of an action."""
    before = levels(page, canvas)
    act()
    for _ in range(LOOKS):
        if not np.array_equal(levels(page, canvas), before):
            return True
        page.wait_for_timeout(100)
    return False


def png(picture: Image.Image) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def own_picture(channels: int, resolution: int, seed: int = 0) -> Image.Image:
    """A picture of soft blots, of a model's own size, so that nothing is resized on the way."""
    draw = np.random.default_rng(seed)
    small = Image.fromarray(draw.integers(0, 256, (3, 3, channels), np.uint8).squeeze())
    return small.resize((resolution, resolution), Image.Resampling.BILINEAR)


def choose(page: Any, selector: str, picture: Image.Image) -> None:
    """Choose a picture's file in a file input."""
    page.set_input_files(selector, {"name": "own.png", "mimeType": "image/png", "buffer": png(picture)})


def drop(page: Any, selector: str, picture: Image.Image) -> None:
    """Drop a picture's file on something."""
    page.eval_on_selector(selector, DROPPED, base64.b64encode(png(picture)).decode())


def painted(page: Any, canvas: str) -> Image.Image:
    """What is on a canvas, as a picture."""
    return Image.fromarray(levels(page, canvas)[..., :3].astype(np.uint8))


def shows(page: Any, canvas: str, wanted: Image.Image) -> bool:
    """Whether a canvas comes to show a picture, to :data:`ALLOWED` grey levels, within a minute."""
    levels_wanted = np.asarray(wanted.convert("RGB"), np.int64)
    for _ in range(LOOKS):
        found = levels(page, canvas)[..., :3]
        if found.shape == levels_wanted.shape and np.abs(found - levels_wanted).max() <= ALLOWED:
            return True
        page.wait_for_timeout(100)
    return False


def press(page: Any, at: str, *keys: str) -> Callable[[], None]:
    """The action of keys that are pressed where the focus is put first."""

    def act() -> None:
        page.focus(at)
        for key in keys:
            page.keyboard.press(key)

    return act


def try_sampling(page: Any, model: Any, seed: int = 7) -> dict[str, bool]:
    """What there is to try of a generator; each True where it does what it says."""
    page.fill("#seed", str(seed))
    page.wait_for_selector(f'body[data-seed="{seed}"]')
    pictures = [Image.fromarray(pixels.squeeze()) for pixels in model.pixels(16, seed=seed)]
    cells = [f"#grid button:nth-child({i + 1})" for i in range(16)]
    found = {
        "a seed makes PyTorch's pictures": all(
            shows(page, f"{cells[i]} canvas", pictures[i]) for i in (0, 5, 15)
        ),
        "a slider": changes(page, "#chosen", lambda: page.locator("#sliders input").nth(2).fill("3")),
        "a slider, by keyboard": changes(
            page, "#chosen", press(page, "#sliders input", *["ArrowRight"] * 20)
        ),
        "another picture, by keyboard": changes(page, "#chosen", press(page, cells[5], "Enter")),
        "the film": changes(page, "#chosen", lambda: page.click("#play")),
    }
    page.click("#play")
    page.click("#reset")
    page.wait_for_timeout(1000)  # until what was still being made has been shown
    found["the film, by keyboard"] = changes(page, "#chosen", press(page, "#film", "End"))
    if page.is_visible("#label"):
        last = page.locator("#label option").count() - 1
        found["another class"] = changes(page, "#chosen", lambda: page.select_option("#label", index=last))
    return found


def try_comparing(page: Any, model: Any) -> dict[str, bool]:
    """What there is to try of a pair critic."""
    page.click("#vote-first")
    margin = "The critic prefers" if page.is_visible("#vote-second") else "Similarity"
    page.wait_for_selector(f"#verdict:has-text('{margin}')")
    own = own_picture(*model.shape)
    return {
        "the critic's verdict": True,
        "a picture to compare, by file": changes(page, "#first", lambda: choose(page, "#own-first", own)),
        "a picture to compare, dropped": changes(page, "#second", lambda: drop(page, "#second", own)),
        "two others, by keyboard": changes(page, "#first", press(page, "#two-more", "Enter")),
    }


def try_reconstructing(page: Any, model: Any) -> dict[str, bool]:
    """What there is to try of an autoencoder, where each picture must come out as PyTorch has it."""
    one, other = (own_picture(*model.shape, seed) for seed in (0, 1))
    (again, of_other) = model.reconstruct([one, other])
    choose(page, "#own-a", one)
    found = {"a picture reconstructed, by file": shows(page, "#again", again)}
    drop(page, "#original", other)
    found["a picture reconstructed, dropped"] = shows(page, "#again", of_other)
    told = page.locator("#telling label").first.inner_text().split()[0]
    found["the most telling latent is PyTorch's"] = told == f"z{model.telling_latents(other)[0]}"
    slider = page.locator("#telling input").nth(1)
    found["a latent's slider"] = changes(page, "#again", lambda: slider.fill("3"))
    found["a latent's slider, by keyboard"] = changes(page, "#again", press(page, "#telling input", "Home"))
    drop(page, "#original", one)
    found["the sliders start anew"] = shows(page, "#again", again)
    choose(page, "#own-b", other)
    found["the walk to another"] = shows(page, "#again", of_other)
    page.fill("#walk", "0.5")
    half = Image.fromarray(model.between(one, other, steps=3)[1].squeeze())
    found["half the walk"] = shows(page, "#again", half)
    press(page, "#walk", "Home")()
    found["the walk, by keyboard"] = shows(page, "#again", again)
    return found


def try_translating(page: Any, model: Any) -> dict[str, bool]:
    """What there is to try of a translator, where what is drawn must come out as PyTorch has it."""
    side = page.eval_on_selector("#paper", "(canvas) => canvas.width")

    def as_pytorch(direction: str = "a-to-b") -> bool:
        paper = np.asarray(coloured(painted(page, "#paper"), model)).reshape(1, side, side, -1)
        (made,) = translate_pixels(model, paper, direction)
        return shows(page, "#translated", Image.fromarray(made.squeeze()))

    def stroke() -> None:
        box = page.locator("#paper").bounding_box()
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
        page.mouse.up()

    page.locator("#paper").scroll_into_view_if_needed()
    found = {
        "a line drawn": changes(page, "#paper", stroke) and as_pytorch(),
        "a line drawn, by keyboard": changes(
            page, "#paper", press(page, "#paper", " ", *["Shift+ArrowRight"] * 3)
        )
        and as_pytorch(),
        "cleared, by keyboard": changes(page, "#paper", press(page, "#paper", "Delete")),
    }
    own = own_picture(3, side)
    choose(page, "#own-input", own)
    found["a picture translated, by file"] = shows(page, "#paper", own) and as_pytorch()
    own = own_picture(3, side, seed=1)
    drop(page, "#paper", own)
    found["a picture translated, dropped"] = shows(page, "#paper", own) and as_pytorch()
    if page.is_visible("#direction"):
        page.select_option("#direction", index=1)
        found["the other direction"] = as_pytorch("b-to-a")
    return found


def coloured(picture: Image.Image, model: Any) -> Image.Image:
    """As a translator of grey pictures has it."""
    return picture.convert("L") if model.shape.channels == 1 else picture


TRY: dict[str, Callable[[Any, Any], dict[str, bool]]] = {
    "sample": try_sampling,
    "compare": try_comparing,
    "reconstruct": try_reconstructing,
    "translate": try_translating,
}
"""Ability -> what there is to try of it."""


def try_everything(page: Any, model: Any) -> dict[str, bool]:
    """Every ability of a model, on its open page; the tabs are left by keyboard."""
    found, tabs = {}, [name for name in TRY if page.locator(f"#tab-{name}").count()]
    for i, name in enumerate(tabs):
        if i:
            press(page, f"#tab-{tabs[i - 1]}", "ArrowRight")()
            found[f"the tab '{name}', by keyboard"] = page.is_visible(f"#{name}")
        found |= TRY[name](page, model)
    return found
