"""Oracle in plain Python: from nanoBragg's command line and input files to arguments of `naive.image`.

Covers what well-formed command lines need; imports nothing of the program under test.
"""

import math
from pathlib import Path
import re
from types import SimpleNamespace

from naive import mosaic_counts
from naive_geometry import RTD, detector_size
from naive_random import NaiveStream, NaiveTable
import numpy as np

NAN = math.nan
NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:inf(?:inity)?|nan))", re.I)


def atof(text):
    """The number at the start of a text, 0 if there is none."""
    found = NUMBER.match(text)
    return float(found.group(1)) if found else 0.0


def atoi(text):
    """The whole number at the start of a text, 0 if there is none."""
    found = re.match(r"\s*([+-]?\d+)", text)
    return int(found.group(1)) if found else 0


# -- random orientations (7.2, 7.4)


def matrix_angles(u):
    """Misset angles of a rotation matrix whose rows are made unit twice (7.4)."""
    rows = u
    for _ in range(2):
        lengths = [math.sqrt(x * x + y * y + z * z) for x, y, z in rows]
        rows = [[x / length for x in row] for row, length in zip(rows, lengths)]
    (xx, xy, _), (yx, yy, _), (zx, zy, zz) = rows
    if zx * zx < 1.0:
        return [math.atan2(zy, zz), math.atan2(-zx, math.sqrt(zy * zy + zz * zz)), math.atan2(yx, xx)]
    return [math.atan2(1, 1) * 4, math.atan2(1, 1) * 2, math.atan2(xy, -yy)]


def orientations(p):
    """(mosaic matrices, misset angles or None) in the order of drawing: misset first, then mosaic."""
    table, angles = NaiveTable(), None
    if p.misset == "random":
        angles = matrix_angles(NaiveStream(p.misset_seed, table).rotation(90.0))
    domains, spread = mosaic_counts(p.mosaic_domains, p.mosaic_spread)
    stream = NaiveStream(p.mosaic_seed, table)
    matrices = [stream.rotation(spread) for _ in range(domains)]
    matrices[0] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    return matrices, angles


# -- files (section 3)


def read_hkl(path, default_f):
    """(padded table, lowest indices, highest indices); of duplicates the last wins."""
    words = Path(path).read_text().split()
    rows = [(int(h), int(k), int(l), float(f)) for h, k, l, f in zip(*(words[i::4] for i in range(4)))]
    low = [min(row[i] for row in rows) for i in range(3)]
    high = [max(row[i] for row in rows) for i in range(3)]
    table = np.zeros([b - a + 2 for a, b in zip(low, high)])
    table[:-1, :-1, :-1] = default_f
    for h, k, l, f in rows:
        table[h - low[0], k - low[1], l - low[2]] = f
    return table, low, high


def through_dump(table, low, high):
    """The table as it comes back from a dump file: leading bytes that are white space get lost (Q22)."""
    data = table.tobytes()
    data = data.lstrip(b"\t\n\v\f\r ")
    data += bytes(table.nbytes - len(data))
    return np.frombuffer(data).reshape(table.shape), low, high


def read_matrix(path):
    """The first nine numbers."""
    return tuple(float(word) for word in Path(path).read_text().split()[:9])


def read_sources(path):
    """Rows X, Y, Z, intensity, wavelength; missing columns are NaN, in a last line without end 0."""
    rows = []
    for line in Path(path).read_text().splitlines(keepends=True):
        words = [word for word in re.split(r"[ \t\n,;:!]+", line) if word][:5]
        if words:
            missing = NAN if line.endswith("\n") else 0.0
            rows.append([atof(word) for word in words] + [missing] * (5 - len(words)))
    return np.array(rows)


def header_value(header, key):
    """The number after the `=` that follows the last place where key stands, NaN if there is none."""
    at = header.rfind(key)
    if at < 0:
        return NAN
    equals = header.find("=", at)
    return 0.0 if equals < 0 else atof(header[equals + 1:])


def read_header(p, path, is_mask):
    """Settings from an SMV header into p (3.6); a mask's pixels too."""
    data = Path(path).read_bytes()
    size = int(header_value(data[:512].decode("latin-1"), "HEADER_BYTES"))
    header = data[:size].decode("latin-1")
    width, height = header_value(header, "SIZE1"), header_value(header, "SIZE2")
    if math.isnan(width) or int(width) == 0:
        width = height = header_value(header, "DETECTOR_DIMENSIONS")
    p.pixels_f, p.pixels_s = int(width), int(height)
    if is_mask:
        values = np.frombuffer(data[size:], np.uint16)[:p.pixels_f * p.pixels_s]
        p.mask = values.reshape(p.pixels_s, p.pixels_f)

    def take(key, name, change):
        value = header_value(header, key)
        if not math.isnan(value):
            setattr(p, name, change(value))

    take("PIXEL_SIZE", "pixel_size", lambda v: v / 1000.0)
    p.detector_size_f, p.detector_size_s = p.pixel_size * p.pixels_f, p.pixel_size * p.pixels_s
    take("DISTANCE", "distance", lambda v: v / 1000.0)
    take("CLOSE_DISTANCE", "close_distance", lambda v: v / 1000.0)
    take("WAVELENGTH", "wavelength", lambda v: v / 1e10)
    take("BEAM_CENTER_X", "beam_x", lambda v: v / 1000.0)
    take("BEAM_CENTER_Y", "beam_y", lambda v: p.detector_size_s - v / 1000.0 if is_mask else v / 1000.0)
    take("ORGX", "origin_x", float)
    take("ORGY", "origin_y", float)
    take("PHI", "phi_start", lambda v: v / RTD)
    take("OSC_RANGE", "oscillation", lambda v: v / RTD)


# -- options (section 2)


def defaults():
    """Every setting before the first argument is read."""
    return SimpleNamespace(
        n_cells=[1.0, 1.0, 1.0], cell_given=False, cell_lengths=[0.0] * 3, cell_angles=[0.0] * 3, matrix=None,
        u_matrix=None, misset="none", misset_angles=[0.0] * 3, misset_seed=None, sample_size=[0.0] * 3,
        shape="square", fudge=1.0, mosaic_spread=-1.0, mosaic_domains=-1, mosaic_seed=12345678, phi_start=0.0,
        oscillation=-1.0, phi_step=-1.0, phi_steps=-1, water_size=0.0, wavelength=1.0e-10,
        fluence=125932015286227086360700780544.0, flux=0.0, exposure=1.0, beam_size=1e-4,
        polarisation_fraction=0.0, unpolarised_factor=False, dispersion=0.0, dispersion_steps=-1,
        divergence_h=-1.0, divergence_v=-1.0, divergence_h_step=-1.0, divergence_v_step=-1.0,
        divergence_h_steps=-1, divergence_v_steps=-1, round_divergence=True, sources=None, d_min=0.0,
        pixel_size=0.1e-3, detector_size_f=102.4e-3, detector_size_s=102.4e-3, pixels_f=0, pixels_s=0,
        distance=100.0e-3, close_distance=NAN, beam_x=NAN, beam_y=NAN, close_x=NAN, close_y=NAN, origin_x=NAN,
        origin_y=NAN, convention="mosflm", pivot="beam", beam_vector=(1.0, 0.0, 0.0),
        fast_axis=(0.0, 0.0, 1.0), slow_axis=(0.0, -1.0, 0.0), normal=(1.0, 0.0, 0.0),
        polarisation_axis=(0.0, 0.0, 1.0), spindle_axis=(0.0, 0.0, 1.0), twotheta_axis=(0.0, 1.0, 0.0),
        twotheta=0.0, rotation_x=0.0, rotation_y=0.0, rotation_z=0.0, curved=False, point_pixel=False,
        sensor_thickness=0.0, sensor_layers=-1, attenuation=-1.0, roi=[-1, -1, -1, -1], mask=None,
        oversample=-1, oversample_thick=False, oversample_polar=False, oversample_omega=False,
        interpolation=None, revision="fixed")


def milli(v):
    """Thousandths: mm to m, mrad to rad."""
    return atof(v) / 1000.0


def radians(v):
    """Degrees to radians."""
    return atof(v) / RTD


#: keywords, length of the whole argument or 0, settings, how their value is made, more settings
ONE_VALUE = [
    ("-samplesize -sample_size -xtalsize -xtal_size", 0,
     "sample_size.0 sample_size.1 sample_size.2", milli, {}),
    ("-sample_thick -sample_x -xtal_thick -xtal_x", 0, "sample_size.0", milli, {}),
    ("-sample_width -sample_y -xtal_width -xtal_y -width", 0, "sample_size.1", milli, {}),
    ("-sample_heigh -sample_z -xtal_heigh -xtal_z -heigh", 0, "sample_size.2", milli, {}),
    ("-Xbeam", 0, "beam_x", milli, {"pivot": "beam"}), ("-Ybeam", 0, "beam_y", milli, {"pivot": "beam"}),
    ("-Xclose", 0, "close_x", milli, {"pivot": "sample"}),
    ("-Yclose", 0, "close_y", milli, {"pivot": "sample"}),
    ("-ORGX", 0, "origin_x", atof, {"pivot": "sample"}), ("-ORGY", 0, "origin_y", atof, {"pivot": "sample"}),
    ("-distance", 0, "distance", milli, {"pivot": "beam"}),
    ("-close_distance", 0, "close_distance", milli, {"pivot": "sample"}),
    ("-detector_thick", 15, "sensor_thickness", lambda v: atof(v) * 1e-6, {}),
    ("-detector_thicksteps -thicksteps", 0, "sensor_layers", atoi, {}),
    ("-twotheta", 0, "twotheta", radians, {"pivot": "sample"}),
    ("-detector_rotx", 0, "rotation_x", radians, {}), ("-detector_roty", 0, "rotation_y", radians, {}),
    ("-detector_rotz", 0, "rotation_z", radians, {}),
    ("-detsize", 8, "detector_size_f detector_size_s", milli, {}),
    ("-detsize_f", 0, "detector_size_f", milli, {}), ("-detsize_s", 0, "detector_size_s", milli, {}),
    ("-detpixels", 10, "pixels_f pixels_s", atoi, {}), ("-detpixels_f -detpixels_x", 0, "pixels_f", atoi, {}),
    ("-detpixels_s -detpixels_y", 0, "pixels_s", atoi, {}), ("-pixel", 0, "pixel_size", milli, {}),
    ("-polar", 6, "polarisation_fraction", atof, {"unpolarised_factor": False}),
    ("-oversample", 0, "oversample", atoi, {}), ("-exposure", 0, "exposure", atof, {}),
    ("-lambda -wave", 0, "wavelength", lambda v: atof(v) / 1.0e10, {}),
    ("-energy", 0, "wavelength", lambda v: (12398.42 / atof(v)) / 1.0e10, {}),
    ("-fluence", 0, "fluence", atof, {}), ("-flux", 0, "flux", atof, {}),
    ("-beamsize", 0, "beam_size", milli, {}), ("-mosaic", 7, "mosaic_spread", radians, {}),
    ("-mosaici -mosaic_spr", 0, "mosaic_spread", radians, {}), ("-mosaic_dom", 0, "mosaic_domains", atoi, {}),
    ("-dispersion", 0, "dispersion", lambda v: atof(v) / 100.0, {}),
    ("-dispsteps", 0, "dispersion_steps", atoi, {}),
    ("-divergence", 0, "divergence_h divergence_v", milli, {}), ("-hdivrange", 0, "divergence_h", milli, {}),
    ("-vdivrange", 0, "divergence_v", milli, {}), ("-hdivstep", 9, "divergence_h_step", milli, {}),
    ("-vdivstep", 9, "divergence_v_step", milli, {}), ("-hdivsteps", 0, "divergence_h_steps", atoi, {}),
    ("-vdivsteps", 0, "divergence_v_steps", atoi, {}),
    ("-divsteps", 0, "divergence_h_steps divergence_v_steps", atoi, {}),
    ("-phi", 4, "phi_start", radians, {}), ("-osc", 0, "oscillation", radians, {}),
    ("-phistep", 8, "phi_step", radians, {}), ("-phisteps", 0, "phi_steps", atoi, {}),
    ("-dmin", 0, "d_min", lambda v: atof(v) * 1e-10, {}), ("-fudge", 0, "fudge", atof, {}),
    ("-mosaic_seed", 0, "mosaic_seed", atoi, {}), ("-misset_seed", 0, "misset_seed", atoi, {}),
    ("-water", 0, "water_size", lambda v: atof(v) / 1e6, {}),
    ("-mat", 0, "matrix_file", str, {}), ("-hkl", 0, "hkl_file", str, {}),
    ("-sourcefile", 0, "source_file", str, {}), ("-default_F", 0, "default_f", atof, {}),
]
FLAGS = [
    ("-mosflm", {"convention": "mosflm", "pivot": "beam"}),
    ("-adxv", {"convention": "adxv", "pivot": "beam"}),
    ("-denzo", {"convention": "denzo", "pivot": "beam"}), ("-xds", {"convention": "xds", "pivot": "sample"}),
    ("-dials", {"convention": "dials", "pivot": "beam"}), ("-curved_det", {"curved": True}),
    ("-point_pixel", {"point_pixel": True}), ("-nopolar", {"unpolarised_factor": True}),
    ("-round_div", {"round_divergence": True}), ("-square_div", {"round_divergence": False}),
    ("-interpolate", {"interpolation": True}), ("-nointerpolate", {"interpolation": False}),
    ("-round_xtal", {"shape": "round"}), ("-square_xtal", {"shape": "square"}),
    ("-gauss_xtal", {"shape": "gauss"}), ("-binary_spots", {"shape": "tophat"}),
    ("-tophat_spots", {"shape": "tophat"}),
]
VECTOR = [
    ("-fdet_vector", "fast_axis"), ("-sdet_vector", "slow_axis"), ("-odet_vector", "normal"),
    ("-beam_vector", "beam_vector"), ("-polar_vector", "polarisation_axis"),
    ("-spindle_axis", "spindle_axis"), ("-twotheta_axis", "twotheta_axis"), ("-pix0_vector", "unused_vector"),
]


def store(p, names, value):
    """Set the attributes of p; `name.2` means element 2 of a list."""
    for name in names.split():
        name, _, index = name.partition(".")
        if index:
            getattr(p, name)[int(index)] = value
        else:
            setattr(p, name, value)


def special(p, arg, values):
    """Options that fit no table; True if the argument is done with."""
    for option, axes in (("-Na", [0]), ("-Nb", [1]), ("-Nc", [2])):
        if option in arg and values:
            p.n_cells[axes[0]] = float(atoi(values[0]))
            return True
    if arg == "-N" and values:
        p.n_cells[:] = [float(atoi(values[0]))] * 3
        return True
    if "-cell" in arg:
        p.cell_given = True
        for i, value in enumerate(values[:6]):
            if value.startswith("-"):
                return True
            if i < 3:
                p.cell_lengths[i] = atof(value)
            else:
                p.cell_angles[i - 3] = radians(value)
    if "-misset" in arg and values and "rand" in values[0]:
        p.misset = "random"
        return True
    if "-misset" in arg and len(values) >= 3:  # -misset_seed too (2.3)
        p.misset, p.misset_angles = "angles", [radians(v) for v in values[:3]]
    for flag in ("thick", "polar", "omega"):
        if "-oversample_" + flag in arg:
            setattr(p, "oversample_" + flag, True)
            return True
    if "-roi" in arg and len(values) >= 4:
        p.roi = [atoi(v) for v in values[:4]]
    if "-pivot" in arg and values:
        for word in ("sample", "beam"):
            if word in values[0]:
                p.pivot = word
    if "-detector_abs" in arg and values:
        if "inf" in values[0] or atof(values[0]) == 0.0:
            p.sensor_thickness = p.attenuation = 0.0
        else:
            p.attenuation = 1.0 / (atof(values[0]) * 1e-6)
    return False


def read_arguments(args, folder=".", revision="fixed", prior=None):
    """(settings, keyword arguments of `naive.image`) for nanoBragg's arguments.

    `folder` holds the input files; `prior`, where given, are the arguments of an earlier run in the
    same folder, which left its dump file.
    """
    folder = Path(folder)
    p = defaults()
    p.revision = revision
    p.hkl_file = p.matrix_file = p.source_file = None
    p.default_f = 0.0
    for option in ("-mask", "-img"):
        named = [args[i + 1] for i, arg in enumerate(args[:-1]) if arg.startswith("-") and option in arg]
        if named:
            read_header(p, folder / named[-1], option == "-mask")
    for i, arg in enumerate(args):
        values = args[i + 1:]
        if not arg.startswith("-") or special(p, arg, values):
            continue
        for keywords, length, names, make, more in ONE_VALUE:
            if values and any(k in arg for k in keywords.split()) and length in (0, len(arg)):
                store(p, names, make(values[0]))
                vars(p).update(more)
        for keyword, settings in FLAGS:
            if keyword in arg and not (keyword == "-curved_det" and revision == "main" and not values):
                vars(p).update(settings)
        for keyword, name in VECTOR:
            if keyword in arg and len(values) >= 3:
                vars(p).update({"convention": "custom", name: tuple(atof(v) for v in values[:3])})
    if p.matrix_file is not None:
        p.matrix = read_matrix(folder / p.matrix_file)
    if p.source_file is not None:
        p.sources = read_sources(folder / p.source_file)
    known = (None, None, None)
    if p.hkl_file is not None:
        known = read_hkl(folder / p.hkl_file, p.default_f)
    elif prior is not None:
        known = through_dump(*(read_arguments(prior, folder)[1][k] for k in ("table", "hkl_min", "hkl_max")))
    matrices, angles = orientations(p)
    if p.mask is not None:
        fast, slow = detector_size(p)[:2]
        if p.mask.size < fast * slow:
            raise ValueError("the mask has fewer pixels than the detector")
        # the mask's values are counted off along the rows of the detector, whatever its own width
        p.mask = p.mask.ravel()[:fast * slow].reshape(slow, fast)
    return p, {"table": known[0], "hkl_min": known[1], "hkl_max": known[2], "default_f": p.default_f,
               "umats": matrices, "misset_angles": angles}
