"""A model's page in headless Chromium, as one file and as a folder: does it open, is it right, is it usable?

    python benchmarks/web_page.py runs/demo --axe FOLDER --pictures DIR

FOLDER is one in which ``npm install axe-core`` was called; playwright comes by pip, Chromium from the system.
Each form is opened at desktop and phone width, in light and dark: how long until the first pictures, whether
axe-core finds anything, whether it scrolls sideways.  Then seed, class, slider, film and verdict are tried.
Writes results/web-page.json, and screenshots to DIR.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import visavis
from visavis.bench.rows import machine
from visavis.export.web import runtime, site
from visavis.files import write_json

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browsing import changes, levels, served

OUT = Path(__file__).parents[1] / "results/web-page.json"
DEVICES = {"desktop": (1280, 900), "phone": (390, 844)}
SEED = 7


def look(browser: Any, url: str, device: str, scheme: str, axe: str, picture: Path) -> dict[str, Any]:
    """Open the page once."""
    width, height = DEVICES[device]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    began = time.monotonic()
    page.goto(url)
    page.wait_for_selector("body[data-ready=true]", timeout=300_000)
    seconds = time.monotonic() - began
    page.evaluate(axe)
    violations = page.evaluate(
        "axe.run().then((found) => found.violations.map((each) => `${each.id}: ${each.nodes[0].html}`))"
    )
    found = {
        "device": device,
        "scheme": scheme,
        "seconds_to_pictures": round(seconds, 2),
        "largest_difference": float(page.evaluate("document.body.dataset.off") or 0),
        "sideways": page.evaluate("document.documentElement.scrollWidth > innerWidth"),
        "violations": violations,
        "errors": errors,
    }
    page.screenshot(path=str(picture), full_page=True)
    context.close()
    return found


def use(browser: Any, url: str, model: Any) -> dict[str, Any]:
    """Try what there is to try of a generator with a critic; each True where it does what it says."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(url)
    page.wait_for_selector("body[data-ready=true]", timeout=300_000)
    page.fill("#seed", str(SEED))
    page.wait_for_selector(f'body[data-seed="{SEED}"]')
    asked = page.eval_on_selector("#label", "(select) => select.value") if model.classes else None
    labels = None if asked in (None, "", "-1") else int(asked)
    wanted = model.pixels(16, seed=SEED, **({} if labels is None else {"labels": labels}))
    off = [
        int(abs(levels(page, f"#grid button:nth-child({i + 1}) canvas")[..., :1] - wanted[i][..., :1]).max())
        for i in (0, 5, 15)
    ]
    found: dict[str, Any] = {"grey_levels_off_for_a_seed": max(off)}
    if model.classes:
        options = page.locator("#label option").count()
        found["another class"] = changes(
            page, "#chosen", lambda: page.select_option("#label", index=options - 1)
        )
    found["a slider"] = changes(page, "#chosen", lambda: page.locator("#sliders input").nth(2).fill("3"))
    found["the film"] = changes(page, "#chosen", lambda: page.click("#play"))
    page.click("#tab-compare")
    page.click("#vote-first")
    page.wait_for_selector("#verdict:has-text('The critic prefers')")
    found["the critic's verdict"] = True
    page.close()
    return found


def main() -> None:
    """Write the page in both forms, look at it, use it."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--axe", type=Path, required=True, help="a folder with node_modules/axe-core")
    parser.add_argument("--pictures", type=Path, required=True)
    given = parser.parse_args()
    axe = (given.axe / "node_modules/axe-core/axe.min.js").read_text()
    given.pictures.mkdir(parents=True, exist_ok=True)
    model = visavis.load(given.run)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    forms: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as started:
        file, folder = Path(name) / "page.html", Path(name) / "site"
        told = {
            "one file": site.write_page(model, file, "demo"),
            "folder": site.write_page(model, folder, "demo"),
        }
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(folder) as address:
            for form, url in (("one file", file.as_uri()), ("folder", address)):
                views = [
                    look(
                        browser, url, device, scheme, axe,
                        given.pictures / f"{form.replace(' ', '-')}-{device}-{scheme}.png",
                    )
                    for device in DEVICES
                    for scheme in ("light", "dark")
                ]  # fmt: skip
                forms[form] = {**told[form], "views": views, "use": use(browser, url, model)}
        version = browser.version
        browser.close()
    for each in forms.values():
        each.pop("web")
    record = {**machine(), "chromium": version, "runtime": f"onnxruntime-web {runtime.VERSION}"}
    write_json(OUT, {"recipe": model.description.recipe["name"], "forms": forms, "record": record})
    print(OUT)


if __name__ == "__main__":
    main()
