"""Files to be looked at, small and known."""

import numpy as np

import numbragg as nb


def series(path, frames=3):
    """An NXmx series of counts; returns the scan's images."""
    crystal = nb.Crystal(cell=(60, 60, 60, 90, 90, 90), n_cells=20, misset=(10.0, 20.0, 30.0))
    detector = nb.Detector(pixels=(220, 200), pixel_size_mm=0.1)
    sampling = nb.Sampling(oversample=1, oscillation_deg=1.0, phi_steps=4)
    simulator = nb.Simulator(detector, nb.Beam(wavelength_angstrom=1.0, fluence=1e26), 100.0, sampling=sampling)
    scan = nb.scan(simulator, crystal, frames)
    scan.write_nexus(str(path))
    return [np.asarray(scan.counts(number)) for number in range(frames)]


def geom(path, wavelength=True):
    """Two panels of 20 x 10 pixels, one turned by half a turn, in an array of 25 rows."""
    path.write_text(("wavelength = 1.0 A\n" if wavelength else "") + "clen = 0.1\nres = 10000\n"
                    "a/min_fs = 0\na/max_fs = 19\na/min_ss = 0\na/max_ss = 9\na/corner_x = 10\na/corner_y = 5\n"
                    "a/fs = x\na/ss = y\n"
                    "b/min_fs = 0\nb/max_fs = 19\nb/min_ss = 12\nb/max_ss = 21\nb/corner_x = -10\nb/corner_y = -5\n"
                    "b/fs = -x\nb/ss = -y\n")
