"""What does not fit in memory is refused before it is made, with its size."""

import math
import subprocess
import sys
import tracemalloc

from cli_tools import SMALL, error_line
import numpy as np
import pytest

import numbragg as nb
from numbragg import memory
from numbragg.commands.cli import main
from numbragg.render.backends import SUM_BYTES
from numbragg.scene import prepare


def test_available_is_plausible():
    assert 2 ** 20 < memory.available()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits of memory that are kept")
@pytest.mark.parametrize("kind", ["AS", "DATA"])
def test_limits_of_the_process_count(kind, tmp_path):
    """What ulimit and batch systems set: said as too little memory, not found out when it is asked for."""
    code = (f"import resource; resource.setrlimit(resource.RLIMIT_{kind}, (2 * 10 ** 9, 2 * 10 ** 9))\n"
            "import sys; from numbragg import memory; from numbragg.commands.cli import main\n"
            "assert 2 ** 20 < memory.available() < 2 * 10 ** 9\n"
            "sys.exit(main(sys.argv[1:]))")
    np.lib.format.open_memmap(tmp_path / "holes.npy", "w+", np.float32, (30000, 30000))
    done = subprocess.run([sys.executable, "-c", code, "compare", "holes.npy", "holes.npy"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=300)
    line, = done.stderr.splitlines()
    assert done.returncode == 2 and "holes.npy: " in line and " GB" in line and "memory" in line


def test_require():
    memory.require(1000, "something")
    with pytest.raises(ValueError, match=r"^something need 1e\+09 GB; .* GB of memory are available$"):
        memory.require(10 ** 18, "something")


def test_little_is_asked_for_once_in_a_moment(monkeypatch):
    """A shot asks for many small things; together they are no more than a little of what there was."""
    asked, now = [], [0.0]
    monkeypatch.setattr(memory, "available", lambda: asked.append(now[0]) or 2560.0)
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])
    for _ in range(11):
        memory.require(1, "something")
    assert len(asked) == 1
    # one more than the 256th part
    memory.require(1, "something")
    assert len(asked) == 2
    memory.require(11, "much")
    assert len(asked) == 3
    with pytest.raises(ValueError, match="^too much need 2.561e-06 GB; 2.56e-06 GB of memory are available$"):
        memory.require(2561, "too much")
    memory.require(1, "something")
    assert len(asked) == 4
    now[0] = 0.2
    memory.require(1, "something")
    assert asked == [0.0] * 4 + [0.2]
    # another one that tells how much there is
    monkeypatch.setattr(memory, "available", lambda: 0)
    with pytest.raises(ValueError, match="^something need 1e-09 GB; 0 GB"):
        memory.require(1, "something")


#: Bytes that there are.
LEFT = 6e7

DOMAINS, STEPS, SOURCES = (int(LEFT // each) + 1 for each in (
    prepare.DOMAIN_BYTES, prepare.STEP_BYTES, prepare.SOURCE_BYTES))
#: Directions along an edge of a round beam.
EDGE = math.isqrt(int(LEFT / (prepare.SOURCE_BYTES * math.pi / 4.0))) + 1


@pytest.mark.parametrize("words, said", [
    ("-detpixels 46340", "detector: 46340 x 46340 pixels"),
    (f"-mosaic 1 -mosaic_dom {DOMAINS}", f"mosaic domains: {DOMAINS} of them"),
    (f"-phi 1 -osc 1 -phisteps {STEPS}", f"phi: {STEPS} steps"),
    (f"-dispersion 1 -dispsteps {SOURCES}", f"divergence and dispersion: {SOURCES} sources"),
    (f"-divergence 1 -divsteps {EDGE}", f"divergence and dispersion: {EDGE * EDGE} sources"),
])
def test_refused_on_the_command_line(words, said, folder, monkeypatch, capfd):
    """The least that is too much, by what the checks take each for; `test_memory_peaks` says that this is right."""
    monkeypatch.setattr("numbragg.memory.available", lambda: LEFT)
    assert main([*SMALL, "-oversample", "1", *words.split()]) == 2
    message = error_line(capfd)
    assert said in message and f"{LEFT / 1e9:g} GB of memory are available" in message
    assert list(folder.iterdir()) == []


def test_images_of_the_command_line_count(folder, monkeypatch, capfd):
    """A float image alone would fit, all images do not."""
    monkeypatch.setattr("numbragg.memory.available", lambda: 5 * 24 * 20)
    assert main(SMALL) == 2
    assert "the images of 24 x 20 pixels" in error_line(capfd)


def test_rows_outside_the_region_take_no_memory(monkeypatch):
    """A small region of a detector that is larger than the memory."""
    monkeypatch.setattr("numbragg.memory.available", lambda: 1e6)
    crystal, beam = nb.Crystal(cell=(50, 50, 50, 90, 90, 90), n_cells=5), nb.Beam()
    detector = nb.Detector(pixels=(1000, 1000))
    with pytest.raises(ValueError, match="detector: 1000 x 1000 pixels need"):
        nb.simulate(crystal, beam, detector, 1.0)
    image = nb.simulate(crystal, beam, detector, 1.0, roi=(400, 500, 400, 500))
    assert np.count_nonzero(image) and image.shape == (1000, 1000)


def test_container(tmp_path, monkeypatch):
    """A container's limit counts; what it keeps of files is given up when memory is needed."""
    monkeypatch.setattr(memory, "_GROUP", str(tmp_path))
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 3000\nfile 2000\nactive_file 700\ninactive_file 800\n"
                                         "slab_reclaimable 30\n")
    (tmp_path / "memory.max").write_text("6000\n")
    assert memory.available() == 6000 - 5000 + 700 + 800 + 30
    (tmp_path / "memory.max").write_text("max\n")
    machine = memory.available()
    assert machine > 2 ** 20
    for content in ("", "none\n"):
        (tmp_path / "memory.max").write_text(content)
        assert memory.available() > 2 ** 20


def test_panels_and_sums_are_counted(monkeypatch):
    """Images of all panels together, and the running sums of several crystals."""
    crystal = nb.Crystal(cell=(50, 50, 50, 90, 90, 90))
    plane = nb.Detector(pixels=(400, 400), pixel_mm=0.1)
    panels = nb.Detector(pixels=(400, 400), pixel_mm=0.1, windows=[(0, 0, 400, 400)] * 10)
    monkeypatch.setattr("numbragg.memory.available", lambda: 3e6)
    assert nb.simulate(crystal, nb.Beam(), plane, 100.0).shape == (400, 400)
    with pytest.raises(ValueError, match="detector: the images of 10 panels, 1600000 pixels in all, need 0.0064 GB"):
        nb.simulate(crystal, nb.Beam(), panels, 100.0)
    sums = SUM_BYTES * 400 * 400
    assert sums > 3e6
    with pytest.raises(ValueError, match=f"crystals: the sums of 2 crystals in 400 x 400 pixels need {sums / 1e9:g} "):
        nb.simulate([crystal, crystal], nb.Beam(), plane, 100.0)


SPECTRA = {"gaussian": lambda n: nb.Spectrum.gaussian(1.0, 1.0, samples=n),
           "tophat": lambda n: nb.Spectrum.tophat(1.0, 1.0, samples=n),
           "sase": lambda n: nb.Spectrum.sase(1.0, 1.0, 3, samples=n)}


@pytest.mark.parametrize("kind", SPECTRA)
def test_samples_of_a_spectrum(kind, monkeypatch):
    """Lists of thousands of millions of numbers are not begun; what is asked for is what they take."""
    asked, make, many = [], SPECTRA[kind], 20_000
    with monkeypatch.context() as patch:
        patch.setattr("numbragg.configs.spectrum.require", lambda size, what: asked.append(size))
        make(3)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            make(many)
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    assert peak / 1.2 < asked[-1] < 1.2 * peak
    with pytest.raises(ValueError, match=r"samples: 2000000000 wavelengths of a spectrum need \d+ GB; "):
        make(2_000_000_000)
