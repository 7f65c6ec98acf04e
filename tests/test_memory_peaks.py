"""What is checked before memory is used is what is used then: within a fifth, for ten kinds of input and more."""

import json
from pathlib import Path
import shutil
import subprocess
import sys

import numpy as np
import pytest

CHILD = str(Path(__file__).with_name("peak_of_memory.py"))
#: A pixel takes no time, so that images can be large.
QUICK = ("-default_F 1 -cell 79 -N 1 -oversample 1 -seed 1 -lambda 1 -distance 100 -quiet").replace("-quiet", "--quiet")
BARE = f"{QUICK} -nopgm -nonoise"
#: How many times what is asked for may be the peak, or less.
WITHIN = 0.2


def list_of_corners(path, size):
    path.write_text(f"0 0 0 10\n{size} {size} {size} 20\n", encoding="ascii")


def dense_list(path, size):
    rows = "".join(f"{k} {l} {k + l}.5\n" for k in range(size) for l in range(size)).splitlines(keepends=True)
    with open(path, "w", encoding="ascii") as file:
        for h in range(size):
            file.write("".join(f"{h} {row}" for row in rows))


def dump_of_holes(path, size):
    with open(path, "wb") as file:
        file.write(f"0 {size} 0 {size} 0 {size}\n\f".encode("ascii"))
        file.truncate(file.tell() + 8 * (size + 2) ** 3)


def floats(path, size):
    np.random.default_rng(size).random((size, size), dtype=np.float32).tofile(path)


def array(path, size):
    np.save(path, np.random.default_rng(size).random((size, size), dtype=np.float32))


def sources(path, size):
    path.write_text("".join(f"-1 {1e-7 * n:.8f} 0 1 1e-10\n" for n in range(size)), encoding="ascii")


def geometry(path, size):
    path.write_text("photon_energy = 12398\nclen = 0.1\nres = 10000\n" + "".join(
        f"p{n}/min_fs = 0\np{n}/max_fs = {size - 1}\np{n}/min_ss = {n * size}\np{n}/max_ss = {(n + 1) * size - 1}\n"
        f"p{n}/fs = 1x\np{n}/ss = 1y\np{n}/corner_x = 0\np{n}/corner_y = {(n - 2) * size}\n" for n in range(4)),
        encoding="ascii")


def _indices(size):
    return np.indices((size, size, size)).reshape(3, -1).T[1:]


def mtz(path, size):
    import gemmi

    made = gemmi.Mtz(with_base=True)
    made.spacegroup = gemmi.SpaceGroup("P 1")
    made.set_cell_for_all(gemmi.UnitCell(79, 79, 79, 90, 90, 90))
    made.add_dataset("set").wavelength = 1.0
    made.add_column("F", "F")
    found = _indices(size)
    made.set_data(np.column_stack([found, found.sum(axis=1)]).astype(np.float32))
    made.write_to_file(str(path))


def cif(path, size):
    head = "".join(f"_cell.{name} {value}\n" for name, value in (
        ("length_a", 79), ("length_b", 79), ("length_c", 79), ("angle_alpha", 90), ("angle_beta", 90),
        ("angle_gamma", 90)))
    columns = "".join(f"_refln.{name}\n" for name in ("index_h", "index_k", "index_l", "F_meas_au"))
    path.write_text(f"data_r1sf\n{head}_symmetry.space_group_name_H-M 'P 1'\nloop_\n{columns}" + "".join(
        f"{h} {k} {l} {h + k + l}.5\n" for h, k, l in _indices(size).tolist()), encoding="ascii")


def response(path, size):
    path.write_text("[point_spread]\nkind = \"gaussian\"\nfwhm_um = 150.0\n", encoding="ascii")


def amorphous(path, size):
    path.write_text("0.0 5\n0.2 4\n0.5 1\n1.0 0.5\n", encoding="ascii")


def campaign(path, size):
    path.write_text(f"""[campaign]
shots = 4
seed = 1
shots_per_file = 2
[structure]
constant = 1.0
[detector]
pixels = [{size}, {size}]
[crystal]
cell = [79, 79, 79, 90, 90, 90]
n_cells = 1
[sampling]
oversample = 1
[background]
layers = "water:5um"
[vary.orientation]
distribution = "uniform"
""", encoding="ascii")


def simulator(path, size):
    """Images one after the other, each with other mosaic domains, of one simulator that keeps what it can."""
    path.write_text(f"""import numbragg as nb
made = nb.Simulator(nb.Detector(pixels=(1, 1)), nb.Beam(), 100.0, sampling=nb.Sampling(oversample=1))
for seed in range(1, 6):
    made.image(nb.Crystal(cell=(79, 79, 79, 90, 90, 90), n_cells=5, mosaic_spread_deg=1, mosaic_domains={size},
                          mosaic_seed=seed))
""", encoding="ascii")


#: Words, of which SIZE and FILE are replaced; a large and a small size; how the file is made, by its ending.
KINDS = {
    "pixels": (f"{BARE} -detpixels SIZE", 4000, 20, None),
    "noise": (f"{QUICK} -detpixels SIZE -pgmfile x.pgm", 4000, 20, None),
    "NXmx": (f"{BARE} -detpixels SIZE --nexus x.nxs", 3500, 20, None),
    "CBF": (f"{QUICK} -nopgm -detpixels SIZE --cbf x_0001.cbf", 3500, 20, None),
    "counts": (f"{QUICK} -nopgm -detpixels SIZE --counts x.npy", 3500, 20, None),
    "TIFF": (f"{BARE} -detpixels SIZE --tiff x.tif", 3500, 20, None),
    "picture": (f"{BARE} -detpixels SIZE --png x.png", 3500, 20, None),
    "background": (f"{BARE} -detpixels SIZE --background water:5um", 3500, 20, None),
    "panels": (f"{QUICK} --detector FILE.geom --npy x.npy --nexus x.nxs", 1500, 20, geometry),
    "mosaic domains": (f"{BARE} -detpixels 1 -N 5 -mosaic 1 -mosaic_dom SIZE", 2000000, 20, None),
    "domains of spots that are culled": (f"{BARE} -detpixels 1 -N 30 -gauss_xtal -mosaic 1 -mosaic_dom SIZE", 2000000,
                                         20, None),
    "domains of top-hat spots": (f"{BARE} -detpixels 1 -N 30 -tophat_spots -mosaic 1 -mosaic_dom SIZE", 2000000, 20,
                                 None),
    "pixels of spots that are culled": (f"{BARE} -N 30 -gauss_xtal -detpixels SIZE", 4000, 20, None),
    "a simulator that is kept": ("FILE.py", 1000000, 20, simulator),
    "shots of a campaign": ("campaign run FILE.toml --out outSIZE --shard 0/1 --quiet --threads 1", 2500, 20,
                            campaign),
    "phi steps": (f"{BARE} -detpixels 1 -N 5 -phi 1 -osc 1 -phisteps SIZE", 500000, 20, None),
    "wavelengths": (f"{BARE} -detpixels 1 -N 5 -dispersion 1 -dispsteps SIZE", 1000000, 20, None),
    "sources": (f"{BARE} -detpixels 1 -N 5 -sourcefile FILE.txt", 600000, 20, sources),
    "list of corners": (f"{BARE} -detpixels 1 -N 5 -hkl FILE.hkl -dump x.bin", 250, 2, list_of_corners),
    "list": (f"{BARE} -default_F 0 -detpixels 1 -N 5 -hkl FILE.hkl -dump x.bin", 150, 2, dense_list),
    "dump": (f"{BARE} -default_F 0 -detpixels 1 -N 5 -dump FILE.bin", 200, 2, dump_of_holes),
    "MTZ": (f"{BARE} -default_F 0 -detpixels 1 -N 5 -hkl FILE.mtz -dump x.bin", 150, 2, mtz),
    "CIF": (f"{BARE} -default_F 0 -detpixels 1 -N 5 -hkl FILE.cif -dump x.bin", 150, 2, cif),
    "point spread": (f"{QUICK} -nopgm -detpixels SIZE --counts x.npy --response FILE.toml", 3500, 20, response),
    "amorphous": ("nonbragg -stol FILE.stol -detpixels SIZE -seed 1 --quiet", 4000, 20, amorphous),
    "compared": ("compare FILE.bin FILE.bin", 2500, 20, floats),
    "noisify": ("noisify -floatfile FILE.bin -detpixels SIZE -distance 100 -seed 1 --quiet", 3000, 20, floats),
    "viewed": ("view FILE.npy --html x.html", 2500, 20, array),
}


def run(folder, words, size):
    """The account of one run."""
    # what is there would not be made again
    shutil.rmtree(folder / f"out{size}", ignore_errors=True)
    filled = words.replace("SIZE", str(size)).replace("FILE", str(folder / f"size{size}"))
    account = folder / "account.json"
    subprocess.run([sys.executable, CHILD, str(account), *filled.split()], cwd=folder, check=False, timeout=600,
                   capture_output=True)
    found = json.loads(account.read_text(encoding="ascii"))
    account.unlink()
    return found


def loaded(folder, words, size):
    """The account of a run that loads its kernels: to compile them takes memory of its own, for large images others."""
    found = run(folder, words, size)
    return run(folder, words, size) if found["compiled"] else found


#: Whose checks are much like those of another kind: they take their time, and are left to the slow run.
ALIKE = {"CBF", "counts", "TIFF", "picture", "background", "domains of top-hat spots",
         "pixels of spots that are culled", "a simulator that is kept", "phi steps", "wavelengths", "list of corners",
         "amorphous", "compared", "noisify"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) if kind in ALIKE else kind
                                  for kind in KINDS])
def test_check_is_the_peak(kind, tmp_path):
    words, large, small, make = KINDS[kind]
    if make is not None:
        ending = next(word for word in words.split() if "FILE" in word).replace("FILE", "")
        for size in (large, small):
            make(tmp_path / f"size{size}{ending}", size)
    wrong = ""
    for _ in range(3):
        # what else the machine does may delay what gives memory back
        wrong = _wrong(loaded(tmp_path, words, small), loaded(tmp_path, words, large))
        if not wrong:
            break
    assert not wrong, wrong


def _wrong(little, much):
    """What is wrong with the checks of a large run, beside a small one; empty: nothing."""
    peak = much["peak"] - little["peak"]
    # what is in use counts from the same moment of the small run
    bases = {place: (size, resident) for place, size, resident in little["asked"]}
    asked = []
    for place, size, resident in much["asked"]:
        less, base = bases.get(place, (0, little["peak"]))
        asked.append((size - less, max(resident - base, 0)))
    predicted = max(size + used for size, used in asked)
    if much["code"] not in (0, 1) or peak <= 3e7:
        return f"the run itself: {much}"
    if not (1.0 - WITHIN) * peak <= predicted <= (1.0 + WITHIN) * peak:
        return f"{predicted} bytes are checked, {peak} are taken: {much['asked']}, {little['asked']}"
    # and before it is used
    if not any(size >= 0.4 * peak and used <= 0.45 * peak for size, used in asked):
        return f"{peak} bytes are taken before they are checked: {much['asked']}"
    return ""
