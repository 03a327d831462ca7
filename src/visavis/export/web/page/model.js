// The model: assets, the runtime, and every network as a function from typed arrays to typed arrays.

const config = JSON.parse(document.getElementById("config").textContent);
const { channels, resolution } = config;
const part = (role) => config.parts.find((each) => each.role === role);

// A file of this page: inside it (base64) or beside it; gzipped, unless a server unpacked it on the way.
async function asset(name) {
  const inside = document.getElementById(`asset:${name}`);
  let bytes;
  if (inside) {
    bytes = Uint8Array.from(atob(inside.textContent.trim()), (letter) => letter.charCodeAt(0));
    inside.remove();
  } else {
    const answer = await fetch(`assets/${name}.gz?${config.digest}`);
    if (!answer.ok) throw new Error(`assets/${name}.gz: ${answer.status}`);
    bytes = new Uint8Array(await answer.arrayBuffer());
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

const networks = {};
let ort = null;
let provider = "";

async function open(providers, files) {
  for (const { role } of config.parts) {
    const session = await ort.InferenceSession.create(files[role], { executionProviders: providers });
    networks[role] = session;
  }
}

// Load the runtime and the networks: on the GPU where there is one and it agrees with PyTorch, else by wasm.
async function load() {
  const [code, wasm] = await Promise.all([asset("ort.mjs"), asset("ort.wasm")]);
  ort = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.logLevel = "error";
  const files = {};
  for (const { role } of config.parts) files[role] = await asset(`${role}.onnx`);
  const gpu = navigator.gpu && (await navigator.gpu.requestAdapter().catch(() => null));
  for (const name of gpu ? ["webgpu", "wasm"] : ["wasm"]) {
    try {
      await open([name], files);
      provider = name;
      const off = await proof();
      if (off <= 2 || name === "wasm") return off;
    } catch (error) {
      if (name === "wasm") throw error;
    }
  }
  throw new Error("no way to run the model here");
}

// One run of a network: {name: Float32Array | BigInt64Array} of n rows -> its outputs by name.  One at a time.
let turn = Promise.resolve();
function run(role, inputs, n, sides = [resolution, resolution]) {
  const { about } = part(role);
  const tensors = {};
  for (const [name, data] of Object.entries(inputs)) {
    if (name === "label") tensors[name] = new ort.Tensor("int64", data, [n]);
    else if (name === "z") tensors[name] = new ort.Tensor("float32", data, [n, about.z_dim]);
    else tensors[name] = new ort.Tensor("float32", data, [n, channels, ...sides]);
  }
  const mine = turn.then(() => networks[role].run(tensors));
  turn = mine.catch(() => null);
  return mine;
}

// Class indices for n pictures: the one chosen, or all classes in turn.
function labels(n, chosen, first = 0) {
  const count = config.classes.length;
  return BigInt64Array.from({ length: n }, (_, i) => BigInt(chosen === "" ? (first + i) % count : chosen));
}

const conditional = (role) => part(role).inputs.includes("label");

// Rows of latents (and a class, or "" for all in turn) -> images [n, C, R, R] in [-1, 1], one after the other.
async function make(rows, chosen = "", first = 0) {
  const zDim = part("generator").about.z_dim;
  const z = new Float32Array(rows.length * zDim);
  rows.forEach((row, i) => z.set(row, i * zDim));
  const inputs = conditional("generator") ? { z, label: labels(rows.length, chosen, first) } : { z };
  return (await run("generator", inputs, rows.length)).images.data;
}

const grey = (value) => Math.min(255, Math.max(0, Math.round((value + 1) * 127.5)));

// The largest difference, in grey levels, from what PyTorch made of the same inputs when this page was written.
async function proof() {
  const role = config.parts.length ? config.parts[0].role : null;
  if (!role) return 0;
  const stored = Uint8Array.from(atob(config.proof), (letter) => letter.charCodeAt(0));
  let found;
  if (role === "generator") {
    const zDim = part(role).about.z_dim;
    const count = stored.length / (channels * resolution * resolution);
    found = await make(Array.from({ length: count }, (_, i) => latents(0, i, zDim)));
  } else {
    const side = part(role).about.resolution;
    const ramp = Float32Array.from({ length: channels * side * side }, (_, i) => ((i * 37) % 256) / 127.5 - 1);
    found = (await run(role, { images: ramp }, 1, [side, side])).translated.data;
  }
  let off = 0;
  stored.forEach((level, i) => (off = Math.max(off, Math.abs(level - grey(found[i])))));
  return off;
}

// Show image i of a batch [n, C, H, W] on a canvas.
function show(canvas, data, i = 0, side = resolution) {
  canvas.width = canvas.height = side;
  canvas.classList.toggle("smooth", side > 96);
  const picture = new ImageData(side, side);
  const plane = side * side;
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < 3; c++) {
      picture.data[4 * p + c] = grey(data[(i * channels + Math.min(c, channels - 1)) * plane + p]);
    }
    picture.data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

// What stands on a canvas as the networks take it: [1, C, H, W] in [-1, 1]; grey by luminance.
function pixels(canvas) {
  const { width, height } = canvas;
  const rgba = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const plane = width * height;
  const x = new Float32Array(channels * plane);
  for (let p = 0; p < plane; p++) {
    const [r, g, b] = [rgba[4 * p], rgba[4 * p + 1], rgba[4 * p + 2]];
    if (channels === 1) x[p] = Math.round((299 * r + 587 * g + 114 * b) / 1000) / 127.5 - 1;
    else [r, g, b].forEach((value, c) => (x[c * plane + p] = value / 127.5 - 1));
  }
  return x;
}

// A picture file onto a canvas: its centre square, resized, over white.
async function place(file, canvas, side = resolution) {
  const picture = await createImageBitmap(file);
  const short = Math.min(picture.width, picture.height);
  canvas.width = canvas.height = side;
  canvas.classList.toggle("smooth", side > 96);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, side, side);
  pen.imageSmoothingQuality = "high";
  const [left, top] = [(picture.width - short) / 2, (picture.height - short) / 2];
  pen.drawImage(picture, left, top, short, short, 0, 0, side, side);
  picture.close();
}
