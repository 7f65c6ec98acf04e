"""Pages of `numbragg view` in a real browser, without a window: what a user sees and does."""

import base64
import hashlib
import html
import json
from pathlib import Path
import re
import subprocess

import browser_part
import numpy as np
import pytest
import view_tools

from numbragg.commands.cli import main

pytestmark = pytest.mark.browser

#: Runs in the page behind its own script: does what a user does, and says what came of it.
PROBE = """
"use strict";
const said = {errors: [], forbidden: []};
addEventListener("error", e => said.errors.push(String(e.message)));
addEventListener("unhandledrejection", e => said.errors.push(String(e.reason)));
addEventListener("securitypolicyviolation", e => said.forbidden.push(e.blockedURI));
const picture = async () => { await draw(); return paper.getImageData(0, 0, canvas.width, canvas.height).data; };
const differ = (a, b) => { let n = 0; for (let i = 0; i < a.length; i += 4)
  if (a[i] !== b[i] || a[i + 1] !== b[i + 1] || a[i + 2] !== b[i + 2]) n++; return n; };
const pressed = key => canvas.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const changed = async (name, set) => { const before = await picture(); set($(name));
  $(name).dispatchEvent(new Event("change")); return differ(before, await picture()); };
const readout = () => $("readout").textContent;
async function probe() {
  for (let n = 0; n < 200 && !document.body.dataset.ready && !document.body.dataset.failed; n++)
    await new Promise(done => setTimeout(done, 20));
  said.ready = document.body.dataset.ready === "1";
  await STEPS();
  said.network = performance.getEntriesByType("resource").map(entry => entry.name);
}
probe().catch(error => said.errors.push(String(error))).finally(() => {
  const place = document.createElement("pre");
  place.id = "probe";
  place.textContent = JSON.stringify(said);
  document.body.append(place);
});
"""


def probed(page, steps, address="", name="page.html"):
    """What a page says after steps, JavaScript that fills `said`; nothing in it may have failed."""
    script = PROBE.replace("STEPS()", f"(async () => {{{steps}}})()")
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = Path(page).read_text(encoding="utf-8")
    text = text.replace("script-src '", f"script-src 'sha256-{hashed}' '", 1)
    Path(name).write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    done = subprocess.run(
        [browser_part.program(), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
         "--user-data-dir=" + str(Path("profile").resolve()), "--window-size=900,800", "--virtual-time-budget=15000",
         "--dump-dom", Path(name).resolve().as_uri() + address], capture_output=True, text=True, timeout=60)
    found = re.search('<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    said = json.loads(html.unescape(found[1]))
    assert said["ready"] and said["errors"] == said["forbidden"] == said["network"] == [], said
    assert "CONSOLE" not in done.stderr, done.stderr
    return said


def test_a_series(folder):
    pixels = view_tools.series("s.nxs")
    # what JavaScript must read back: the largest numbers too
    assert main(["view", "s.nxs", "--frames", "0:3", "--html", "s.html"]) == 0
    places = [(3, 4), (17, 110), (199, 219), tuple(map(int, np.unravel_index(pixels[1].argmax(), pixels[1].shape)))]
    said = probed("s.html", f"""
        said.texts = [];
        for (const frame of [0, 1, 2]) {{
          await show(frame);
          await loaded(frame);
          for (const [slow, fast] of {json.dumps(places)}) {{
            const [i, j] = toDots(...seen(facts.panels[0], fast + 0.5, slow + 0.5));
            const box = canvas.getBoundingClientRect();
            canvas.dispatchEvent(new PointerEvent("pointermove", {{clientX: box.left + i, clientY: box.top + j}}));
            said.texts.push(readout());
          }}
        }}
        await show(0);
        const first = await picture();
        $("frame").value = 1;
        $("frame").dispatchEvent(new Event("input"));
        said.frame = differ(first, await picture());
        said.name = $("frame-name").textContent;
        pressed("PageUp");
        said.back = differ(first, await picture());
        said.rings = await changed("rings", e => {{ e.checked = false; }});
        said.spots = await changed("spots", e => {{ e.checked = false; }});
        said.outlines = await changed("outlines", e => {{ e.checked = true; }});
        said.high = await changed("high", e => {{ e.value = "3"; }});
        said.colours = await changed("colours", e => {{ e.value = "blue-yellow"; }});
        said.scale = await changed("scale", e => {{ e.value = "log"; }});
        const whole = [scale, ...middle];
        canvas.dispatchEvent(new WheelEvent("wheel", {{deltaY: -1, clientX: 300, clientY: 300, cancelable: true}}));
        said.zoomed = scale / whole[0];
        pressed("ArrowLeft");
        said.moved = middle[0] < whole[1] + 0.5;
        canvas.dispatchEvent(new MouseEvent("dblclick"));
        said.reset = [scale, ...middle].every((v, n) => v === whole[n]);
        // half the height: the whole image is shown in it, and what was moved stays
        const sized = height => {{ $("view").style.maxHeight = height; dispatchEvent(new Event("resize")); }};
        const tall = canvas.height;
        sized(`${{tall / 2}}px`);
        said.smaller = [canvas.height / tall, scale / whole[0]];
        pressed("ArrowLeft");
        sized("none");
        said.kept = [canvas.height / tall, scale / whole[0]];
        """)
    wanted = [pixels[(frame, *place)] for frame in range(3) for place in places]
    for text, value, (slow, fast) in zip(said["texts"], wanted, places * 3):
        assert text.startswith(f"fast {fast}   slow {slow}   value {value}   d "), text
        assert re.search(r"nearest spot -?\d+ -?\d+ -?\d+, [\d.]+ pixels away", text)
    # by the geometry, not by the page
    x, y = ((v + 0.5 - n / 2) * 0.1 for v, n in zip((4, 3), (220, 200)))
    d = 1.0 / (2.0 * np.sin(0.5 * np.arctan2(np.hypot(x, y), 100.0)))
    assert float(re.search(r"d ([\d.]+)", said["texts"][0])[1]) == pytest.approx(d, rel=0.02)
    assert said["frame"] > 100 and said["name"] == "frame 1" and said["back"] == 0
    assert min(said[name] for name in ("rings", "spots", "outlines", "high", "colours")) > 50
    assert said["smaller"] == pytest.approx([0.5, 2.0], rel=0.01)
    assert said["kept"] == pytest.approx([1.0, said["smaller"][1]])
    assert said["zoomed"] == pytest.approx(0.8) and said["reset"] and said["moved"]


def test_panels_masks_and_floats(folder):
    pixels = view_tools.stack()
    assert main(["view", "stack.npy", "--geometry", "two.geom", "--html", "a.html"]) == 0
    said = probed("a.html", """
        said.first = readout();
        said.texts = [];
        for (const [panel, fast, slow] of [[0, 19, 9], [1, 0, 0], [1, 3, 2]]) {
          // the middle of a pixel on the canvas, where the panel is turned
          const place = seen(facts.panels[panel], fast + 0.5, slow + 0.5);
          say(pixelAt(...place));
          said.texts.push(readout());
        }
        const data = await picture(), [i, j] = toDots(...seen(facts.panels[1], 3.5, 2.5)).map(Math.floor);
        said.masked = [...data.slice(4 * (j * canvas.width + i), 4 * (j * canvas.width + i) + 3)];
        const [k, l] = toDots(0, 0).map(Math.floor);
        said.gap = data[4 * ((l + 12) * canvas.width + k) + 3];
        """, "#panel=1&fast=7&slow=4&rings=0")
    assert said["first"].startswith(f"fast 7   slow 4   panel 1 (b)   value {pixels[16, 7]!s}   d "), said["first"]
    for text, (panel, fast, slow, row) in zip(said["texts"], [(0, 19, 9, 9), (1, 0, 0, 12), (1, 3, 2, 14)]):
        value = pixels[row, fast]
        assert text.startswith(f"fast {fast}   slow {slow}   panel {panel} ({'ab'[panel]})   value {value!s}" + (
            "   masked" if (panel, fast, slow) == (1, 3, 2) else "   d")), text
    # the colour of masked pixels, and nothing between panels
    assert said["masked"] == [0xa0, 0xa0, 0xe0] and said["gap"] == 0


def test_a_hostile_name_and_a_saturated_pixel(folder):
    name = "<img src=x onerror=hacked=1><script>hacked=1<" + "\\script>&amp;.img"
    pixels = view_tools.image("a.img")
    content = bytearray(Path("a.img").read_bytes())
    content[512 + 2 * (50 * 120 + 60):][:2] = b""
    content[512 + 2 * (50 * 120 + 60):512 + 2 * (50 * 120 + 60) + 2] = b"\xff\xff"
    Path(name).write_bytes(content)
    assert main(["view", name, "--html", "a.html"]) == 0
    said = probed("a.html", """
        said.hacked = typeof hacked;
        said.title = document.querySelector("h1").textContent;
        said.scripts = document.scripts.length;
        said.texts = [readout()];
        say({panel: 0, fast: 60, slow: 50});
        said.texts.push(readout());
        """, "#fast=119&slow=99")
    assert said["hacked"] == "undefined" and said["title"] == f"{name} - numbragg view"
    assert said["texts"][0].startswith(f"fast 119   slow 99   value {pixels[99, 119]}")
    assert said["texts"][1].startswith("fast 60   slow 50   value 65535   saturated")
