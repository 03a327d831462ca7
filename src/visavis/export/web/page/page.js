// The page: what a visitor can do with the model, one section an ability.

const $ = (id) => document.getElementById(id);
const GRID = 16;
const SHOWN = 8;

// Run `work` for the newest request only: while one runs, later ones replace each other.
function newest(work) {
  let busy = false;
  let again = null;
  return async function ask(...given) {
    if (busy) return void (again = given);
    busy = true;
    try {
      await work(...given);
    } catch (error) {
      wrong(error);
    } finally {
      busy = false;
      if (again) {
        const next = again;
        again = null;
        ask(...next);
      }
    }
  };
}

function wrong(error) {
  $("status").textContent = `This did not work: ${error.message || error}`;
  $("status").classList.add("wrong");
}

function describe(canvas, text) {
  canvas.setAttribute("aria-label", text);
}

// Fill a select with the classes; hide it where the model knows none.
function offer(select, role, all = "all in turn") {
  const known = part(role) && conditional(role);
  select.closest(".of-classes").hidden = !known;
  if (!known) return;
  if (all) select.append(new Option(all, ""));
  config.classes.forEach((name, i) => select.append(new Option(name, i)));
}

// Pictures chosen by, or dropped on, a label with a file input (or another element that stands for it).
function chosen(input, use, ...places) {
  const take = (file) => file && Promise.resolve(use(file)).catch(() => wrong(new Error(`'${file.name}' is no picture that this browser reads; give a PNG, JPEG or WebP`)));
  input.addEventListener("change", () => { take(input.files[0]); input.value = ""; });
  for (const at of [input.closest("label"), ...places]) {
    at.addEventListener("dragover", (event) => { event.preventDefault(); at.classList.add("over"); });
    at.addEventListener("dragleave", () => at.classList.remove("over"));
    at.addEventListener("drop", (event) => { event.preventDefault(); at.classList.remove("over"); take(event.dataTransfer.files[0]); });
  }
}

// Sliders for the latents `which` of z; `moved(latent, value)` when one is.
function sliders(box, which, z, moved) {
  box.replaceChildren(...which.map((latent) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "range", min: -3, max: 3, step: 0.05, value: z[latent] });
    const shown = document.createElement("output");
    const tell = () => (shown.textContent = Number(input.value).toFixed(2));
    input.setAttribute("aria-label", `latent ${latent}`);
    input.addEventListener("input", () => { tell(); moved(latent, Number(input.value)); });
    label.append(`z${latent}`, input, shown);
    tell();
    return label;
  }));
}

function samplePage() {
  const zDim = part("generator").about.z_dim;
  const canvases = [];
  let seed = 0, picked = 0, z = null, end = null, count = Math.min(SHOWN, zDim), timer = 0, legs = 0;
  offer($("label"), "generator");
  const classOf = () => ($("label").value === "" && conditional("generator") ? picked % config.classes.length : $("label").value);
  const nameOf = (i) => {
    if (!conditional("generator")) return "";
    return `, class ${config.classes[$("label").value === "" ? i % config.classes.length : $("label").value]}`;
  };
  const draw = newest(async (row, note) => {
    show($("chosen"), await make([row], classOf()));
    describe($("chosen"), `Picture ${picked} of seed ${seed}${nameOf(picked)}${note}`);
  });
  const film = () => Number($("film").value);
  const current = () => (film() === 0 ? z : slerp(z, end, film()));
  const put = () => {
    sliders($("sliders"), Array.from({ length: count }, (_, i) => i), z, (latent, value) => {
      z[latent] = value;
      draw(current(), ", with latents moved");
    });
    $("more").hidden = count >= zDim;
  };
  const begin = () => {
    z = latents(seed, picked, zDim);
    end = latents(seed + 1 + legs, picked, zDim);
    $("film").value = 0;
    put();
    draw(z, "");
  };
  const pick = (i) => {
    picked = i;
    legs = 0;
    canvases.forEach((canvas, j) => canvas.parentElement.setAttribute("aria-pressed", String(i === j)));
    begin();
  };
  const sheet = newest(async () => {
    const made = await make(Array.from({ length: GRID }, (_, i) => latents(seed, i, zDim)), $("label").value);
    canvases.forEach((canvas, i) => {
      show(canvas, made, i);
      canvas.parentElement.setAttribute("aria-label", `Picture ${i} of seed ${seed}${nameOf(i)}`);
    });
    document.body.dataset.seed = seed;
  });
  for (let i = 0; i < GRID; i++) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    canvases.push(button.appendChild(document.createElement("canvas")));
    button.addEventListener("click", () => pick(i));
    $("grid").append(button);
  }
  const change = (given) => {
    if (!Number.isSafeInteger(given) || given < 0) return;
    seed = given;
    $("seed").value = seed;
    sheet();
    pick(picked);
  };
  $("seed").addEventListener("input", () => $("seed").value !== "" && change(Number($("seed").value)));
  $("seed").closest("form").addEventListener("submit", (event) => event.preventDefault());
  $("another").addEventListener("click", () => change(Math.floor(Math.random() * 2 ** 31)));
  $("label").addEventListener("change", () => { sheet(); pick(picked); });
  $("more").addEventListener("click", () => { count = Math.min(zDim, count + SHOWN); put(); });
  $("reset").addEventListener("click", begin);
  $("film").addEventListener("input", () => draw(current(), `, ${Math.round(100 * film())} % of the way to the next`));
  $("save").addEventListener("click", () => $("chosen").toBlob((blob) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${config.name}-seed${seed}-${picked}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }));
  const playing = (on) => { clearInterval(timer); timer = 0; $("play").setAttribute("aria-pressed", String(on)); $("play").textContent = on ? "Stop" : "Play"; };
  $("play").addEventListener("click", () => {
    if (timer) return playing(false);
    playing(true);
    timer = setInterval(() => {
      const t = film() + 0.02;
      if (t <= 1) $("film").value = t;
      else { legs += 1; z = end; end = latents(seed + 1 + legs, picked, zDim); $("film").value = 0; put(); }
      draw(current(), ", in a film");
    }, 60);
  });
  change(0);
}

function comparePage() {
  const margin = part("critic").about.kind === "margin";
  const zDim = part("generator").about.z_dim;
  let both = [null, null], agreed = 0, asked = 0, voted = false;
  offer($("compare-label"), "critic", null);
  if (!margin) {
    $("question").textContent = "How alike are the two, in the critic's eyes?";
    $("vote-second").hidden = true;
    $("vote-first").textContent = "Ask the critic";
  }
  const two = newest(async () => {
    const rows = [0, 1].map(() => latents(Math.floor(Math.random() * 2 ** 31), 0, zDim));
    const label = conditional("generator") ? ($("compare-label").value || Math.floor(Math.random() * config.classes.length)) : "";
    const made = await make(rows, label);
    both = [0, 1].map((i) => made.slice(i * made.length / 2, (i + 1) * made.length / 2));
    ["first", "second"].forEach((id, i) => { show($(id), both[i]); describe($(id), `A picture that the model made, ${i ? "right" : "left"}`); });
    $("verdict").textContent = "";
    voted = false;
  });
  const score = async () => {
    const inputs = { a: both[0], b: both[1] };
    if (conditional("critic")) inputs.label = labels(1, $("compare-label").value || 0);
    return (await run("critic", inputs, 1)).score.data[0];
  };
  const vote = newest(async (left) => {
    const value = await score();
    if (!margin) return void ($("verdict").textContent = `Similarity ${value.toFixed(3)}: higher is more alike; only comparable within this model.`);
    if (!voted) { asked += 1; agreed += Number(left === value > 0); voted = true; }
    const side = value > 0 ? "left" : "right";
    $("verdict").textContent = `The critic prefers the ${side} one, by ${Math.abs(value).toFixed(3)}. You agreed ${agreed} of ${asked} times.`;
  });
  $("vote-first").addEventListener("click", () => vote(true));
  $("vote-second").addEventListener("click", () => vote(false));
  $("two-more").addEventListener("click", () => two());
  $("compare-label").addEventListener("change", () => two());
  ["first", "second"].forEach((id, i) => chosen($(`own-${id}`), async (file) => {
    await place(file, $(id));
    both[i] = pixels($(id));
    show($(id), both[i]);
    describe($(id), `Your own picture, ${i ? "right" : "left"}`);
    $("verdict").textContent = "";
    voted = false;
  }, $(id)));
  two();
}

function reconstructPage() {
  const zDim = part("generator").about.z_dim;
  let a = null, b = null, z = null;
  offer($("reconstruct-label"), "generator", null);
  const draw = newest(async () => {
    if (!z) return;
    const t = Number($("walk").value);
    const row = b && t > 0 ? slerp(z, b, t) : z;
    show($("again"), await make([row], $("reconstruct-label").value || (conditional("generator") ? 0 : "")));
    describe($("again"), "What the decoder makes of the latents");
  });
  const encode = async () => {
    const found = await run("encoder", { images: pixels($("original")) }, 1);
    return [found.mean.data, found.log_variance.data];
  };
  const tell = (mean, spread) => {
    const kl = Array.from(mean, (m, i) => 0.5 * (m * m + Math.exp(spread[i]) - 1 - spread[i]));
    const which = Array.from(kl.keys()).sort((i, j) => kl[j] - kl[i]).slice(0, SHOWN);
    sliders($("telling"), which, z, (latent, value) => { z[latent] = value; draw(); });
  };
  const first = async (put) => {
    await put();
    show($("original"), pixels($("original")));
    describe($("original"), "The picture, as the encoder sees it");
    const [mean, spread] = await encode();
    z = Float32Array.from(mean);
    a = mean;
    $("walk").value = 0;
    tell(mean, spread);
    draw();
  };
  const second = async (file) => {
    const kept = pixels($("original"));
    await place(file, $("original"));
    [b] = await encode();
    show($("original"), kept);
    $("walk").value = 1;
    draw();
  };
  chosen($("own-a"), (file) => first(() => place(file, $("original"))), $("original"));
  chosen($("own-b"), second);
  $("walk").addEventListener("input", () => draw());
  $("reconstruct-label").addEventListener("change", () => draw());
  first(async () => show($("original"), await make([latents(0, 0, zDim)], conditional("generator") ? 0 : ""))).then(async () => { b = latents(1, 0, zDim); }).catch(wrong);
}

function translatePage() {
  const ways = config.parts.filter(({ role }) => role.startsWith("translator"));
  const { resolution: side, scale } = ways[0].about;
  const paper = $("paper");
  let way = ways[0].role, down = false, last = null;
  paper.width = paper.height = side;
  const pen = paper.getContext("2d", { willReadFrequently: true });
  const draw = newest(async () => {
    const found = await run(way, { images: pixels(paper) }, 1, [side, side]);
    show($("translated"), found.translated.data, 0, side * scale);
    describe($("translated"), "What the network makes of your drawing");
  });
  const clear = (paint) => {
    pen.fillStyle = paint;
    pen.fillRect(0, 0, side, side);
    $("colour").value = paint === "#000000" ? "#ffffff" : "#000000";
    describe(paper, "Your drawing: empty paper");
    draw();
  };
  const line = (x, y) => {
    pen.strokeStyle = $("colour").value;
    pen.lineWidth = Math.max(1, (Number($("pen").value) * side) / 64);
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...(last || [x, y]));
    pen.lineTo(x + 0.01, y);
    pen.stroke();
    last = [x, y];
    describe(paper, "Your drawing");
    draw();
  };
  const at = (event) => {
    const box = paper.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  };
  paper.addEventListener("pointerdown", (event) => { down = true; last = null; paper.setPointerCapture(event.pointerId); line(...at(event)); });
  paper.addEventListener("pointermove", (event) => down && line(...at(event)));
  for (const name of ["pointerup", "pointercancel"]) paper.addEventListener(name, () => { down = false; last = null; });
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  let spot = [side / 2, side / 2], lowered = false;
  paper.addEventListener("keydown", (event) => {
    if (event.key === "Delete") clear("#ffffff");
    else if (event.key === " ") { lowered = !lowered; last = null; if (lowered) line(...spot); }
    else if (keys[event.key]) {
      const step = (event.shiftKey ? 8 : 2) * (side / 64);
      spot = spot.map((value, i) => Math.min(side - 1, Math.max(0, value + step * keys[event.key][i])));
      if (lowered) line(...spot);
    } else return;
    event.preventDefault();
  });
  if (ways.length > 1) {
    $("directions").hidden = false;
    ways.forEach(({ role }, i) => $("direction").append(new Option(i ? "b to a" : "a to b", role)));
    $("direction").addEventListener("change", () => { way = $("direction").value; draw(); });
  }
  $("black").addEventListener("click", () => clear("#000000"));
  $("white").addEventListener("click", () => clear("#ffffff"));
  chosen($("own-input"), async (file) => { await place(file, paper, side); paper.classList.remove("smooth"); describe(paper, "The picture that you gave"); draw(); }, paper);
  clear(config.paper);
}

// Curves of a running training as SVG: rows of {images, name: value}.
function curves(rows) {
  const names = rows.names, colours = ["#0b7285", "#d9480f", "#7048e8", "#2b8a3e"];
  const [width, height, pad] = [640, 260, 44];
  const values = names.flatMap((_, i) => rows.values.map((row) => row[i + 1])).filter(Number.isFinite);
  if (!values.length) return;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (images) => pad + (images / rows.values.at(-1)[0]) * (width - pad - 12);
  const y = (value) => height - 28 - ((value - low) / (high - low || 1)) * (height - 52);
  const points = (i) => rows.values.filter((row) => Number.isFinite(row[i + 1])).map((row) => `${x(row[0]).toFixed(1)},${y(row[i + 1]).toFixed(1)}`);
  const line = (i) => (points(i).length === 1 ? [...points(i), ...points(i)] : points(i)).join(" ");  // one point is a dot
  const text = (left, top, words, extra = "") => `<text x="${left}" y="${top}" ${extra}>${words}</text>`;
  const clean = (word) => word.replace(/[<&>"]/g, "");
  $("training-curves").innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Losses against images seen: ${clean(names.join(", "))}">` +
    names.map((name, i) => `<polyline fill="none" stroke="${colours[i % 4]}" stroke-width="2" stroke-linecap="round" stroke-dasharray="${["", "6 3", "2 3", "8 2 2 2"][i % 4]}" points="${line(i)}"/>` + text(pad + 8 + i * 130, 16, clean(name), `style="fill:${colours[i % 4]}"`)).join("") +
    text(4, y(high) + 4, high.toPrecision(3)) + text(4, y(low) + 4, low.toPrecision(3)) +
    text(width - 12, height - 8, `${rows.values.at(-1)[0].toLocaleString("en")} images`, 'text-anchor="end"') + "</svg>";
}

// Of a page that `visavis demo` serves: how its run is getting on, asked for every few seconds.
async function training() {
  let shown = "";
  const look = async () => {
    const answer = await fetch("training.json", { cache: "no-store" }).catch(() => null);
    if (!answer || !answer.ok) return false;
    const told = await answer.json();
    $("training-line").textContent = told.line;
    if (told.samples && told.samples !== shown) {
      shown = told.samples;
      $("training-samples").src = `training.png?${shown}`;
      $("training-samples").hidden = false;
    }
    if (told.curves) curves(told.curves);
    $("newer").hidden = !told.digest || told.digest === config.digest;
    setTimeout(look, told.running ? 2000 : 10000);
    return true;
  };
  $("newer").querySelector("button").addEventListener("click", () => location.reload());
  return location.protocol.startsWith("http") && config.live ? look() : false;
}

const PAGES = { sample: samplePage, compare: comparePage, reconstruct: reconstructPage, translate: translatePage };

function tabs(names) {
  const buttons = names.map((name) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: $(name).dataset.tab, id: `tab-${name}` });
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", name);
    $(name).setAttribute("role", "tabpanel");
    $(name).setAttribute("aria-labelledby", button.id);
    button.addEventListener("click", () => go(name));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { const next = names[(names.indexOf(name) + step + names.length) % names.length]; go(next); $(`tab-${next}`).focus(); }
    });
    return button;
  });
  const go = (name) => {
    names.forEach((each) => {
      $(each).hidden = each !== name;
      $(`tab-${each}`).setAttribute("aria-selected", String(each === name));
      $(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    });
  };
  $("tabs").append(...buttons);
  if (names.length) go(names[0]);
}

async function start() {
  $("about").textContent = config.line;
  $("record").textContent = JSON.stringify(config.record, null, 1);
  const live = await training();
  const able = config.parts.length ? config.abilities.filter((name) => name in PAGES) : [];
  try {
    if (able.length) {
      const began = performance.now();
      const off = await load();
      able.forEach((name) => PAGES[name]());
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      $("status").textContent = `Ready after ${seconds} s, by ${provider}. The same as PyTorch to ${off} grey level${off === 1 ? "" : "s"} of 255.`;
      document.body.dataset.off = off;
    } else {
      $("status").textContent = live ? "No snapshot yet; this page shows the training." : "This page holds no model.";
    }
    tabs([...(live ? ["train"] : []), ...able]);
    document.body.dataset.ready = "true";
  } catch (error) {
    wrong(error);
    if (live) tabs(["train"]);
    document.body.dataset.ready = "false";
  }
}

start();
