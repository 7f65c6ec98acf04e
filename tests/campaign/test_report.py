"""The report of a campaign: what its page says, against files and draws read independently; nothing in it can run."""

import base64
import html
import html.parser
import json
import math
import os
import re
import struct
import subprocess
import sys
import zlib

from campaign_tools import SMALL, changed, ran, write
import numpy as np
import pytest

from numbragg.campaign import report, report_charts
from numbragg.campaign.description import read_description
from numbragg.campaign.distributions import distribution
from numbragg.campaign.draws import Source
from numbragg.campaign.fields import FIELDS
from numbragg.campaign.log import read_log
from numbragg.campaign.reader import CampaignReader
from numbragg.campaign.report_page import page
from numbragg.commands.cli import main

h5py = pytest.importorskip("h5py", reason="files of shots are HDF5")
pytest.importorskip("pyarrow", reason="tables of truth are Parquet")

#: Two of three files will be there; a shot of each four fails; pixels that do not count are among them.
TEXT = changed(("[sampling]", '[background]\nlayers = "water:5um"\n[sampling]')) + """
[vary.distance_mm]
distribution = "list"
values = [60.0, 61.0, 0.001, 62.0]
repeat = true
[vary.defects_dead_fraction]
distribution = "constant"
value = 0.1
"""
#: Shots that are there, and those of them that failed.
THERE, FAILED = [0, 1, 2, 3, 8, 9, 10, 11], [2, 10]


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """A campaign of which a file is missing."""
    place = tmp_path_factory.mktemp("report")
    ran(place, TEXT, "--shard", "0/2")
    return place


@pytest.fixture
def there(unfinished, monkeypatch):
    monkeypatch.chdir(unfinished)
    return unfinished


class Elements(html.parser.HTMLParser):
    """Elements of a page: names and attributes; those that are open must be closed in turn."""

    EMPTY = {"meta", "line", "rect", "image", "circle", "polyline"}

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


def decoded(address):
    """Numbers of colours of a PNG picture, and the colours."""
    content, chunks = base64.b64decode(address.removeprefix("data:image/png;base64,")), {}
    place = 8
    while place < len(content):
        size, kind = struct.unpack(">I4s", content[place:place + 8])
        chunks[kind] = content[place + 8:place + 8 + size]
        assert struct.unpack(">I", content[place + 8 + size:place + 12 + size])[0] == zlib.crc32(kind + chunks[kind])
        place += 12 + size
    columns, rows = struct.unpack(">II", chunks[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, columns + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:], np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)


def test_page_of_an_unfinished_campaign(there, capfd):
    assert main(["campaign", "report", "out"]) == 0
    assert capfd.readouterr().out == "out/report.html: 8 of 12 shots, 8 of them shown\n"
    text = (there / "out" / "report.html").read_text(encoding="utf-8")
    elements = Elements(text).found
    assert "Not finished: 8 of 12 shots are there." in text and "All of 8 shots that are there" in text
    # a failed shot has its reason, a picture has none
    said = re.findall(r"<figcaption>shot (\d+): ([^<]*)</figcaption>", text)
    assert [int(number) for number, _ in said] == THERE
    assert [int(number) for number, words in said if words.startswith("failed; background: water from ")] == FAILED
    assert sum(tag == "image" for tag, _ in elements) == 6
    assert re.search(r"<tr><td>background: water from [^<]*</td><td>2</td></tr>", text)
    # nothing is loaded, nothing runs
    assert not [tag for tag, _ in elements if tag in ("script", "link", "iframe", "img", "object")]
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on") or name == "style"]
    addresses = [value for _, attributes in elements for name, value in attributes.items() if name in ("href", "src")]
    assert len(addresses) == 6 and all(address.startswith("data:image/png;base64,") for address in addresses)
    policy = next(attributes["content"] for tag, attributes in elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_pictures_are_the_frames(there):
    picture = next(each for each in report.collect("out", 8).pictures if each.shot == 9)
    with h5py.File("out/shots_000002.h5") as file:
        frame = file["entry/data/data"][1]
    assert (picture.image == frame).all()
    text = page(report.collect("out", 8)).decode()
    levels, colours = decoded(re.search(r'aria-label="shot 9"><image href="([^"]+)"', text)[1])
    dead, largest = frame == 2 ** 31 - 1, 2 ** 31 - 1
    assert levels.shape == frame.shape and 50 < dead.sum() < 250
    assert (colours[levels[dead]] == (0xa0, 0xa0, 0xe0)).all() and colours[0].tolist() == [255] * 3
    high = float(np.percentile(frame[(frame > 0) & (frame < largest)], 99.9))
    for (slow, fast), level in np.ndenumerate(levels):
        if not dead[slow, fast]:
            assert level == round(253 * math.sqrt(min(frame[slow, fast] / high, 1.0)))


def test_which_shots_are_shown(there):
    assert [each.shot for each in report.collect("out", 3).pictures] == [0, 3, 11]
    assert [each.shot for each in report.collect("out", 1).pictures] == [0]
    assert "3 of 8 shots that are there, spread evenly over their numbers" in page(report.collect("out", 3)).decode()


def test_what_was_drawn(there):
    """As the description draws it, without its files."""
    description, found = read_description("set.toml"), report.collect("out", 0)
    drawn = [description.values(number) for number in THERE]
    assert found.drawn["fluence_photons_per_m2"][:, 0].tolist() == [
        values.shot["fluence_photons_per_m2"] for values in drawn]
    assert found.blank == sum(values.blank for values in drawn) > 0
    assert found.drawn["lattices"][:, 0].tolist() == [len(values.lattices) for values in drawn if not values.blank]
    turns = [lattice["orientation"] for values in drawn if not values.blank for lattice in values.lattices]
    assert found.drawn["orientation"].tolist() == [[number for row in turn for number in row] for turn in turns]
    text = page(found).decode()
    for name in ("orientation, angle", "lattices", "fluence_photons_per_m2", "blank", "distance_mm"):
        assert f"<b>{name}" in text
    assert "fluence_photons_per_m2 [photons/m^2]</text>" in text and "distance_mm [mm]</text>" in text


@pytest.mark.parametrize("name, table", [
    ("distance_mm", {"distribution": "uniform", "low": 50, "high": 70}),
    ("fluence_photons_per_m2", {"distribution": "log-uniform", "low": 1e20, "high": 1e23}),
    ("twotheta_deg", {"distribution": "normal", "mean": 1.0, "sigma": 2.0, "low": -1.0, "high": 6.0}),
    ("mosaic_domains", {"distribution": "uniform", "low": 3, "high": 60}),
    ("mosaic_domains", {"distribution": "log-uniform", "low": 3, "high": 60}),
    ("mosaic_domains", {"distribution": "normal", "mean": 30.0, "sigma": 9.0, "low": 3, "high": 60}),
    ("rotation_deg", {"distribution": "uniform", "low": [0, 1, 2], "high": [1, 3, 5]}),
    ("oscillation_deg", {"distribution": "choice", "values": [0.0, 0.5, 2], "weights": [1, 2, 5]}),
    ("orientation", {"distribution": "uniform"})])
def test_expected_numbers(name, table, folder):
    """Draws of a distribution are as often in bins as its chart says, within what chance does."""
    made = distribution(FIELDS[name], table, 4000, lambda place, file: file)
    values = np.array([np.reshape(made.draw(Source(2, name, shot)), -1) for shot in range(4000)], float)
    charts = report_charts.charts_of(name, table, values)
    assert len(charts) == {"rotation_deg": 3, "orientation": 4}.get(name, 1)
    for chart in charts:
        assert sum(chart.counts) == 4000 and sum(chart.expected) == pytest.approx(4000)
        assert len(chart.counts) == len(chart.expected) == (len(chart.names) or len(chart.edges) - 1)
        # a bin in a hundred thousand is farther off; seeds are fixed
        assert all(abs(a - b) < 4.5 * math.sqrt(b + 1.0) for a, b in zip(chart.counts, chart.expected)), chart
        Elements(report_charts.svg(chart))
    # and the test can fail
    moved = report_charts.charts_of(name, table, np.sort(values, axis=0)[2000:].repeat(2, 0))
    assert any(abs(a - b) >= 4.5 * math.sqrt(b + 1.0) for chart in moved for a, b in zip(
        chart.counts, chart.expected))


def test_other_distributions_have_bars(folder):
    for table in ({"distribution": "grid", "low": 1.0, "high": 4.0, "steps": 4},
                  {"distribution": "list", "values": [1]}, {"distribution": "constant", "value": 2.0}):
        values = np.array([[1.0], [2.0], [4.0], [2.0]])
        chart, = report_charts.charts_of("distance_mm", table, values)
        assert (list(chart.names), chart.counts, chart.expected) == (["1", "2", "4"], [1, 2, 1], None)
    missets = report_charts.charts_of("orientation", {"distribution": "grid", "x_deg": [0, 10]}, np.zeros((4, 3)))
    assert [chart.counts for chart in missets] == [[4]] * 3
    uniform = {"distribution": "uniform", "low": 1, "high": 2}
    assert report_charts.charts_of("distance_mm", uniform, np.zeros((0, 1))) == []


def test_spots_are_marked(there, monkeypatch):
    spots = {"h": np.array([1, 2, 3]), "k": np.array([0, 0, -1]), "l": np.array([5, 6, 7]),
             "panel": np.array([0, 0, 0]), "slow": np.array([3.5, 20.25, 1.0]), "fast": np.array([7.0, 30.5, 2.0]),
             "intensity": np.array([2.0, 9.0, 0.5])}
    monkeypatch.setattr(report, "labels_of", lambda shots, number: (spots, np.array([[0, 0, 40, 32]])) if number == 9
                        else None)
    monkeypatch.setattr(report, "MOST_SPOTS", 2)
    text = page(report.collect("out", 8)).decode()
    marks = [attributes for tag, attributes in Elements(text).found if tag == "circle"]
    assert [(mark["cx"], mark["cy"]) for mark in marks] == [("30.50", "20.25"), ("7.00", "3.50")]
    assert "<title>3 0 7</title>" not in text and "<title>2 0 6</title>" in text
    assert "; 3 spots, 1 weaker ones are not marked" in text
    # where panels are in an image
    places = np.array([[0, 0, 40, 32], [10, 100, 40, 32]])
    marks, more = report._marks({**spots, "panel": np.array([0, 1, 0])}, places)
    assert marks[:, :2].tolist() == [[40.5, 120.25], [7.0, 3.5]] and more == 1


def test_spots_of_a_campaign_are_marked(folder):
    """Those of its lists, of a campaign whose first files are missing."""
    write("[labels]\nmin_photons = 1.0\nmask_photons = 0.1\n" + SMALL)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "1/3", "--quiet"]) == 0
    with CampaignReader("out") as shots:
        listed = {number: shots.spots(number) for number in range(4, 8)}
    text = page(report.collect("out", 4)).decode()
    marks = [(mark["cx"], mark["cy"]) for tag, mark in Elements(text).found if tag == "circle"]
    assert 0 < len(marks) == sum(len(spots["h"]) for spots in listed.values())
    assert sorted(marks) == sorted((f"{fast:.2f}", f"{slow:.2f}") for spots in listed.values()
                                   for fast, slow in zip(spots["fast"], spots["slow"]))


def test_rates(there):
    log = read_log("out")
    assert [said["shard"] for said in log] == [0, 2] and all(said["shots"] == 4 for said in log)
    assert log[0].keys() == {"shard", "shots", "failed", "seconds", "spent", "worker", "threads", "end"}
    assert 0.0 < sum(log[0]["spent"].values()) <= log[0]["seconds"]
    text = page(report.collect("out", 0)).decode()
    seconds = sum(said["seconds"] for said in log)
    assert f"8 shots in {seconds:.4g} s of workers: {8 / seconds:.3g} shots a second and worker, 1 workers" in text
    shares = [float(share) for share in re.findall(r"<td>([\d.e-]+) %</td>", text)]
    assert sum(shares) == pytest.approx(100.0, abs=0.5)


def test_logs_that_are_damaged_or_cannot_be_written(folder, capfd):
    write(SMALL)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/3", "--quiet"]) == 0
    name, = os.listdir("out/log")
    with open(f"out/log/{name}", "ab") as file:
        file.write(b'{"shard": 1, "shots": 4, "sec\nnull\n{"shard": 1}\n\xff\n'
                   b'{"shard": 1, "shots": "4", "failed": 0, "seconds": 1, "end": 1, "spent": {}}\n')
    assert [said["shard"] for said in read_log("out")] == [0]
    os.rename("out/log", "log")
    (folder / "out" / "log").write_text("in the way")
    capfd.readouterr()
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "1/3", "--quiet"]) == 0
    assert capfd.readouterr().err.startswith("numbragg: warning: out/log: ") and read_log("out") == []
    assert main(["campaign", "report", "out", "--out", "a.html", "--shots", "1"]) == 0
    assert "The folder has no log of how long its files took." in (folder / "a.html").read_text()


def test_damage_is_told(folder, capfd):
    write(SMALL)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1", "--quiet"]) == 0
    os.truncate("out/shots_000000.h5", 1000)
    content = (folder / "out" / "shots_000001.parquet").read_bytes()
    (folder / "out" / "shots_000001.parquet").write_bytes(bytes(len(content)))
    (folder / "out" / "shots_000002.h5").write_bytes(bytes((folder / "out" / "shots_000002.h5").stat().st_size))
    # a reason is a text, whatever it is
    account = json.loads((folder / "out" / "shots_000002.json").read_text())
    account["failed"] = [[11, "<script>alert(1)</script> {title} \ud800"]]
    (folder / "out" / "shots_000002.json").write_text(json.dumps(account))
    assert main(["campaign", "report", "out"]) == 0
    text = (folder / "out" / "report.html").read_text(encoding="utf-8")
    Elements(text)
    assert "Not finished: 4 of 12 shots are there, and 2 files are damaged." in text
    assert "shots_000000.h5: 1000 bytes, and must be" in text
    assert "shots_000001.parquet: cannot be read as Parquet" in text
    assert text.count("cannot be read; ") == 3 and "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {title} \\ud800" in text
    capfd.readouterr()


def test_nothing_is_there_yet(folder, capfd):
    write(SMALL)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "98/99", "--quiet"]) == 0
    assert main(["campaign", "report", "out"]) == 0
    text = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "Not finished: 0 of 12 shots" in text and text.count("<p>No shot is there.</p>") == 2
    assert capfd.readouterr().out == "out/report.html: 0 of 12 shots, 0 of them shown\n"


@pytest.mark.parametrize("words, said", [
    (("nowhere",), "nowhere: is no campaign's folder, which has a file campaign.json"),
    (("out", "--shots", "1001"), "campaign report: --shots 1001: must be at most 1000, or the page is too large"),
    (("out", "--out", "no/a.html"), "no/a.html: No such file or directory"),
    (("out", "--quiet"), "campaign report: --quiet does not go with it; it has --out, --shots")])
def test_refusals(words, said, there, capfd):
    assert main(["campaign", "report", *words]) == 2
    assert capfd.readouterr().err == f"numbragg: error: {said}\n"


def test_full_disk_leaves_the_page_that_was_there(there):
    (there / "a.html").write_text("before")
    program = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
               "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); "
               "from numbragg.commands.cli import main; sys.exit(main(sys.argv[1:]))")
    done = subprocess.run([sys.executable, "-c", program, "campaign", "report", "out", "--out", "a.html"],
                          capture_output=True, text=True, timeout=300,
                          # compiled modules would be cut off, too, and stay
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 2 and re.fullmatch("numbragg: error: a.html: .*File too large\n", done.stderr)
    assert (there / "a.html").read_text() == "before"
    assert not [name for name in os.listdir(there) if name.endswith((".tmp", ".partial"))]
