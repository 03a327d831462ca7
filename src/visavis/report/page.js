"use strict";
// Zoom, smoothing and the film of samples.  Points are read from the paths themselves (thousandths of the axes).
const minus = (text) => text.replace("-", "−");
function told(value) {
  const size = Math.abs(value);
  for (const [unit, name] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= 0.9995 * unit) return minus(String(+(value / unit).toPrecision(3)) + name);
  }
  return minus(size && size < 1e-4 ? value.toExponential(1) : String(+value.toPrecision(3)));
}
function steps(low, high) {
  let step = 10 ** Math.floor(Math.log10((high - low) / 6));
  step *= [1, 2, 5, 10].find((k) => (high - low) / (step * k) <= 6);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
  return found;
}
function points(path) {
  const found = [];
  for (const [, pen, x, y] of path.getAttribute("d").matchAll(/([ML])([-\d.]+) ([-\d.]+)/g)) {
    if (pen === "M" && found.length) found.push(null);
    found.push([+x, +y]);
  }
  return found;
}
function smooth(rows, half) {
  if (!half) return rows;
  return rows.map((row, i) => {
    if (!row) return null;
    let sum = 0, weights = 0;
    for (let j = Math.max(0, i - half); j <= Math.min(rows.length - 1, i + half); j++) {
      if (!rows[j]) continue;
      const weight = half + 1 - Math.abs(j - i);
      sum += weight * rows[j][1];
      weights += weight;
    }
    return [row[0], sum / weights];
  });
}
function drawn(rows) {
  let pen = "M", text = "";
  for (const row of rows) {
    if (row) text += pen + row[0].toFixed(1) + " " + row[1].toFixed(1);
    pen = row ? "L" : "M";
  }
  return text.split(/[ML]/).length === 2 ? text + "h0.1" : text;
}

class Chart {
  constructor(svg) {
    this.svg = svg;
    this.figure = svg.closest("figure");
    this.plot = svg.querySelector(".plot");
    this.ticks = svg.querySelector(".ticks");
    [this.x0, this.x1] = svg.dataset.x.split(" ").map(Number);
    [this.y0, this.y1] = svg.dataset.y.split(" ").map(Number);
    this.logs = svg.dataset.log === "1";
    this.shared = svg.dataset.shared === "1";
    this.lines = [...svg.querySelectorAll(".line")].map((group) => {
      const [rows, mean] = group.querySelectorAll("path");
      return { name: group.dataset.name, smoothed: group.dataset.smooth === "1", mean, first: mean.getAttribute("d"),
        rows: points(rows), shown: points(mean) };
    });
    this.box = ["x", "y", "width", "height"].map((name) => +this.plot.getAttribute(name));
    this.seen = [0, 1000, 0, 1000];
    this.follow();
  }
  across(x) { return this.x0 + (x / 1000) * (this.x1 - this.x0); }
  up(y) {
    const share = 1 - y / 1000;
    return this.logs ? this.y0 * (this.y1 / this.y0) ** share : this.y0 + share * (this.y1 - this.y0);
  }
  smooth(percent) {
    for (const line of this.lines) {
      if (!line.smoothed) continue;
      line.shown = percent === null ? [] : smooth(line.rows, Math.round((percent / 100) * line.rows.length));
      line.mean.setAttribute("d", percent === null ? line.first : drawn(line.shown));
      if (percent === null) line.shown = points(line.mean);
    }
  }
  look(from, to) {
    let low = 0, high = 1000;
    if (from > 0 || to < 1000) {
      const seen = this.lines.flatMap((line) => line.shown.filter((p) => p && p[0] >= from && p[0] <= to).map((p) => p[1]));
      if (seen.length) {
        low = Math.max(0, Math.min(...seen)); high = Math.min(1000, Math.max(...seen));
        const spare = Math.max(0.06 * (high - low), 8);
        low -= spare; high += spare;
      }
    }
    this.seen = [from, to, low, high];
    this.plot.setAttribute("viewBox", `${from} ${low} ${to - from} ${high - low}`);
    this.label();
  }
  label() {
    const [from, to, low, high] = this.seen, [left, top, width, height] = this.box;
    let text = "";
    const bottom = this.up(high), ceiling = this.up(low);
    let values = steps(bottom, ceiling);
    if (this.logs && ceiling / bottom > 5) {
      values = [];
      for (let p = Math.floor(Math.log10(bottom)); p <= Math.ceil(Math.log10(ceiling)); p++) {
        for (const k of ceiling / bottom < 300 ? [1, 2, 5] : [1]) values.push(k * 10 ** p);
      }
      values = values.filter((v) => v >= bottom && v <= ceiling);
    }
    for (const value of values) {
      const share = this.logs ? Math.log(value / this.y0) / Math.log(this.y1 / this.y0) : (value - this.y0) / (this.y1 - this.y0);
      const y = top + (height * (1000 * (1 - share) - low)) / (high - low);
      text += `<line class="grid" x1="${left}" x2="${left + width}" y1="${y}" y2="${y}"/>` +
        `<text x="${left - 7}" y="${y + 6}" text-anchor="end">${told(value)}</text>`;
    }
    for (const value of steps(this.across(from), this.across(to))) {
      const x = left + (width * ((1000 * (value - this.x0)) / (this.x1 - this.x0) - from)) / (to - from);
      text += `<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${top + height}"/>` +
        `<text x="${x}" y="${top + height + 23}" text-anchor="middle">${told(value)}</text>`;
    }
    this.ticks.innerHTML = text;
  }
  place(event) {
    const at = this.svg.getBoundingClientRect(), [left, , width] = this.box;
    const x = ((event.clientX - at.left) / at.width) * 640;
    const [from, to] = this.seen;
    return from + (Math.min(Math.max((x - left) / width, 0), 1)) * (to - from);
  }
  follow() {
    let start = null, mark = null;
    const out = this.figure.querySelector(".told");
    this.svg.addEventListener("pointerdown", (event) => {
      if (!this.shared || event.button) return;
      start = this.place(event);
      mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      mark.setAttribute("class", "chosen");
      mark.setAttribute("height", "3000"); mark.setAttribute("y", "-1000");
      this.plot.append(mark);
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      const x = this.place(event);
      if (start !== null) {
        mark.setAttribute("x", Math.min(start, x)); mark.setAttribute("width", Math.abs(x - start));
      }
      out.textContent = `${told(this.across(x))}: ` + this.lines.map((line) => {
        const near = line.shown.reduce((a, b) => (b && (!a || Math.abs(b[0] - x) < Math.abs(a[0] - x)) ? b : a), null);
        return near ? `${line.name} ${told(this.up(near[1]))}` : "";
      }).filter(Boolean).join(" · ");
    });
    const end = (event) => {
      if (start === null) return;
      const x = this.place(event), from = Math.min(start, x), to = Math.max(start, x);
      mark.remove(); start = mark = null;
      if (event.type === "pointerup" && to - from > 8) view(from, to);
    };
    this.svg.addEventListener("pointerup", end);
    this.svg.addEventListener("pointercancel", end);
    this.svg.addEventListener("pointerleave", () => { out.textContent = ""; });
    this.figure.querySelector(".save-svg").addEventListener("click", () => this.save());
  }
  save() {
    const copy = this.svg.cloneNode(true), style = getComputedStyle(document.documentElement);
    const head = 24 + 20 * this.lines.length;
    for (const path of copy.querySelectorAll("[style]")) {
      path.setAttribute("style", path.getAttribute("style").replace(/var\((--c\d)[^)]*\)/, (_, name) => style.getPropertyValue(name).trim()));
    }
    let text = `<text x="8" y="18" font-weight="600">${this.figure.querySelector(".name").textContent}</text>`;
    this.lines.forEach((line, i) => {
      const mean = copy.querySelectorAll(".line .mean")[i], y = 38 + 20 * i;
      text += `<path class="mean" style="${mean.getAttribute("style")}" stroke-dasharray="${mean.getAttribute("stroke-dasharray") || "none"}" d="M8 ${y - 4}h30"/><text x="46" y="${y}"></text>`;
    });
    const rules = "text{font:14px system-ui,sans-serif;fill:#777}.grid{stroke:#e2e2e2}.axis{stroke:#888}path,.reference{fill:none;vector-effect:non-scaling-stroke}.reference{stroke:#555;stroke-dasharray:5 4}.rows{opacity:.28}.mean{stroke-width:2}";
    copy.innerHTML = `<style>${rules}</style><rect width="100%" height="100%" fill="${style.getPropertyValue("--paper").trim()}"/>${text}<g transform="translate(0 ${head})">${copy.innerHTML}</g>`;
    copy.setAttribute("viewBox", `0 0 640 ${310 + head}`);
    [...copy.querySelectorAll("text")].slice(1, 1 + this.lines.length).forEach((t, i) => { t.textContent = this.lines[i].name; });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
    link.download = this.figure.querySelector(".name").textContent.replace(/[^\w]+/g, "-").toLowerCase() + ".svg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

const charts = [...document.querySelectorAll("svg.chart")].map((svg) => new Chart(svg));
let seen = [0, 1000];
function view(from, to) {
  const width = Math.min(Math.max(to - from, 10), 1000);
  from = Math.min(Math.max(from, 0), 1000 - width);
  seen = [from, from + width];
  for (const chart of charts) if (chart.shared) chart.look(...seen);
}
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => {
    const [from, to] = seen, width = to - from, middle = (from + to) / 2;
    ({
      in: () => view(middle - width / 4, middle + width / 4),
      out: () => view(middle - width, middle + width),
      left: () => view(from - width / 3, to - width / 3),
      right: () => view(from + width / 3, to + width / 3),
      all: () => view(0, 1000),
    })[button.dataset.zoom]();
  });
}
const smoothing = document.getElementById("smoothing");
if (smoothing) {
  smoothing.addEventListener("input", () => {
    document.getElementById("smoothing-told").textContent = +smoothing.value ? `over ${smoothing.value} % of the rows` : "none";
    for (const chart of charts) chart.smooth(+smoothing.value);
    view(...seen);
  });
}
for (const film of document.querySelectorAll(".film")) {
  const slider = film.querySelector(".moment"), image = film.querySelector(".frame");
  if (!slider) continue;
  const { frames, told: words } = JSON.parse(film.querySelector("script").textContent);
  const caption = image.closest("figure").querySelector("figcaption"), play = film.querySelector(".play");
  const show = () => {
    image.src = frames[+slider.value];
    caption.textContent = words[+slider.value];
    image.alt = `${image.dataset.made} ${words[+slider.value]}`;
    slider.setAttribute("aria-valuetext", words[+slider.value]);
  };
  slider.addEventListener("input", show);
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; play.setAttribute("aria-pressed", "false"); };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    play.textContent = "Stop"; play.setAttribute("aria-pressed", "true");
    show();
    timer = setInterval(() => {
      if (slider.value === slider.max) return stop();
      slider.value = +slider.value + 1;
      show();
    }, 350);
  });
}
const every = +document.documentElement.dataset.reload;
if (every) {
  const pause = document.getElementById("pause");
  const at = sessionStorage.getItem("visavis-scroll");
  if (at) scrollTo(0, +at);
  let timer = setInterval(again, every * 1000);
  function again() {
    sessionStorage.setItem("visavis-scroll", String(scrollY));
    location.reload();
  }
  pause.addEventListener("click", () => {
    const stopped = timer === null;
    if (stopped) timer = setInterval(again, every * 1000); else { clearInterval(timer); timer = null; }
    pause.setAttribute("aria-pressed", String(!stopped));
    pause.textContent = stopped ? "Stop following" : "Follow again";
  });
}
document.documentElement.dataset.ready = String(charts.length);
