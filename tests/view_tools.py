"""Files to be looked at, small and known, and the numbers in a page."""

import base64
import json
import re
import zlib

import numpy as np

from numbragg.commands.cli import main

SERIES = ("--frames 3 --nexus {} -cell 60 60 60 90 90 90 -N 20 -default_F 100 -lambda 1 -distance 100 -pixel 0.1 "
          "-detpixels_x 220 -detpixels_y 200 -osc 1 -phisteps 4 -misset 10 20 30 -oversample 1 -fluence 1e26 --quiet")
IMAGE = ("-cell 60 60 60 90 90 90 -N 10 -default_F 100 -lambda 1 -distance 100 -pixel 0.1 -detpixels_x 120 "
         "-detpixels_y 100 -oversample 1 -nopgm -nonoise -floatfile a.bin -intfile {} --quiet")

#: Two panels of 20 x 10 pixels, the second turned by half a turn, in an array of 25 rows.
GEOM = """\
clen = {clen}
photon_energy = 12398.419843320026 eV
res = 10000
a/min_fs = 0
a/max_fs = 19
a/min_ss = 0
a/max_ss = 9
a/corner_x = 10
a/corner_y = 5
a/fs = x
a/ss = y
b/min_fs = 0
b/max_fs = 19
b/min_ss = 12
b/max_ss = 21
b/corner_x = -10
b/corner_y = -5
b/fs = -x
b/ss = -y
bad_one/panel = b
bad_one/min_fs = 3
bad_one/max_fs = 3
bad_one/min_ss = 14
bad_one/max_ss = 14
"""


def series(path):
    """An NXmx rotation series of three frames of counts.

    Returns them.
    """
    import h5py
    import hdf5plugin  # noqa: F401

    assert main(["scan", *SERIES.format(path).split()]) == 0
    with h5py.File(path) as file:
        return file["entry/data/data"][()]


def image(path):
    """An SMV image.

    Returns its pixels.
    """
    assert main(IMAGE.format(path).split()) == 0
    return np.fromfile(path, "<u2", offset=512).reshape(100, 120)


def stack(name="stack.npy", clen="0.1"):
    """Two panels in an array, and their geometry.

    Returns the array.
    """
    pixels = np.arange(25 * 20, dtype=np.float32).reshape(25, 20) / 7
    np.save(name, pixels)
    with open("two.geom", "w") as file:
        file.write(GEOM.format(clen=clen))
    return pixels


def facts(path):
    """What a page says of itself."""
    with open(path, encoding="utf-8") as file:
        return json.loads(re.search(r'id="facts" type="application/json">(.*?)</script>', file.read(), re.DOTALL)[1])


def numbers(path, name="frame-0"):
    """Values in a page, unpacked as its script does; masks are bytes."""
    with open(path, encoding="utf-8") as file:
        lines = re.search(f'id="{name}">\n(.*?)\n</script>', file.read(), re.DOTALL)[1].split("\n")
    packed = zlib.decompress(b"".join(map(base64.b64decode, lines)))
    kind = np.dtype(facts(path)["type"] if name.startswith("frame") else np.uint8)
    return np.frombuffer(packed, np.uint8).reshape(kind.itemsize, -1).T.copy().view(kind).reshape(-1)
