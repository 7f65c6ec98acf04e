"""A shot is a function of the description and its number: what it is of, and that nothing else matters."""

import platform
import subprocess
import sys

from campaign_tools import SMALL, changed, write
from formula_tools import INTERPRETED
import numpy as np
from processors import PROCESSORS, clean
import pytest

import numbragg as nb
from numbragg.campaign.shots import Maker

#: One lattice, no blank shots, nothing that varies but what a test adds.
PLAIN = SMALL[:SMALL.index("[vary.orientation]")]


def test_a_shot_is_what_the_python_interface_makes(folder):
    """The same numbers through `simulate_counts`, put together by hand."""
    maker = Maker(write())
    number = next(n for n in range(12) if not maker.description.values(n).blank
                  and len(maker.description.values(n).lattices) == 2)
    values = maker.description.values(number)
    crystals = [nb.Crystal(cell=(60, 60, 80, 90, 90, 90), n_cells=20, shape="gauss", spot_metric="hkl",
                           u_matrix=lattice["orientation"]) for lattice in values.lattices]
    beam = nb.Beam(fluence_photons_per_m2=values.shot["fluence_photons_per_m2"], size_mm=0.01)
    shot = nb.simulate_counts(crystals, beam, nb.Detector(pixels=(40, 32), pixel_mm=0.5, distance_mm=60.0), 100.0,
                              sampling=nb.Sampling(oversample=1), seed=5, frame=number)
    made = maker.shot(number)
    assert (made.images[0] == shot.counts).all() and made.images[0].dtype == np.int32 and shot.counts.any()
    assert made.row["counts"] == int(shot.counts.sum())
    assert np.allclose(made.row["a_matrix"][1], shot.result.a_matrix[0][1].reshape(-1), rtol=0, atol=0)


def content(shots):
    return [(shot.images[0].tobytes(), repr(shot.row)) for shot in shots]


def test_order_threads_and_what_was_made_before_do_not_matter(folder):
    name = write(f'{SMALL}\n[background]\nlayers = "water:5um"\n[vary.background_thickness_mm]\n'
                 'distribution = "uniform"\nlow = 0.001\nhigh = 0.01\n')
    maker = Maker(name, threads=1)
    first = content(map(maker.shot, range(8)))
    assert content(maker.shot(n) for n in reversed(range(8))) == first[::-1]
    other = Maker(name, threads=2)
    assert [content([other.shot(n)])[0] for n in (5, 2)] == [first[5], first[2]]
    assert len({image for image, _ in first}) == 8


PROGRAM = """
import hashlib, sys
from numbragg.campaign.shots import Maker
maker = Maker("set.toml", threads=1)
for number in map(int, sys.argv[1:]):
    shot = maker.shot(number)
    print(number, hashlib.sha256(shot.images[0].tobytes()).hexdigest(), repr(shot.row))
"""

FULL = SMALL + """
[background]
layers = "water:5um"
[vary.cell_length_factor]
distribution = "normal"
mean = 1.0
sigma = 0.003
low = 0.99
high = 1.01
[vary.mosaic_spread_deg]
distribution = "log-uniform"
low = 0.01
high = 0.1
[vary.spectrum]
distribution = "sase"
bandwidth_percent = 0.3
samples = 5
[vary.rotation_deg]
distribution = "uniform"
low = [-1, -1, -1]
high = [1, 1, 1]
[vary.defects_dead_fraction]
distribution = "uniform"
low = 0.0
high = 0.1
[response]
readout_adu = 0.5
[response.point_spread]
kind = "gaussian"
fwhm_um = 300
"""


@pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own, and these compile")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names processors of one kind")
def test_bits_are_those_of_any_processor(folder):
    """What is drawn, simulated, counted and told: alone, in another order, and on processors of fewer features."""
    write(FULL.replace("n_cells = 20", 'n_cells = 20\nmosaicity = "gaussian"\nmosaic_domains = 3'))

    def made(*numbers, **environment):
        done = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, numbers)], capture_output=True, text=True,
                              env={**clean(), **environment}, timeout=600)
        assert done.returncode == 0, done.stderr
        return sorted(done.stdout.splitlines())

    plain = made(0, 1, 2, 3)
    assert len(plain) == 4 and all("'failed': None" in line for line in plain)
    assert made(3, 1, **PROCESSORS["no AVX2 in NumPy"](), OPENBLAS_CORETYPE="Prescott") == [plain[1], plain[3]]
    assert made(2, 0, **PROCESSORS["kernels for any processor"]()) == [plain[0], plain[2]]


def test_a_shot_that_fails_is_told_of(folder):
    # half of the tilts put the plane behind the sample
    maker = Maker(write(f'{PLAIN}\n[background]\nlayers = "water:5um"\n[vary.distance_mm]\ndistribution = "list"\n'
                        "values = [60.0, 0.001]\nrepeat = true\n"))
    assert maker.shot(0).failed is None and maker.shot(2).failed is None
    failed = maker.shot(1)
    assert failed.images is None and failed.failed.startswith("background: water from -0.0025 to 0.0025 mm")
    assert failed.row["counts"] is None and failed.row["vary.distance_mm"] == [0.001]


def test_memory_of_this_machine_is_no_failure_of_a_shot(folder, monkeypatch):
    maker = Maker(write(f'{PLAIN}\n[background]\nlayers = "water:5um"\n'))
    monkeypatch.setattr("numbragg.memory.available", lambda: 0)
    with pytest.raises(MemoryError, match="shot 3: "):
        maker.shot(3)


def test_blank_shots_have_background_alone(folder):
    text = f'{PLAIN}\n[background]\nlayers = "water:5um"\n[output]\nkind = "mean"\n'
    blank = '[vary.blank]\ndistribution = "constant"\nvalue = true\n'
    shot = Maker(write(text + blank)).shot(0)
    without = Maker(write(text.replace("constant = 100.0", "constant = 0.0"))).shot(0)
    assert shot.images[0].dtype == np.float32 and shot.images[0].any()
    assert (shot.images[0] == without.images[0]).all()
    assert shot.row["lattices"] == 0 and shot.row["counts"] is None


def test_spectra_of_files(folder):
    for number, wavelength in enumerate((1.0, 1.1)):
        (folder / f"s{number}.txt").write_text(f"wavelength weight\n{wavelength} 1\n{wavelength + 0.01} 3\n")
    maker = Maker(write(f'{PLAIN}\n[vary.spectrum]\ndistribution = "list"\nfiles = ["s0.txt", "s1.txt"]\n'
                        "repeat = true\n"))
    rows = [maker.shot(number).row for number in range(3)]
    assert [row["spectrum_wavelengths_angstrom"] for row in rows] == [[1.0, 1.01], [1.1, 1.11], [1.0, 1.01]]
    assert [row["spectrum_file"] for row in rows] == ["s0.txt", "s1.txt", "s0.txt"]
    assert rows[1]["spectrum_weights"] == [0.25, 0.75]


def test_pulses(folder):
    maker = Maker(write(f'{PLAIN}\n[vary.spectrum]\ndistribution = "sase"\nbandwidth_percent = 0.5\nsamples = 20\n'
                        'merged = 4\n[vary.wavelength_angstrom]\ndistribution = "uniform"\nlow = 1.0\nhigh = 2.0\n'))
    row = maker.shot(2).row
    pulse = nb.Spectrum.sase(row["vary.wavelength_angstrom"][0], 0.5, row["spectrum_seed"], samples=20).merged(4)
    # through metres and back
    assert np.allclose(row["spectrum_wavelengths_angstrom"], pulse.wavelengths_angstrom, rtol=1e-15, atol=0)


GEOMETRY = """res = 2000
clen = 0.06
p0/min_fs = 0
p0/max_fs = 19
p0/min_ss = 0
p0/max_ss = 15
p0/corner_x = -20
p0/corner_y = 8
p0/fs = x
p0/ss = -y
p1/min_fs = 0
p1/max_fs = 19
p1/min_ss = 16
p1/max_ss = 31
p1/corner_x = 2
p1/corner_y = 8
p1/fs = x
p1/ss = -y
"""


def test_panels_of_a_geometry_file(folder):
    (folder / "two.geom").write_text(GEOMETRY)
    text = changed(("pixels = [40, 32]\npixel_mm = 0.5\ndistance_mm = 60.0", 'file = "two.geom"'), text=PLAIN)
    maker = Maker(write(f'{text}\n[vary.distance_mm]\ndistribution = "grid"\nlow = 60\nhigh = 70\nsteps = 2\n'))
    near, far = maker.shot(0), maker.shot(1)
    assert [image.shape for image in near.images] == [(16, 20)] * 2
    assert near.panels[0].origin_mm[2] == 60.0 and far.panels[0].origin_mm[2] == 70.0
    assert near.row["d_min_angstrom"] < far.row["d_min_angstrom"]
