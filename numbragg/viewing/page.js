"use strict";
// The page of `numbragg view --html`: pixels are unpacked once, and drawn through each panel's own axes.
const facts = JSON.parse(document.getElementById("facts").textContent);
const $ = name => document.getElementById(name);
const canvas = $("canvas"), paper = canvas.getContext("2d", {willReadFrequently: true});
const TYPES = {uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array,
               int32: Int32Array, float32: Float32Array, float64: Float64Array};
const masks = [];
const frames = [];
// what is seen: the place in the middle [mm to the right, above] and millimetres a dot
let middle = [0, 0], scale = 1, current = 0, pointed = null, waiting = false;
// the same where the whole image was last shown: a window of another size shows it whole again, until it is moved
let fitted = "";

function bytesOf(id) {
  // pieces of whole three bytes each, so that they can be decoded one by one
  const element = $(id), lines = element.textContent.trim().split("\n");
  element.remove();
  return new Blob(lines.map(line => Uint8Array.from(atob(line), c => c.charCodeAt(0))));
}

async function unpacked(id) {
  const stream = bytesOf(id).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function joined(bytes, size) {
  // all first bytes, then all second bytes: so they pack better
  const count = bytes.length / size, whole = new Uint8Array(bytes.length);
  for (let part = 0; part < size; part++)
    for (let i = 0, from = part * count, to = part; i < count; i++, to += size) whole[to] = bytes[from + i];
  return whole.buffer;
}

function why(number, mask, i) {
  // for what reason a pixel does not count, or nothing
  if ((mask !== null && mask[i] === 0) || number === facts.marked) return "masked";
  if (!Number.isFinite(number)) return "no finite number";
  return number < (facts.least ?? -Infinity) ? "masked" : "";
}

function halved(level, width, height) {
  // the largest of four, so that no spot is lost
  const w = (width + 1) >> 1, h = (height + 1) >> 1, made = new level.constructor(w * h).fill(-Infinity);
  for (let s = 0; s < height; s++)
    for (let f = 0, row = (s >> 1) * w; f < width; f++) {
      const value = level[s * width + f];
      if (value > made[row + (f >> 1)]) made[row + (f >> 1)] = value;
    }
  return [made, w, h];
}

// a frame is unpacked once, whoever asks first
const loading = [];
const loaded = number => loading[number] ??= read(number);

async function read(number) {
  const raw = joined(await unpacked("frame-" + number), TYPES[facts.type].BYTES_PER_ELEMENT);
  const values = new TYPES[facts.type](raw), panels = [];
  let start = 0;
  for (const [p, panel] of facts.panels.entries()) {
    const [width, height] = panel.pixels, own = values.subarray(start, start + width * height);
    const first = new (facts.type === "float64" ? Float64Array : Float32Array)(own.length);
    for (let i = 0; i < own.length; i++) first[i] = why(own[i], masks[p], i) ? -Infinity : own[i];
    const levels = [[first, width, height]];
    while (levels.length < 14 && Math.max(levels.at(-1)[1], levels.at(-1)[2]) > 1) levels.push(halved(...levels.at(-1)));
    panels.push({values: own, levels});
    start += own.length;
  }
  return frames[number] = panels;
}

// -- geometry: x is to the left for who looks along the beam

const seen = (panel, f, s) => [
  -(panel.origin[0] + f * panel.fast[0] + s * panel.slow[0]), panel.origin[1] + f * panel.fast[1] + s * panel.slow[1]];

function inverse(panel) {
  const a = -panel.fast[0], b = panel.fast[1], c = -panel.slow[0], d = panel.slow[1], size = a * d - b * c;
  const left = -panel.origin[0], up = panel.origin[1];
  return Math.abs(size) < 1e-12 ? null : (x, y) => [(d * (x - left) - c * (y - up)) / size,
                                                    (a * (y - up) - b * (x - left)) / size];
}
const inverses = facts.panels.map(inverse);
const corners = facts.panels.map(p => [[0, 0], [p.pixels[0], 0], p.pixels, [0, p.pixels[1]]].map(c => seen(p, ...c)));
const pitch = Math.min(...facts.panels.map(p => Math.min(Math.hypot(...p.fast), Math.hypot(...p.slow))));

function whole() {
  const all = corners.flat(), xs = all.map(c => c[0]), ys = all.map(c => c[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  middle = [(x0 + x1) / 2, (y0 + y1) / 2];
  scale = Math.max((x1 - x0) / canvas.width, (y1 - y0) / canvas.height, 1e-9) * 1.02;
  fitted = String([scale, ...middle]);
}
const toDots = (x, y) => [canvas.width / 2 + (x - middle[0]) / scale, canvas.height / 2 - (y - middle[1]) / scale];
const toPlace = (i, j) => [middle[0] + (i - canvas.width / 2) * scale, middle[1] - (j - canvas.height / 2) * scale];

function pixelAt(x, y) {
  for (let p = facts.panels.length - 1; p >= 0; p--) {
    if (!inverses[p]) continue;
    const [f, s] = inverses[p](x, y).map(Math.floor), [width, height] = facts.panels[p].pixels;
    if (f >= 0 && f < width && s >= 0 && s < height) return {panel: p, fast: f, slow: s};
  }
  return null;
}

function resolution(panel, f, s) {
  if (!facts.wavelength) return null;
  const at = [0, 1, 2].map(i => panel.origin[i] + f * panel.fast[i] + s * panel.slow[i]), length = Math.hypot(...at);
  const radius = at[0] ** 2 + at[1] ** 2, away = at[2] > 0 ? radius / (length + at[2]) : length - at[2];
  return facts.wavelength / Math.sqrt(2 * away / length);
}

function ringLines() {
  // a ring is a cone about the beam; each panel cuts it
  const steps = 1440;
  return (facts.rings || []).map(d => {
    const lines = [], theta = 2 * Math.asin(facts.wavelength / (2 * d));
    if (!(theta > 0)) return lines;
    for (const panel of facts.panels) {
      const [o, a, b] = [panel.origin, panel.fast, panel.slow];
      const n = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
      const far = o[0] * n[0] + o[1] * n[1] + o[2] * n[2], back = inverse(panel);
      if (!back) continue;
      let line = [];
      for (let k = 0; k <= steps; k++) {
        const turn = 2 * Math.PI * k / steps;
        const ray = [Math.sin(theta) * Math.cos(turn), Math.sin(theta) * Math.sin(turn), Math.cos(theta)];
        const t = far / (ray[0] * n[0] + ray[1] * n[1] + ray[2] * n[2]), place = [-t * ray[0], t * ray[1]];
        const [f, s] = back(...place);
        if (t > 0 && f >= 0 && s >= 0 && f <= panel.pixels[0] && s <= panel.pixels[1]) line.push(place);
        else if (line.length) { lines.push(line); line = []; }
      }
      if (line.length) lines.push(line);
    }
    return lines;
  });
}
const rings = ringLines();

// -- colours

const COLOURS = {
  // red, green and blue at equal steps, straight between them
  "inverse": [[255, 255, 255], [0, 0, 0]], "grey": [[0, 0, 0], [255, 255, 255]],
  "blue-yellow": [[30, 15, 80], [45, 75, 140], [30, 130, 140], [90, 185, 100], [250, 230, 40]]};

function table(name) {
  const stops = COLOURS[name], made = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = i / 255 * (stops.length - 1), k = Math.min(Math.floor(at), stops.length - 2);
    const [r, g, b] = [0, 1, 2].map(c => Math.round(stops[k][c] + (at - k) * (stops[k + 1][c] - stops[k][c])));
    made[i] = 0xff000000 | b << 16 | g << 8 | r;
  }
  return made;
}

function limits() {
  const low = Number($("low").value), high = Number($("high").value);
  return [low, high > low ? high : low + 1];
}

function shade() {
  // a number's place among 256 colours
  const [low, high] = limits(), span = high - low;
  if ($("scale").value === "log") return v => 255 * Math.log1p(Math.max(v - low, 0) * 1000 / span) / Math.log(1001);
  if ($("scale").value === "sqrt") return v => 255 * Math.sqrt(Math.max(v - low, 0) / span);
  return v => 255 * (v - low) / span;
}

const MASKED = 0xffe0a0a0 | 0, SATURATED = 0xff0080ff | 0;

function drawPanel(image, p, panels) {
  const back = inverses[p], marks = $("marks").checked;
  if (!back) return;
  const dots = corners[p].map(c => toDots(...c));
  const [left, right] = [Math.min(...dots.map(d => d[0])), Math.max(...dots.map(d => d[0]))];
  const [top, bottom] = [Math.min(...dots.map(d => d[1])), Math.max(...dots.map(d => d[1]))];
  const i0 = Math.max(0, Math.floor(left)), i1 = Math.min(canvas.width, Math.ceil(right));
  const j0 = Math.max(0, Math.floor(top)), j1 = Math.min(canvas.height, Math.ceil(bottom));
  if (i0 >= i1 || j0 >= j1) return;
  const size = Math.min(Math.hypot(...facts.panels[p].fast), Math.hypot(...facts.panels[p].slow));
  const step = Math.max(0, Math.min(Math.ceil(Math.log2(scale / size) - 1e-9), panels[p].levels.length - 1));
  const [values, width] = panels[p].levels[step], part = 2 ** step, [fasts, slows] = facts.panels[p].pixels;
  const colours = table($("colours").value), level = shade(), full = facts.saturation ?? Infinity;
  const out = new Uint32Array(image.data.buffer);
  const [f0, s0] = back(...toPlace(i0 + 0.5, j0 + 0.5)), [f1, s1] = back(...toPlace(i0 + 1.5, j0 + 0.5));
  const [f2, s2] = back(...toPlace(i0 + 0.5, j0 + 1.5));
  for (let j = j0; j < j1; j++) {
    let f = f0 + (f2 - f0) * (j - j0), s = s0 + (s2 - s0) * (j - j0);
    for (let i = i0; i < i1; i++, f += f1 - f0, s += s1 - s0) {
      if (f < 0 || s < 0 || f >= fasts || s >= slows) continue;
      const value = values[Math.floor(s / part) * width + Math.floor(f / part)];
      let colour;
      if (value === -Infinity) colour = marks ? MASKED : colours[0];
      else if (marks && value >= full) colour = SATURATED;
      else colour = colours[Math.floor(Math.max(0, Math.min(255, level(value))))];
      out[j * canvas.width + i] = colour;
    }
  }
}

function visibleSpots() {
  const turn = facts.frames[current].phi;
  return facts.spots.filter(spot => !turn || spot[6] === null || Math.abs(spot[6] - turn[0]) < 1e-9
                                    || (spot[6] >= turn[0] && spot[6] < turn[1]));
}

function drawOver() {
  paper.lineWidth = 1;
  if ($("outlines").checked) {
    paper.strokeStyle = "#b00";
    corners.forEach((own, p) => {
      paper.beginPath();
      own.forEach(c => paper.lineTo(...toDots(...c)));
      paper.closePath();
      paper.stroke();
      paper.fillStyle = "#b00";
      if (facts.panels.length > 1) paper.fillText(facts.panels[p].name, ...toDots(...own[0].map((v, i) =>
        0.5 * (v + own[2][i]))));
    });
  }
  if ($("rings").checked && facts.wavelength) {
    rings.forEach((lines, r) => {
      paper.strokeStyle = "#1f77b4";
      let best = null;
      for (const line of lines) {
        paper.beginPath();
        line.forEach((place, k) => {
          const [i, j] = toDots(...place);
          k ? paper.lineTo(i, j) : paper.moveTo(i, j);
          const share = (place[0] + place[1]) / Math.hypot(...place);
          if (i > 40 && j > 15 && i < canvas.width - 40 && j < canvas.height - 15 && !(best && best[0] > share))
            best = [share, i, j];
        });
        paper.stroke();
      }
      if (best) {
        paper.font = "13px sans-serif";
        paper.textAlign = "center";
        const text = facts.rings[r] + " \u212b", wide = paper.measureText(text).width;
        paper.fillStyle = "rgba(255, 255, 255, 0.8)";
        paper.fillRect(best[1] - wide / 2 - 2, best[2] - 9, wide + 4, 16);
        paper.fillStyle = "#1f77b4";
        paper.fillText(text, best[1], best[2] + 4);
      }
    });
    const [i, j] = toDots(0, 0);
    paper.strokeStyle = "#d62728";
    paper.beginPath();
    paper.moveTo(i - 7, j); paper.lineTo(i + 7, j); paper.moveTo(i, j - 7); paper.lineTo(i, j + 7);
    paper.stroke();
  }
  if ($("spots").checked) {
    paper.strokeStyle = "#2a9d3a";
    const radius = Math.max(5, 3 * pitch / scale);
    for (const [p, f, s] of visibleSpots()) {
      const [i, j] = toDots(...seen(facts.panels[p], f, s));
      if (i < -9 || j < -9 || i > canvas.width + 9 || j > canvas.height + 9) continue;
      paper.beginPath();
      paper.arc(i, j, radius, 0, 2 * Math.PI);
      paper.stroke();
    }
  }
}

async function draw() {
  const panels = await loaded(current);
  const image = paper.createImageData(canvas.width, canvas.height);
  facts.panels.forEach((_, p) => drawPanel(image, p, panels));
  paper.putImageData(image, 0, 0);
  drawOver();
  $("frame-name").textContent = facts.frames.length > 1 ? facts.frames[current].name : "";
  if (pointed) say(pointed);
}

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

// -- numbers

function shortest(value) {
  // fewest digits that are read back as the same float32
  if (facts.type !== "float32" || !Number.isFinite(value)) return String(value);
  for (let digits = 1; digits < 10; digits++) {
    const near = Number(value.toPrecision(digits));
    if (Math.fround(near) === value) return String(near);
  }
  return String(value);
}

function textOf(place) {
  if (!place) return "no pixel here";
  const {panel: p, fast, slow} = place, panel = facts.panels[p], value = frames[current][p].values[
    slow * panel.pixels[0] + fast];
  const words = [`fast ${fast}`, `slow ${slow}`];
  if (facts.panels.length > 1) words.push(`panel ${p}${panel.name ? ` (${panel.name})` : ""}`);
  words.push(`value ${shortest(value)}`);
  const reason = why(value, masks[p], slow * panel.pixels[0] + fast);
  if (reason) words.push(reason);
  else if (value >= (facts.saturation ?? Infinity)) words.push("saturated");
  const d = resolution(panel, fast + 0.5, slow + 0.5);
  if (d !== null) words.push(`d ${Number.isFinite(d) ? d.toPrecision(5) : "infinite"} \u212b`);
  let best = null;
  for (const spot of visibleSpots()) {
    if (spot[0] !== p) continue;
    const away = Math.hypot(spot[1] - fast - 0.5, spot[2] - slow - 0.5);
    if (!best || away < best[0]) best = [away, spot];
  }
  if (best) words.push(`nearest spot ${best[1].slice(3, 6).join(" ")}, ${best[0].toFixed(1)} pixels away`);
  return words.join("   ");
}

function say(place) {
  pointed = place;
  if (frames[current]) $("readout").textContent = textOf(place);
}

// -- what a user does

function dotOf(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
}

function zoom(factor, i = canvas.width / 2, j = canvas.height / 2) {
  const [x, y] = toPlace(i, j);
  scale = Math.max(pitch / 200, Math.min(scale * factor, pitch * 1e5));
  middle = [x - (i - canvas.width / 2) * scale, y + (j - canvas.height / 2) * scale];
  redraw();
}

function fit(keep) {
  const box = $("view").getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(box.width));
  canvas.height = Math.max(1, Math.round(box.height));
  if (!keep) whole();
  redraw();
}

async function show(number) {
  current = Math.max(0, Math.min(number, facts.frames.length - 1));
  $("frame").value = current;
  $("frame").setAttribute("aria-valuetext", facts.frames[current].name);
  redraw();
}

function listen() {
  let from = null;
  canvas.addEventListener("pointerdown", e => { from = dotOf(e); canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointerup", () => { from = null; });
  canvas.addEventListener("pointermove", e => {
    const at = dotOf(e);
    if (from) {
      middle = [middle[0] - (at[0] - from[0]) * scale, middle[1] + (at[1] - from[1]) * scale];
      from = at;
      redraw();
    }
    say(pixelAt(...toPlace(...at)));
  });
  canvas.addEventListener("wheel", e => { e.preventDefault(); zoom(e.deltaY > 0 ? 1.25 : 0.8, ...dotOf(e)); },
                          {passive: false});
  canvas.addEventListener("dblclick", () => { whole(); redraw(); });
  $("reset").addEventListener("click", () => { whole(); redraw(); });
  const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
  canvas.addEventListener("keydown", e => {
    if (moves[e.key]) middle = middle.map((v, i) => v + 60 * scale * moves[e.key][i]);
    else if (e.key === "+" || e.key === "=") zoom(0.8);
    else if (e.key === "-") zoom(1.25);
    else if (e.key === "0") whole();
    else if (e.key === "PageUp" || e.key === "PageDown") show(current + (e.key === "PageUp" ? -1 : 1));
    else return;
    e.preventDefault();
    redraw();
  });
  for (const name of ["low", "high", "scale", "colours", "rings", "spots", "outlines", "marks"])
    $(name).addEventListener("change", redraw);
  $("contrast").addEventListener("input", () => {
    // the whole slider is six powers of ten
    const [low, high] = facts.contrast;
    $("high").value = String(Number((low + (high - low) * 10 ** ((Number($("contrast").value) - 1000) * 6 / 1000)).toPrecision(6)));
    redraw();
  });
  $("frame").addEventListener("input", () => show(Number($("frame").value)));
  window.addEventListener("resize", () => fit(String([scale, ...middle]) !== fitted));
  window.addEventListener("hashchange", follow);
}

async function follow() {
  // #panel=0&fast=10&slow=12&frame=1: a pixel's numbers, by an address
  const asked = new URLSearchParams(location.hash.slice(1)), number = name => Number(asked.get(name) ?? 0);
  for (const name of ["low", "high", "scale", "colours"]) if (asked.has(name)) $(name).value = asked.get(name);
  for (const name of ["rings", "spots", "outlines", "marks"])
    if (asked.has(name)) $(name).checked = asked.get(name) === "1";
  if (asked.has("frame")) await show(number("frame"));
  await loaded(current);
  if (asked.has("fast")) {
    const place = {panel: number("panel"), fast: number("fast"), slow: number("slow")}, panel = facts.panels[place.panel];
    const inside = panel && place.fast >= 0 && place.slow >= 0 && place.fast < panel.pixels[0]
      && place.slow < panel.pixels[1] && Number.isInteger(place.fast) && Number.isInteger(place.slow);
    if (asked.has("zoom") && inside) {
      middle = seen(panel, place.fast + 0.5, place.slow + 0.5);
      scale = pitch / Math.max(number("zoom"), 0.001);
    }
    say(inside ? place : null);
  }
  await draw();
}

async function begin() {
  for (let p = 0; p < facts.panels.length; p++) masks.push(facts.panels[p].masked ? await unpacked("mask-" + p) : null);
  $("frame").max = facts.frames.length - 1;
  $("frame").parentElement.hidden = facts.frames.length < 2;
  [$("low").value, $("high").value] = facts.contrast.map(v => String(Number(v.toPrecision(6))));
  $("scale").value = facts.scale;
  $("rings").parentElement.hidden = !facts.wavelength;
  $("spots").parentElement.hidden = !facts.spots.length;
  $("notes").textContent = facts.notes.join("; ");
  listen();
  fit(false);
  await loaded(0);
  $("readout").textContent = "point at a pixel for its number; the wheel zooms, a drag moves, a double click shows all";
  await follow();
  document.body.dataset.ready = "1";
}

begin().catch(error => {
  $("readout").textContent = "this page cannot be shown: " + error.message;
  document.body.dataset.failed = "1";
});
