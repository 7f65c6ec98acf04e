"""The report of a campaign in a real browser, in wide and narrow windows: pictures are seen, nothing is forbidden."""

import base64
import hashlib
import html
import json
from pathlib import Path
import re
import subprocess

import browser_part
import pytest

from numbragg.campaign.example import example
from numbragg.commands.cli import main

pytestmark = pytest.mark.browser

#: Runs before all else in the page, and says what a user would see.
PROBE = """
"use strict";
const said = {errors: [], forbidden: []};
addEventListener("error", e => said.errors.push(String(e.message)));
addEventListener("securitypolicyviolation", e => said.forbidden.push(`${e.violatedDirective} ${e.blockedURI}`));
addEventListener("load", async () => {
  try {
    const all = query => [...document.querySelectorAll(query)];
    said.pictures = await Promise.all(all("image").map(async place => {
      const picture = new Image();
      picture.src = place.getAttribute("href");
      await picture.decode();
      return [picture.naturalWidth, picture.naturalHeight];
    }));
    said.bars = all(".bar").length;
    said.colour = getComputedStyle(document.querySelector(".bar")).fill;
    said.pointed = document.querySelector(".bar title").textContent;
    said.width = [document.documentElement.scrollWidth, innerWidth];
    said.columns = new Set(all(".gallery figure").map(e => Math.round(e.getBoundingClientRect().left))).size;
    // texts of charts stay inside them
    said.outside = all(".charts svg").flatMap(chart => {
      const box = chart.getBoundingClientRect();
      return [...chart.querySelectorAll("text")].filter(text => {
        const own = text.getBoundingClientRect();
        return own.left < box.left - 1 || own.right > box.right + 1 || own.bottom > box.bottom + 1;
      }).map(text => text.textContent);
    });
    said.network = performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:"));
  } catch (error) {
    said.errors.push(String(error));
  }
  const place = document.createElement("pre");
  place.id = "probe";
  place.textContent = JSON.stringify(said);
  document.body.append(place);
});
"""


def probed(page, width, height=1000):
    """What the page says in a window of a width."""
    hashed = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    text = Path(page).read_text(encoding="utf-8")
    assert "script-src" not in text
    text = text.replace("default-src 'none';", f"default-src 'none'; script-src 'sha256-{hashed}';", 1)
    Path("probed.html").write_text(text.replace("<title>", f"<script>{PROBE}</script><title>", 1), encoding="utf-8")
    # pictures are unpacked beside the page's own time, which may be over first where the machine is busy
    for _ in range(5):
        done = subprocess.run(
            [browser_part.program(), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
             "--user-data-dir=" + str(Path("profile").resolve()), f"--window-size={width},{height}",
             "--virtual-time-budget=15000", "--dump-dom", Path("probed.html").resolve().as_uri()],
            capture_output=True, text=True, timeout=60)
        found = re.search('<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
        if found:
            break
    assert found, done.stderr
    said = json.loads(html.unescape(found[1]))
    assert said["errors"] == said["forbidden"] == said["network"] == [], said
    assert "CONSOLE" not in done.stderr, done.stderr
    return said


def test_wide_and_narrow(folder):
    Path("set.toml").write_text(example(12))
    assert main(["campaign", "run", "set.toml", "--out", "set", "--shard", "0/1", "--quiet"]) == 0
    assert main(["campaign", "report", "set", "--shots", "5"]) == 0
    wide, narrow = (probed("set/report.html", width) for width in (1200, 400))
    for said in (wide, narrow):
        assert said["pictures"] == [[256, 256]] * 5 and said["bars"] > 100
        # the style was allowed, and bars say their numbers
        assert said["colour"] == "rgb(107, 143, 184)" and re.search(r" to .*: \d+ \(expected ", said["pointed"])
        # nothing is wider than the window
        assert said["width"][0] <= said["width"][1] and said["outside"] == []
    assert wide["columns"] >= 3 and narrow["columns"] == 1
