"""A model's page in headless Chromium, as one file and as a folder: does it open, is it right, is it usable?

    python benchmarks/web_page.py runs/demo runs/vae runs/cycle --axe FOLDER --pictures DIR

FOLDER is one in which ``npm install axe-core`` was called; playwright comes by pip, Chromium from the system.
Each form of each run's page is opened at desktop and phone width, in light and dark: how long until the first
pictures, whether axe-core finds anything, in any tab, whether it scrolls sideways.  Then everything that the
model is able to do is tried (``tests/browsing.py``), and what comes out compared with PyTorch's.
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
from browsing import TRY, served, try_everything

OUT = Path(__file__).parents[1] / "results/web-page.json"
DEVICES = {"desktop": (1280, 900), "phone": (390, 844)}
VIOLATIONS = "axe.run().then((found) => found.violations.map((each) => `${each.id}: ${each.nodes[0].html}`))"
PATIENCE = 300_000
"""Milliseconds."""


def look(browser: Any, url: str, device: str, scheme: str, axe: str, picture: Path) -> dict[str, Any]:
    """Open the page once."""
    width, height = DEVICES[device]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    began = time.monotonic()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_selector("body[data-ready=true]")
    seconds = time.monotonic() - began
    page.evaluate(axe)
    violations: list[str] = []
    sideways = False
    for tab in [name for name in TRY if page.locator(f"#tab-{name}").count()]:
        page.click(f"#tab-{tab}")
        violations += page.evaluate(VIOLATIONS)
        sideways |= page.evaluate("document.documentElement.scrollWidth > innerWidth")
        page.screenshot(path=str(picture.with_stem(f"{picture.stem}-{tab}")), full_page=True)
    found = {
        "device": device,
        "scheme": scheme,
        "seconds_to_pictures": round(seconds, 2),
        "largest_difference": float(page.evaluate("document.body.dataset.off") or 0),
        "sideways": sideways,
        "violations": violations,
        "errors": errors,
    }
    context.close()
    return found


def use(browser: Any, url: str, model: Any) -> dict[str, Any]:
    """Try what there is to try of a model, at a phone's width; each True where it does what it says."""
    width, height = DEVICES["phone"]
    page, errors = browser.new_page(viewport={"width": width, "height": height}), []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.wait_for_selector("body[data-ready=true]")
    found = try_everything(page, model)
    page.close()
    return {**found, "no error": not errors}


def forms_of(browser: Any, run: str, axe: str, pictures: Path, place: Path) -> dict[str, dict[str, Any]]:
    """Each form of a run's page: written, looked at, used."""
    model, name, forms = visavis.load(run), Path(run).name, {}
    file, folder = place / f"{name}.html", place / name
    told = {"one file": site.write_page(model, file, name), "folder": site.write_page(model, folder, name)}
    with served(folder) as address:
        for form, url in (("one file", file.as_uri()), ("folder", address)):
            views = [
                look(
                    browser, url, device, scheme, axe,
                    pictures / f"{name}-{form.replace(' ', '-')}-{device}-{scheme}.png",
                )
                for device in DEVICES
                for scheme in ("light", "dark")
            ]  # fmt: skip
            forms[form] = {**told[form], "views": views, "use": use(browser, url, model)}
            forms[form].pop("web")
            print(run, form, forms[form]["use"], file=sys.stderr)
    return forms


def main() -> None:
    """Write the page in both forms, look at it, use it."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--axe", type=Path, required=True, help="a folder with node_modules/axe-core")
    parser.add_argument("--pictures", type=Path, required=True)
    given = parser.parse_args()
    axe = (given.axe / "node_modules/axe-core/axe.min.js").read_text()
    given.pictures.mkdir(parents=True, exist_ok=True)
    chromium, pages = shutil.which("chromium") or shutil.which("google-chrome"), {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for run in given.runs:
            description = visavis.load(run).description
            pages[description.recipe["name"]] = {
                "images_seen": description.images,
                "forms": forms_of(browser, run, axe, given.pictures, Path(name)),
            }
        version = browser.version
        browser.close()
    record = {**machine(), "chromium": version, "runtime": f"onnxruntime-web {runtime.VERSION}"}
    write_json(OUT, {"pages": pages, "record": record})
    print(OUT)


if __name__ == "__main__":
    main()
