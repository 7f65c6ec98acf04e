"""`numbragg scan`: frames against the command line itself, refusals, dates, interrupts."""

import json
import signal
import subprocess
import time

from cli_tools import command, content, error_line
import h5py
import numpy as np
import pytest

from numbragg.command_line.dates import date_of, date_word
from numbragg.commands.cli import main
from numbragg.commands.progress import FrameProgress
from numbragg.io.smv import read_header, read_image

LINE = ("-cell 50 60 70 90 90 90 -default_F 100 -N 5 -lambda 1 -distance 80 -pixel 0.2 -detpixels_f 40 -detpixels_s 30"
        " -Xbeam 2 -Ybeam 6 -misset 10 20 30 -phisteps 3 -mosaic 0.3 -mosaic_dom 3").split()
TURN = "-phi 3.1 -osc 0.7".split()


def frames_of(name):
    with h5py.File(name) as file:
        return file["entry/data/data"][:]


@pytest.mark.parametrize("revision", ["fixed", "main"])
def test_frames_are_those_of_a_loop_of_commands(folder, capfd, revision):
    more = ["--revision", revision]
    assert main(["scan", "--frames", "4", "--nexus", "a.nxs", "--float", *LINE, *TURN, *more]) == 0
    frames = frames_of("a.nxs")
    for n in range(4):
        assert main([*LINE, *TURN, *more, "-phi", repr(3.1 + n * 0.7), "-nonoise", "-nopgm", "--quiet"]) == 0
        assert frames[n].tobytes() == (folder / "floatimage.bin").read_bytes()
    assert frames[0].any() and "4 frames from 3.1 deg, 0.7 deg each" in capfd.readouterr().out


def test_angles_of_a_header(folder):
    """-img gives PHI and OSC_RANGE; frame 0 is the image that it would give."""
    assert main([*LINE, *TURN, "-nonoise", "--quiet"]) == 0
    from_header = ["-img", "intimage.img", *LINE[:16], *LINE[20:]]
    assert main(["scan", "--frames", "2", "--nexus", "a.nxs", "--float", "--quiet", *from_header]) == 0
    assert main([*from_header, "-nonoise", "-nopgm", "--quiet", "-floatfile", "b.bin", "-intfile", "b.img"]) == 0
    assert frames_of("a.nxs")[0].tobytes() == (folder / "b.bin").read_bytes()


def test_images_hold_the_counts_of_nexus(folder):
    assert main(["scan", "--frames", "3", "--images", "x_##.img", "--quiet", "-seed", "4", *LINE, *TURN]) == 0
    assert main(["scan", "--frames", "3", "--nexus", "x.nxs", "--quiet", "-seed", "4", *LINE, *TURN]) == 0
    assert main(["scan", "--frames", "3", "--images", "x_##.cbf", "--quiet", "-seed", "4", *LINE, *TURN]) == 0
    import fabio

    for n, frame in enumerate(frames_of("x.nxs")):
        assert np.array_equal(read_image(f"x_0{n + 1}.img")[1], frame) and frame.any()
        assert np.array_equal(fabio.open(f"x_0{n + 1}.cbf").data, frame)
        assert read_header(f"x_0{n + 1}.img").value("OSC_START") == 3.1 + n * 0.7


def test_geometries(folder):
    words = ["--images", "x_##.cbf", "--xds-inp", "XDS.INP", "--expt", "a.expt", "--geom", "a.geom"]
    assert main(["scan", "--frames", "3", *words, "--quiet", *LINE, *TURN]) == 0
    text = (folder / "XDS.INP").read_text()
    assert "x_??.cbf" in text and "DATA_RANGE= 1 3" in text
    assert json.loads((folder / "a.expt").read_text())["scan"][0]["image_range"] == [1, 3]


def test_means_without_noise(folder):
    words = ["--frames", "1", "--quiet", *LINE, *TURN]
    assert main(["scan", "--nexus", "n.nxs", *words, "-nonoise"]) == 0
    assert main(["scan", "--nexus", "f.nxs", "--float", *words]) == 0
    assert np.array_equal(frames_of("n.nxs"), np.rint(frames_of("f.nxs")))


def test_panels(folder):
    lines = ["clen = 0.1", "res = 10000"]
    for number in range(2):
        lines += [f"p{number}/{name} = {value}" for name, value in (
            ("min_fs", 0), ("max_fs", 29), ("min_ss", 20 * number), ("max_ss", 20 * number + 19), ("corner_x", -40),
            ("corner_y", 30.5 * number), ("fs", "+1.0x"), ("ss", "-1.0y"))]
    (folder / "panels.geom").write_text("\n".join(lines))
    words = "-cell 50 60 70 90 90 90 -default_F 100 -N 5 -osc 1 -oversample 1".split()
    assert main(["scan", "--frames", "2", "--nexus", "j.nxs", "--detector", "panels.geom", "--quiet", *words]) == 0
    with h5py.File("j.nxs") as file:
        assert len([name for name in file["entry/instrument/detector"] if name.startswith("module_")]) == 2
    assert main(["scan", "--frames", "2", "--images", "j_#.cbf", "--detector", "panels.geom", "--quiet", *words]) == 2


@pytest.mark.parametrize("words, said", [
    (["--nexus", "a.nxs"], "scan: give --frames N"),
    (["--frames", "2"], "scan: give --nexus FILE or --images NAME, one of them"),
    (["--frames", "2", "--nexus", "a.nxs", "--images", "a_#.img"], "one of them"),
    (["--frames", "0", "--nexus", "a.nxs"], "--frames 0: must be a whole number from 1"),
    (["--frames", "2", "--images", "a_#.img", "--float"], "--float is for --nexus"),
    (["--frames", "2", "--images", "a_#.img", "--compression", "gzip"], "--compression is for --nexus"),
    (["--frames", "2", "--nexus", "a.nxs", "--compression", "rar"], "--compression rar: must be one of gzip"),
    (["--frames", "2", "--nexus", "a.nxs", "--date", "noon"], "--date noon: must be a time such as"),
    (["--frames", "12", "--images", "a_#.img"], "has 1 # for 12 frames"),
    (["--frames", "2", "--nexus", "a.nxs", "-osc", "0"], "-osc, the width of a frame"),
    (["--frames", "2", "--nexus", "a.nxs", "-seed", "-3"], "-seed -3: must not be negative in a scan"),
    (["--frames", "2", "--nexus", "a.nxs", "-noisefile", "b.img"], "-noisefile b.img: is for a single image"),
    (["--frames", "2", "--nexus", "a.nxs", "--npy", "b.npy"], "--npy b.npy: is for a single image"),
    (["--frames", "2", "--nexus", "a.nxs", "-hkl", "a.hkl", "-dump", "a.bin"], "-dump a.bin: with -hkl it is written"),
    (["--frames", "2", "--nexus", "a.nxs", "--xds-inp", "X"], "--xds-inp: names the images, so it needs --images"),
    (["--frames", "2", "--nexus", "a.nxs", "-misset", "random"], "needs -misset_seed in a scan"),
    (["--frames", "2", "--nexus", "none/a.nxs"], "none/a.nxs: No such file"),
    (["--frames", "2", "--images", "none/a_#.img"], "No such file"),
    (["--frames", "2", "--images", "a_#.img", "-twotheta", "20"], "SMV: the detector is tilted"),
])
def test_refusals(folder, capfd, words, said):
    assert main(["scan", *LINE, *TURN, *words]) == 2
    assert said in error_line(capfd) and not list(folder.iterdir())


def test_interrupted_series_goes_on(folder, interruptible):
    words = ["scan", "--frames", "80", "--images", "p_##.img", *LINE, *TURN]
    running = subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True)
    while not (folder / "p_03.img").exists():
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "numbragg: interrupted; " in said and "of 80 frames are written; the same command goes on" in said
    done = len(list(folder.glob("p_*.img")))
    assert 3 <= done < 80
    before = (folder / "p_01.img").stat().st_mtime_ns
    assert main([*words, "--quiet"]) == 0
    assert (folder / "p_01.img").stat().st_mtime_ns == before
    made = content(folder)
    assert len(made) == 80
    for path in folder.iterdir():
        path.unlink()
    assert main([*words, "--quiet"]) == 0
    assert content(folder) == made


def test_killed_series_goes_on(folder):
    words = ["scan", "--frames", "60", "--nexus", "k.nxs", *LINE, *TURN]
    running = subprocess.Popen(command(*words))
    while not (folder / "k.nxs.partial").exists() or (folder / "k.nxs.partial").stat().st_size < 40_000:
        time.sleep(0.01)
    running.kill()
    running.wait()
    assert not (folder / "k.nxs").exists()
    assert main([*words, "--quiet"]) == 0
    frames = frames_of("k.nxs")
    assert main(["scan", "--frames", "60", "--nexus", "w.nxs", *LINE, *TURN, "--quiet"]) == 0
    assert np.array_equal(frames, frames_of("w.nxs")) and sorted(content(folder)) == ["k.nxs", "w.nxs"]


def test_dates(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert date_of(None) == "1970-01-01T00:00:00Z"
    assert date_word("2026-11-26T22:00:00+02:00") == "2026-11-26T20:00:00Z"
    assert date_word("2026-11-26") == "2026-11-26T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert date_of(None) == "1970-01-02T00:00:00Z" and date_of("2026-11-26T22:00:00Z") == "2026-11-26T22:00:00Z"
    for word in ("noon", "-1e5", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", word)
        with pytest.raises(ValueError, match="SOURCE_DATE_EPOCH: .* must be a number of seconds"):
            date_of(None)


def test_progress_has_rate_and_time_left():
    progress = FrameProgress(10, False)
    progress(2)
    start = progress._first[1]
    progress(4)
    assert progress.text(start + 4.0) == "numbragg: frame 4 of 10, 0.5 frames/s, 0 min 12 s left  "
