// Look at a page of visavis report in headless Chromium: how long it takes, whether axe-core finds anything.
//
//   npm install playwright-core axe-core          (in any folder; Chromium as /usr/bin/chromium or $CHROMIUM)
//   node look_at_page.mjs page.html [folder]      one JSON object; screenshots of four kinds into the folder
//
// From file:// and without a network, at desktop and phone width, light and dark.  Exit status 1 where axe
// finds a violation, a script fails, the page scrolls sideways or takes two seconds to load.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const here = createRequire(resolve("package.json"));
const { chromium } = here("playwright-core");
const axe = readFileSync(here.resolve("axe-core/axe.min.js"), "utf8");
const [given, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const views = [];
for (const [device, width, height] of [["desktop", 1280, 900], ["phone", 390, 844]]) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, offline: true });
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    const began = Date.now();
    await page.goto(`file://${resolve(given)}`, { waitUntil: "load" });
    const milliseconds = Date.now() - began;
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run());
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    const charts = await page.evaluate(() => +document.documentElement.dataset.ready);
    if (folder) await page.screenshot({ path: `${folder}/${device}-${colorScheme}.png`, fullPage: true });
    views.push({ device, colorScheme, milliseconds, charts, errors, sideways, violations: violations.map((v) => `${v.id}: ${v.nodes[0].html}`) });
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify({ bytes: readFileSync(given).length, views }, null, 2));
process.exit(views.some((v) => v.violations.length || v.errors.length || v.sideways || v.milliseconds > 2000) ? 1 : 0);
