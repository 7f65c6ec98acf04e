"""Damaged files of reflections, models, detectors and spectra, each for the reader that takes it."""

from dataclasses import replace
from functools import cache
import io
import os
import random
import re
import tempfile

from .cases import Case, Content
from .files import damaged
from .seeds import smv

__all__ = ["KINDS", "random_crystal", "seed_bytes"]

_GEOM = b"""; a detector
photon_energy = 9800
clen = 95.3 mm
res = 13333.3
adu_per_eV = 0.001
data = /entry/data
dim0 = %
dim1 = ss
dim2 = fs
bad_stop/min_x = -3
bad_stop/max_x = 3
bad_stop/min_y = -3
bad_stop/max_y = 3
bad_row/panel = m0
bad_row/min_fs = 3
bad_row/max_fs = 4
bad_row/min_ss = 0
bad_row/max_ss = 6
rigid_group_q0 = m0,m1
rigid_group_collection_all = q0
m0/min_fs = 0
m0/max_fs = 8
m0/min_ss = 0
m0/max_ss = 6
m0/corner_x = 4.5
m0/corner_y = 3
m0/fs = -0.9999x +0.0003y
m0/ss = -0.0003x -0.9998y
m0/coffset = 0.0002
m1/min_fs = 0
m1/max_fs = 8
m1/min_ss = 7
m1/max_ss = 13
m1/corner_x = 4.5
m1/corner_y = -5
m1/fs = -x
m1/ss = -y +0.01z
m1/mask_edge_pixels = 1
m1/no_index = 0
"""

_EXPT = b"""{"__id__": "ExperimentList",
 "experiment": [{"__id__": "Experiment", "beam": 0, "detector": 0}],
 "beam": [{"direction": [0.01, -0.02, 1.0], "wavelength": 1.03}],
 "detector": [{"panels": [
   {"name": "m0", "fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, -1.0, 0.0], "origin": [0.0, 0.0, 0.0],
    "pixel_size": [0.075, 0.075], "image_size": [9, 7], "thickness": 0.32, "mu": 3.9, "material": "Si",
    "mask": [[0, 0, 2, 2]], "trusted_range": [0, 100], "raw_image_offset": [0, 0],
    "px_mm_strategy": {"type": "ParallaxCorrectedPxMmStrategy"}},
   {"name": "m1", "fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, 1.0, 0.0], "origin": [0.7, 0.0, 0.0],
    "pixel_size": [0.075, 0.075], "image_size": [9, 7], "mask": []}],
  "hierarchy": {"name": "all", "fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, 1.0, 0.0],
   "origin": [0.0, 0.0, -100.0], "children": [{"panel": 0},
    {"name": "g", "fast_axis": [0.0, 1.0, 0.0], "slow_axis": [-1.0, 0.0, 0.0], "origin": [0.0, 1.0, 0.0],
     "children": [{"panel": 1}]}]}}],
 "crystal": [], "goniometer": [], "scan": [], "imageset": []}
"""

_PDB = b"""HEADER    SMALL
CRYST1   12.000   14.000   16.000  90.00 101.00  90.00 P 1 21 1      2
ORIGX1      1.000000  0.000000  0.000000        0.00000
ORIGX2      0.000000  1.000000  0.000000        0.00000
ORIGX3      0.000000  0.000000  1.000000        0.00000
MTRIX1   1  1.000000  0.000000  0.000000        0.00000    1
MTRIX2   1  0.000000  1.000000  0.000000        0.00000    1
MTRIX3   1  0.000000  0.000000  1.000000        0.00000    1
ATOM      1  N   GLY A   1       4.000   5.000   6.000  1.00 12.00           N
ANISOU    1  N   GLY A   1      500    200    800    100   -200    150       N
ATOM      2  CA AGLY A   1       5.300   5.600   6.300  0.60 11.00           C
ATOM      3  CA BGLY A   1       5.500   5.400   6.500  0.40 11.00           C
HETATM    4 SE   MSE A   2       2.000   4.000  10.000  0.80 18.00          SE
HETATM    5  O   HOH A   3       8.000   4.000   3.000  1.00 28.00           O
TER
END
"""

_REFLN = b"""data_r
_cell.length_a 12.0
_cell.length_b 14.0
_cell.length_c 16.0
_cell.angle_alpha 90
_cell.angle_beta 101
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 1 21 1'
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.F_meas_au
_refln.F_meas_sigma_au
_refln.status
_refln.pdbx_F_plus
_refln.pdbx_F_minus
_refln.intensity_meas
1 0 0 10.5 0.1 o 10 10 110
1 1 0 20.5 0.1 f 20 21 420
0 2 0 ? ? x ? ? ?
-1 1 2 33.3 0.1 o 33 . 1108
"""

_SMALL = b"""data_small
_cell_length_a 5.0(1)
_cell_length_b 6.0
_cell_length_c 7.0
_cell_angle_alpha 90
_cell_angle_beta 97.5(2)
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1 21/c 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_U_iso_or_equiv
_atom_site_occupancy
_atom_site_adp_type
C1 C 0.1000(2) 0.2000 0.3000 0.02 1 Uani
S1 S 0.4 0.3 0.05(1) 0.03 0.5 Uiso
loop_
_atom_site_aniso_label
_atom_site_aniso_U_11
_atom_site_aniso_U_22
_atom_site_aniso_U_33
_atom_site_aniso_U_23
_atom_site_aniso_U_13
_atom_site_aniso_U_12
C1 0.02 0.03 0.025 0.001 0.002 0.003
"""


_MASK_WORDS = b"mask0_data = /m\nmask0_file = mask.h5\nmask0_badbits = 0x3\n"

_CBF = b"""###CBF: VERSION 1.5\r
data_x\r
_array_data.header_convention "SLS_1.0"\r
_array_data.header_contents\r
;\r
# Detector: PILATUS 6M, S/N 60-0000\r
# Pixel_size 172e-6 m x 172e-6 m\r
# Silicon sensor, thickness 0.000320 m\r
# Wavelength 0.9763 A\r
# Detector_distance 0.21500 m\r
# Beam_xy (4.5, 3.25) pixels\r
;\r
_array_data.data\r
--CIF-BINARY-FORMAT-SECTION--\r
X-Binary-Size-Fastest-Dimension: 9\r
X-Binary-Size-Second-Dimension: 7\r
\r
\x0c\x1a\x04\xd5"""


def _nxmx():
    """Two modules, a chain of transformations, a packed mask."""
    import h5py
    import numpy as np

    def put(group, name, value, **attributes):
        group.create_dataset(name, data=value).attrs.update(attributes)

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        detector = file.create_group("entry/instrument/detector")
        detector.attrs["NX_class"] = "NXdetector"
        put(detector, "sensor_thickness", 0.45, units="mm")
        put(detector, "sensor_material", b"Si")
        detector.create_dataset("pixel_mask", data=np.eye(8, 6, dtype=np.uint32).reshape(2, 4, 6), compression="gzip")
        steps = detector.create_group("transformations")
        put(steps, "swing", 30.0, units="deg", transformation_type="rotation", vector=(0, 1, 0), depends_on=".")
        put(steps, "arm", [0.2], units="m", transformation_type="translation", vector=(0, 0, 1),
            depends_on=f"{steps.name}/swing")
        for number in range(2):
            module = detector.create_group(f"module{number}")
            module.attrs["NX_class"] = "NXdetector_module"
            put(module, "data_origin", (number, 0, 0))
            put(module, "data_size", (1, 4, 6))
            for axis, vector in (("fast", (-1, 0, 0)), ("slow", (0, -1, 0))):
                put(module, f"{axis}_pixel_direction", 75.0, units="um", transformation_type="translation",
                    vector=vector, offset=(1.0 * number, 0, 0), offset_units="mm", depends_on=f"{steps.name}/arm")
    return buffer.getvalue()


def _mask_file():
    import h5py
    import numpy as np

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("m", data=np.arange(14 * 9, dtype=np.uint16).reshape(14, 9), chunks=(4, 4), shuffle=True,
                            compression="gzip")
    return buffer.getvalue()


def _mtz():
    import gemmi
    import numpy as np

    made = gemmi.Mtz(with_base=True)
    made.spacegroup, made.cell = gemmi.SpaceGroup("P 1 21 1"), gemmi.UnitCell(12, 14, 16, 90, 101, 90)
    made.add_dataset("set")
    for label, kind in (("FP", "F"), ("SIGFP", "Q"), ("F(+)", "G"), ("F(-)", "G"), ("IMEAN", "J"), ("FWT", "F")):
        made.add_column(label, kind)
    # k = 0 is centric
    rows = [[h, k, l, 10 + h + k, 0.1, 11 + h, 12 + k if k else 11 + h, 100, 5]
            for h in range(3) for k in range(3) for l in range(3)]
    made.set_data(np.array(rows[1:], np.float32))
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "it.mtz")
        made.write_to_file(name)
        with open(name, "rb") as file:
            return file.read()


def _model_cif():
    import gemmi

    structure = gemmi.read_pdb_string(_PDB.decode())
    structure.setup_entities()
    return structure.make_mmcif_document().as_string().encode()


_SPECTRUM = b"wavelength (A), intensity\n1.00, 0.5\n1.01, 1.0\n1.02, 0.25\n"
_LIST = b"# measured\nh k l sigF F\n0 0 1 0.1 10\n1 0 2 0.2 20\n-1 2 2 0.2 20\n"

#: Kinds, the ends of their names, and real files of that kind.
KINDS = {"geom": (".geom", r".*\.geom"), "expt": (".expt", r".*\.expt"), "mtz": (".mtz", r".*\.mtz"),
         "refln": (".cif", r".*-sf\.cif"), "model": (".cif", None), "small": (".cif", None),
         "pdb": (".pdb", r".*\.pdb"), "spectrum": (".txt", r".*(\.lam|spectrum\.txt)"), "list": (".hkl", None),
         "nxmx": (".nxs", None), "cbf": (".cbf", None), "smv": (".img", None), "mask": (".h5", None)}

#: Those that Python's readers take, and no command.
_OF_DETECTORS = {"geom": "from_geom", "expt": "from_expt", "nxmx": "from_header", "cbf": "from_header",
                 "smv": "from_header", "mask": "from_geom"}


@cache
def seed_bytes(kind):
    """A small valid file of a kind."""
    fixed = {"geom": _GEOM, "expt": _EXPT, "refln": _REFLN, "small": _SMALL, "pdb": _PDB, "spectrum": _SPECTRUM,
             "list": _LIST, "cbf": _CBF, "smv": smv("BEAM_CENTER_X=0.2;\nBEAM_CENTER_Y=0.3;\n")}
    made = {"mtz": _mtz, "model": _model_cif, "nxmx": _nxmx, "mask": _mask_file}
    return fixed[kind] if kind in fixed else made[kind]()


@cache
def _real(folder, kind):
    """Contents of real files of a kind, in a folder of them."""
    pattern = KINDS[kind][1]
    if folder is None or pattern is None:
        return ()
    names = sorted(name for name in os.listdir(folder) if re.fullmatch(pattern, name))
    found = []
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            found.append(file.read())
    return tuple(found)


_SCENE = (("-N", "5"), ("-detpixels", "5"), ("-pixel", "1"), ("-distance", "20"), ("-oversample", "1"), ("-seed", "1"))


def _words(r, kind, name):
    if kind in _OF_DETECTORS:
        return [(_OF_DETECTORS[kind], "file.geom" if kind == "mask" else name)]
    groups = [*_SCENE, ("--quiet",)] if r.random() < 0.5 else [*_SCENE]
    if kind == "spectrum":
        groups += [("--spectrum", name), ("-cell", "20"), ("-default_F", "10")]
        groups += [("--spectrum-samples", "2")] * (r.random() < 0.3) + [("--spectrum-density",)] * (r.random() < 0.3)
        return groups
    groups.append(("-hkl", name))
    if r.random() < 0.2 or kind == "list":
        groups.append(("-cell", *r.choice(("20", "20 30 40 90 100 90", "12 14 16 90 101 90")).split()))
    groups += [("-default_F", "3")] * (r.random() < 0.2)
    if kind in ("mtz", "refln", "list"):
        column = {"mtz": ("FP", "F(+)", "IMEAN", "FWT", "x"), "refln": ("F_meas_au", "pdbx_F_minus", "status"),
                  "list": ("h,k,l,-,F", "h,k,l,F", "h,k,l,-,I")}[kind]
        groups += [("--hkl-columns", r.choice(("auto", *column)))] if r.random() < 0.5 or kind == "list" else []
        groups += [("--intensities", "sqrt")] * (r.random() < 0.2)
        groups += [("--space-group", r.choice(("P212121", "P 1", "19", "0", "x")))] * (r.random() < 0.2)
    elif r.random() < 0.7:
        groups.append(("-dmin", r.choice(("4", "2.5", "1.5"))))
    return groups


def _moved_lines(r, content):
    """One change of whole lines of a text: one goes, comes twice, or takes another's place."""
    lines = content.split(b"\n")
    at = r.randrange(len(lines))
    start = sum(len(line) + 1 for line in lines[:at])
    what = r.choice(("remove", "twice", "other", "crlf"))
    added = {"remove": b"", "twice": (lines[at] + b"\n") * 2, "other": r.choice(lines) + b"\n",
             "crlf": lines[at] + b"\r\n"}[what]
    return (start + 0.5) / max(len(content), 1), len(lines[at]) + 1, added


def random_crystal(seed, number, kinds=tuple(KINDS), real=None):
    """The case of a seed and a number; with `real`, a folder of real files, half of the files are made from these."""
    label = f"crystals {seed} {number}"
    r = random.Random(label)
    kind = r.choice(kinds)
    others = _real(real, kind)
    base = r.choice(others) if others and r.random() < 0.5 else seed_bytes(kind)
    packed = "gzip" if kind not in (*_OF_DETECTORS, "spectrum") and r.random() < 0.1 else ""
    content = damaged(r, base, packed)
    if not packed and r.random() < 0.3:
        for _ in range(r.choice((1, 1, 2, 4))):
            content = replace(content, changes=(*content.changes, _moved_lines(r, content.damage(base))))
    if kind == "mask":
        return Case(label, tuple(_words(r, kind, "")), {"mask.h5": content, "file.geom": Content(_MASK_WORDS + _GEOM)})
    ending = KINDS[kind][0] if r.random() > 0.03 else r.choice(list(KINDS.values()))[0]
    name = "file" + ending + (".gz" if packed else "")
    return Case(label, tuple(_words(r, kind, name)), {name: content})
