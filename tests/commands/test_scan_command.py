"""`numbragg scan`: frames against the command line itself, refusals, dates, interrupts."""

import json
import resource
import signal
import subprocess
import time

from cli_tools import SMALL, command, content, error_line
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
GEOM = """clen = 0.1
res = 10000
p0/min_fs = 0
p0/max_fs = 29
p0/min_ss = 0
p0/max_ss = 19
p0/corner_x = -15
p0/corner_y = 10
p0/fs = +1.0x
p0/ss = -1.0y
"""


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
    from_header = ["-img", "intimage.img", *LINE[:15], *LINE[21:]]
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
    (["--frames", "2", "--images", "none/a_#.img"], "none/a_#.img: No such file"),
    (["--frames", "2", "--images", "a_#.img", "--geom", "none/x"], "none/x: No such file"),
    (["--frames", "2", "--images", "a_#.img", "--expt", "none/x"], "none/x: No such file"),
    (["--frames", "2", "--images", "a_#.img", "--xds-inp", "none/x"], "none/x: No such file"),
    (["--frames", "2", "--nexus", "a.nxs", "--geom", "none/x"], "none/x: No such file"),
    (["--frames", "2", "--images", "w_###.cbf", "--geom", "w_001.cbf"], "w_001.cbf is one of --images w_###.cbf"),
    (["--frames", "2", "--images", "w_###.cbf", "--geom", "./w_002.cbf"], "w_002.cbf is one of --images w_###.cbf"),
    (["--frames", "2", "--images", "w_#.cbf", "--expt", "w_#.cbf.partial"], "w_#.cbf.partial is one of --images"),
    (["--frames", "2", "--images", "dev#.img", "--xds-inp", "dev1.img"], "dev1.img is one of --images dev#.img"),
    (["--frames", "2", "--nexus", "a.nxs", "--geom", "x", "--expt", "x"], "x: is the destination of the geometry and"),
    (["--frames", "2", "--nexus", "a.nxs", "--geom", "a.nxs"], "a.nxs: is the destination of the"),
    (["--frames", "2", "--nexus", "a.nxs", "--geom", "a.nxs.partial"], "a.nxs.partial: is the destination of the"),
    (["--frames", "2", "--images", "a_#.img", "-twotheta", "20"], "SMV: the detector is tilted"),
])
def test_refusals(folder, capfd, words, said):
    assert main(["scan", *LINE, *TURN, *words]) == 2
    assert said in error_line(capfd) and not list(folder.iterdir())


def test_a_file_of_another_number_is_no_frame(folder):
    words = ["scan", "--frames", "2", "--quiet", *LINE, *TURN]
    assert main([*words, "--images", "w_###.img", "--geom", "w_03.img"]) == 0
    assert sorted(content(folder)) == ["w_001.img", "w_002.img", "w_03.img"]


@pytest.mark.parametrize("option, name", [
    ("-hkl", "F.hkl"), ("-matrix", "A.mat"), ("-sourcefile", "s.txt"), ("-stol", "b.stol"), ("--spectrum", "x.txt"),
    ("-img", "i_1.img"), ("-mask", "i_1.img"), ("--detector", "panels.geom"), ("--detector", "i_1.img"),
    ("-dump", "Fdump.bin")])
def test_what_is_read_is_not_written(folder, capfd, option, name):
    texts = {"F.hkl": "1 2 3 10\n-1 2 3 20\n", "A.mat": "0.02 0 0\n0 0.02 0\n0 0 0.02\n", "s.txt": "0 0 1 1 1e-10\n",
             "b.stol": "0 1\n1 1\n", "x.txt": "1e-10 1\n", "panels.geom": GEOM}
    for own, text in texts.items():
        (folder / own).write_text(text)
    assert main([*LINE, *TURN, "-hkl", "F.hkl", "--quiet", "--smv-readable", "i_1.img"]) == 0
    before, images = content(folder), "i_#.img"
    if name != "i_1.img":
        # a link is followed, which would replace the file behind it
        (folder / "l_2.img").symlink_to(name)
        images = "l_#.img"
    line = [*LINE, *TURN] if option != "--detector" else [*LINE[:11], "-osc", "1", "-lambda", "1"]
    words = ["scan", "--frames", "2", "--quiet", *line, option, name]
    (folder / "q.nxs.partial").symlink_to(name)
    for outputs in (["--nexus", name], ["--nexus", "x.nxs", "--geom", name], ["--nexus", "x.nxs", "--expt", name],
                    ["--images", images], ["--images", "n_#.img", "--xds-inp", name], ["--nexus", "q.nxs"]):
        assert main([*words, *outputs]) == 2
        assert "is read and cannot be written too" in error_line(capfd)
        assert content(folder) | before == content(folder)


def test_mask_of_a_geometry_is_not_written(folder, capfd):
    (folder / "panels.geom").write_text("mask_file = m.h5\nmask = /mask\nmask_good = 0\nmask_bad = 1\n" + GEOM)
    with h5py.File("m.h5", "w") as file:
        file["mask"] = np.zeros((20, 30), np.int32)
    before = content(folder)
    words = ["scan", "--frames", "1", *LINE[:11], "-osc", "1", "--detector", "panels.geom", "--quiet"]
    assert main([*words, "--nexus", "m.h5"]) == 2
    assert "m.h5 is read and cannot be written too" in error_line(capfd) and content(folder) == before
    assert main([*words, "--nexus", "n.nxs"]) == 0


def test_saturation_and_leftovers_are_said(folder, capfd):
    words = ["scan", "--images", "big_#.img", "--quiet", *LINE, *TURN]
    assert main([*words, "--frames", "3", "-fluence", "1e36"]) == 0
    full = sum(int((read_image(f"big_{n}.img")[1] == 65535).sum()) for n in (1, 2, 3))
    assert full > 10 and capfd.readouterr().err == (
        f"numbragg: warning: big_#.img: {full} pixels in 3 frames hold 65535, the largest that is counted, and may "
        "have had more photons\n")
    assert main([*words, "--frames", "1"]) == 0
    assert capfd.readouterr().err == (
        "numbragg: warning: big_#.img: 2 files of this name, big_2.img to big_3.img, are not of this series, and "
        "readers will take them for frames of it\n")
    assert main([*words, "--frames", "3"]) == 0 and not capfd.readouterr().err


@pytest.mark.parametrize("output", [["--nexus", "two.nxs"], ["--images", "two_####.img"]], ids=["nexus", "images"])
def test_two_at_once(folder, capfd, interruptible, output):
    words = ["scan", "--frames", "5000", *output, *LINE, *TURN, "--quiet"]
    first = subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True)
    try:
        while not (folder / f"{output[1]}.partial").exists():
            time.sleep(0.01)
        assert main(words) == 2
        assert error_line(capfd) == f"numbragg: error: {output[1]}: another run is writing it\n"
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGINT)
        said = first.communicate(timeout=60)[1]
    assert first.returncode == 130 and "; the same command goes on" in said


def test_a_full_disk_is_one_line(folder):
    words = command("scan", "--frames", "6", "--nexus", "lim.nxs", "--quiet", *LINE, "-detpixels_f", "200",
                    "-detpixels_s", "180", *TURN)
    limit = (40_000,) * 2
    full = subprocess.run(words, capture_output=True, text=True, timeout=100,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert (full.returncode, full.stderr) == (2, "numbragg: error: lim.nxs: File too large\n")
    assert not (folder / "lim.nxs").exists()
    assert subprocess.run(words, timeout=100).returncode == 0
    frames = frames_of("lim.nxs")
    assert frames.shape == (6, 180, 200) and frames.any(axis=(1, 2)).all()


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


def test_an_interrupt_says_what_is_left_of_another_series(folder, capfd, monkeypatch):
    words = ["scan", "--images", "w_#.img", "--quiet", *LINE, *TURN]
    assert main([*words, "--frames", "5"]) == 0
    from numbragg.render.scan import Scan

    counted = Scan._counted

    def stop_at_third(frames, frame, dtype):
        if frame == 2:
            raise KeyboardInterrupt
        return counted(frames, frame, dtype)

    monkeypatch.setattr(Scan, "_counted", stop_at_third)
    assert main([*words, "--frames", "5", "-seed", "7"]) == 130
    assert capfd.readouterr().err == (
        "numbragg: interrupted; 2 of 5 frames are written; the same command goes on from there; of other series there "
        "are 3 files of this name\n")


@pytest.mark.parametrize("option, name", [("--images", "no/f_##.img"), ("--nexus", "no/f.nxs")])
def test_a_folder_that_cannot_be_written_is_found_before_kernels_are_compiled(option, name, folder, capfd, monkeypatch):
    from numbragg.render import scan

    for work in ("images_of", "nexus_of"):
        monkeypatch.setattr(scan, work, lambda *given, **named: pytest.fail("it was begun"))
    assert main(["scan", "--frames", "2", option, name, *SMALL, "-osc", "1", "--quiet"]) == 2
    assert capfd.readouterr().err == f"numbragg: error: {name}: No such file or directory\n"
    assert list(folder.iterdir()) == []
