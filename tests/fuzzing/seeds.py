"""Small valid files of every kind that is read, and odd ones that are valid or just not."""

from functools import cache
import io
import json
import os
import tempfile

import numpy as np

__all__ = ["IMAGES", "ODD", "PANELS", "VALID", "image_bytes", "trace_bytes"]

_PIXELS = np.array([[0, 1, 2, 3, 40], [7, 6, 5, 4, 3], [9, 300, 9, 9, 0], [1, 1, 1, 1, 1], [5, 0, 5, 0, 65535]])


def smv(more="", size=(5, 5), pixels=None, header_bytes=512):
    """An SMV image: header of the C program's kind, pixels of 16 bits."""
    text = (f"{{\nHEADER_BYTES={header_bytes};\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n"
            f"SIZE1={size[0]};\nSIZE2={size[1]};\nPIXEL_SIZE=0.1;\nDISTANCE=100;\nWAVELENGTH=1.2;\n{more}}}\n\x0c")
    pixels = _PIXELS if pixels is None else pixels
    return text.encode().ljust(header_bytes) + pixels.astype("<u2").tobytes()


def _hkl():
    return "".join(f"{h} {k} {l} {10 + h * h + 2 * k + 0.5 * l}\n" for h in range(-2, 3) for k in range(-2, 3)
                   for l in range(-2, 3)).encode()


def _dump(corner=(-1, 1, -1, 1, -1, 1)):
    ranges = [corner[i + 1] - corner[i] + 2 for i in (0, 2, 4)]
    table = np.full(ranges, 33.0)
    return (" ".join(map(str, corner)) + "\n\f").encode() + table.tobytes()


#: Panels of the geometry below: their number, slow and fast pixels.
PANELS = (2, 4, 5)

#: By kind.
VALID = {
    "hkl": _hkl(),
    "matrix": b"0.012 0 0\n0 0.011 0.001\n0 0 0.013\n",
    "sources": b"-10 0.1 0.2 1 1.1e-10\n-10, 0; 0\n-10 -0.1 0.1 1 1.2e-10\n",
    "stol": b"0 2.57\n0.1 2.6\n0.2 2.4\n0.5 1.1\n",
    "dump": _dump(),
    "smv": smv(),
    "geom": b"""clen = 60 mm
res = 2000
a/min_fs = 0
a/max_fs = 4
a/min_ss = 0
a/max_ss = 3
a/corner_x = -6
a/corner_y = 2
a/fs = 0.99x +0.02y
a/ss = 0.02x -0.99y
b/min_fs = 5
b/max_fs = 9
b/min_ss = 0
b/max_ss = 3
b/corner_x = 1
b/corner_y = 2
b/fs = x
b/ss = -y
""",
    "spectrum": b"wavelength,intensity\n1.00,0.5\n1.01,1\n1.02,0.25\n",
    "response": b"""detector = "rayonix"
gain_adu_per_photon = 0.7
flicker_fraction = 0.01
[calibration]
fraction = 0.05
[point_spread]
fwhm_um = 80
method = "direct"
[beamstop]
centre_pixels = [1, 2]
radius_pixels = 1.5
[defects]
dead_fraction = 1e-2
dead_pixels = [[0, 1, 1]]
""",
}

#: Contents that people have, by kind: some are read, some refused.
ODD = {
    "geom": (b"", b"clen = /LCLS/z\nres = 1000\n", b"res = 0\nclen = 1\na/fs = x\n", b"a/fs = 2q\n"),
    "hkl": (b"", b"\n\n", b"# comment\n0 0 0 5\n", b"0 0 0 nan\n1 0 0 5\n", b"0 0 0 inf\n", b"0 0 0 1e400\n",
            b"0 0 0 5\r\n1 1 1 6\r\n", b"0 0 0 5", b"1.0 0 0 5\n", b"0.5 0 0 5\n", b"0 0 0 5 0.1\n1 0 0 5 0.1\n",
            b"0 0 0\n", b"0 0 0 -5\n0 0 0 7\n", b"0\n0\n0\n5\n", b"99999 0 0 5\n-99999 0 0 5\n", b"0 0 0 0x1p3\n",
            b"2147483647 0 0 5\n", b"-2147483648 0 0 5\n", b"3000000000 0 0 5\n", b"\xef\xbb\xbf0 0 0 5\n",
            b"0 0 0 1e308\n1 0 0 -1e308\n", b"0 0 0 5e-324\n", b"\0\0\0\0", b"h k l F\n0 0 0 5\n", b"0,0,0,5\n"),
    "matrix": (b"", b"0 0 0 0 0 0 0 0 0\n", b"1 2 3\n4 5 6\n7 8 9\n", b"1e400 0 0 0 1 0 0 0 1\n", b"nan " * 9,
               b"0.01 0 0 0 0.01 0 0 0\n", b"0.012 0 0\r\n0 0.011 0\r\n0 0 0.013\r\n", b"1e-320 0 0 0 1 0 0 0 1",
               b"0.012 0 0 0 0.011 0 0 0 0.013 80 90 77 90 90 90\n", b"A\n0.01 0 0 0 0.01 0 0 0 0.01\n",
               b"0.012 0 0\n0 0.011 0\n0 0 0.013\n 0 0 0\n1 0 0\n0 1 0\n0 0 1\n 83 91 77 90 90 90\n 0 0 0\n",
               b"-0.012 0 0 0 0.011 0 0 0 0.013", b"1e300 0 0 0 1e300 0 0 0 1e300"),
    "sources": (b"", b"\n", b"0 0 0 1 1e-10\n", b"-10 0 0 1 1.2\n", b"-10 0 0 1 0\n", b"-10 0 0 1 -1e-10\n",
                b"nan nan nan nan nan\n", b"-10 0 0", b"# x\n-10 0 0 1 1e-10\n", b"-10 0 0 1 1e-10\r\n",
                b"-1e308 1e308 0 1 1e-10\n", b"-10 0 0 1 1e-320\n", b"-10 0 0 inf 1e-10\n", b"-1 0.02 0",
                b"-10:0:0!1;1e-10\n", b"-10 0 0 5 1e-10\n-10 0 0 1 1e-10\n"),
    "response": (b"", b"[", b"detector = 'pilatus'\ngaps = false\n", b"detector = 'none'\n", b"gaps = 3\n",
                 b"detector = 'jungfrau'\n[gain_stages]\noutput = 'raw'\n", b"detector = 'jungfrau'\n",
                 b"dtype = 'uint16'\nsaturation_adu = 1e9\n", b"offset_adu = inf\n", b"readout_adu = -1\n",
                 b"counting = false\ngain_adu_per_photon = 1e300\n", b"gain_adu_per_photon = 0\n",
                 b"[point_spread]\nkind = 'fibre'\nfwhm_um = 1e9\n", b"[defects]\ndead_pixels = [1]\n",
                 b"[defects]\nhot_adu = 1e400\nhot_fraction = 1\n", b"[gaps]\nmodule_pixels = [2, 2]\n",
                 b"[gaps]\nmodule_pixels = [2, 2]\ngap_pixels = [1, 1]\n", b"flicker_fraction = 1e300\n",
                 b"[beamstop]\ncentre_pixels = [nan, 0]\nradius_pixels = 1\n", b"seed = 1\n"),
    "spectrum": (b"", b"1.0 1\n", b"12398 0\n12400 5\n", b"# energy (keV)\n12.4 1\n12.5 2\n", b"a b\n", b"1 nan\n",
                 b"nan 1\n", b"1 -1\n", b"0 1\n", b"1;1\n1,1;2\n", b"1.0 1 3\n1.0 2 3\n", b"1e400 1\n",
                 b"5 1\n500 1\n"),
    "stol": (b"", b"# ice\n0 1 2\n", b"0\n", b"x y\n", b"nan nan\n", b"1 1\n0 0\n", b"0 1\r\n1 2\r\n", b"0 1e400\n"),
    "dump": (b"", b"0 0 0 0 0 0\n\f", b"0 0 0 0 0 0\n\f" + bytes(64), b"1 0 0 0 0 0\n\f" + bytes(64),
             b"-1 1 -1 1 -1 1 \r\n\f" + _dump()[18:], b"0 99999 0 99999 0 99999\n\f" + bytes(64), b"0 0 0\n\f",
             b"0 0 0 0 0 0\n\f" + np.full(8, np.nan).tobytes(), _dump()[:-9], _dump() + b"more",
             b"2147483647 2147483647 0 0 0 0\n\f" + bytes(64), _dump((-1, 0, 0, 0, -3, -3))),
    "smv": (b"", b"{", smv()[:512], smv()[:-7], smv() + bytes(5), smv("PHI=5;\nOSC_RANGE=1;\n"), smv(size=(4, 3)),
            smv("BEAM_CENTER_X=0.2;\nBEAM_CENTER_Y=0.3;\n"), smv("TWOTHETA=5;\n"), smv("CLOSE_DISTANCE=50;\n"),
            smv("WAVELENGTH=0;\n"), smv("PIXEL_SIZE=nan;\n"), smv("PIXEL_SIZE=-1;\n"), smv("DISTANCE=inf;\n"),
            smv("ORGX=2;\nORGY=3;\n"), smv(size=(0, 0)), smv(size=(-5, 5)), smv(size=(99999, 99999)),
            smv("OSC_RANGE=0;\n"), smv("PHI=1e400;\n"), smv(pixels=0 * _PIXELS), smv(header_bytes=1024),
            smv("WAVELENGTH=1e-320;\n"), smv().replace(b"BYTE_ORDER=little_endian", b"BYTE_ORDER=big_endian"),
            smv().replace(b"BYTE_ORDER=little_endian;\n", b""), smv().replace(b"TYPE=unsigned_short;\n", b"")),
}


# -- images for `compare` and `plateau`

#: Kinds and the ends of their names.
IMAGES = {"smv": ".img", "smv long": ".img", "raw": ".bin", "npy": ".npy", "npy float": ".npy", "npy order": ".npy",
          "tiff": ".tif", "tiff packed": ".tif", "tiff tiled": ".tiff", "tiff big": ".tif", "cbf": ".cbf",
          "hdf5": ".h5", "hdf5 chunks": ".h5", "hdf5 stack": ".h5", "hdf5 plugin": ".h5", "pgm": ".pgm",
          "pgm wide": ".pgm", "pgm text": ".pgm", "tiff ours": ".tiff"}


def _saved(write):
    """Bytes of a file that a library writes by name."""
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "file")
        write(name)
        with open(name, "rb") as file:
            return file.read()


def _npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _tiff(array, **how):
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **how)
    return buffer.getvalue()


def _hdf5(array, **how):
    import h5py

    def write(name):
        with h5py.File(name, "w") as file:
            file.create_dataset("entry/data/data", data=array, **how)

    return _saved(write)


def _cbf():
    import fabio.cbfimage

    return _saved(lambda name: fabio.cbfimage.CbfImage(data=_PIXELS.astype(np.int32)).write(name))


def _ours():
    from numbragg.io.tiff import write_tiff

    buffer = io.BytesIO()
    write_tiff(buffer, _PIXELS.astype(np.float32), {"wavelength": 1.0})
    return buffer.getvalue()


def _plugin():
    import hdf5plugin

    return _hdf5(_PIXELS.astype(np.int32), chunks=(5, 5), **hdf5plugin.Bitshuffle())


@cache
def image_bytes(kind):
    """A valid image of 5 x 5 pixels, of one of `IMAGES`."""
    words = _PIXELS.astype(np.uint16)
    pgm_text = "P2\n# grey\n5 5\n255\n" + "\n".join(" ".join(map(str, row)) for row in np.minimum(_PIXELS, 255)) + "\n"
    make = {
        "smv": smv,
        "smv long": lambda: (smv().replace(b"TYPE=unsigned_short", b"Data_type=long int ").ljust(512)[:512]
                             + _PIXELS.astype("<i4").tobytes()),
        "raw": lambda: _PIXELS.astype(np.float32).tobytes(),
        "npy": lambda: _npy(words),
        "npy float": lambda: _npy(np.array([[1.5, np.nan], [-np.inf, 5e-324]])),
        "npy order": lambda: _npy(np.asfortranarray(_PIXELS.astype(">i8"))),
        "tiff": lambda: _tiff(words),
        "tiff ours": _ours,
        "tiff packed": lambda: _tiff(words, compression="zlib", predictor=True),
        "tiff tiled": lambda: _tiff(_PIXELS.astype(np.int32), tile=(16, 16)),
        "tiff big": lambda: _tiff(_PIXELS.astype(np.float64), byteorder=">", bigtiff=True),
        "cbf": _cbf,
        "hdf5": lambda: _hdf5(_PIXELS.astype(np.float32)),
        "hdf5 chunks": lambda: _hdf5(_PIXELS.astype(np.int32), chunks=(3, 3), compression="gzip", shuffle=True),
        "hdf5 stack": lambda: _hdf5(np.stack([words, words]), chunks=(1, 5, 5)),
        "hdf5 plugin": _plugin,
        "pgm": lambda: b"P5\n# grey\n5 5\n255\n" + np.minimum(_PIXELS, 255).astype(np.uint8).tobytes(),
        "pgm wide": lambda: b"P5 5 5 65535\n" + _PIXELS.astype(">u2").tobytes(),
        "pgm text": pgm_text.encode,
    }
    return make[kind]()


# -- files for `trace --against`


@cache
def trace_bytes(words, form):
    """What the program itself prints of the pixel 1 1: "--text", "--json", "--csv", "-printout" or "--stats-json"."""
    from contextlib import redirect_stderr, redirect_stdout

    from numbragg.commands.cli import main

    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        if form == "--stats-json":
            names = {name: os.path.join(folder, name[1:]) for name in ("-floatfile", "-intfile")}
            target = os.path.join(folder, "stats.json")
            main([*words, "-nopgm", "-nonoise", "--quiet", "--stats-json", target, *sum(names.items(), ())])
            with open(target) as file:
                return json.dumps(json.load(file)).encode()
        with redirect_stdout(out):
            if form == "-printout":
                names = {name: os.path.join(folder, name[1:]) for name in ("-floatfile", "-intfile")}
                main([*words, "-nopgm", "-nonoise", "-printout_pixel", "1", "1", *sum(names.items(), ())])
            else:
                main(["trace", "1", "1", form, *words])
    return out.getvalue().encode()
