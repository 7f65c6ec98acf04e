"""Seconds for one image on a CUDA device and on the CPU: the scene of a published table, and the bits compared.

1024 x 1024 pixels, 5 cells each way, one structure factor, no oversampling, 1 to 1000 mosaic
domains: what the PyTorch port of nanoBragg has published times of.
"""

from dataclasses import dataclass
import time

import numpy as np

from ..configs.beam import Beam
from ..configs.crystal import Crystal
from ..configs.detector import Detector
from ..configs.sampling import Sampling
from ..render.simulation import Simulator

__all__ = ["DOMAINS", "Speed", "measure"]

DOMAINS = (1, 10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Speed:
    """Times of one precision and number of domains: median seconds, and whether the images are the same."""

    precision: str
    domains: int
    pixels: int
    device: float  # image copied to the host
    device_only: float  # image left on the device
    cpu: float
    same: bool

    @property
    def steps(self):
        """Steps of the image."""
        return self.pixels * self.domains


def _median(call, repeats):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), found


def measure(device=None, threads=None, side=1024, domains=DOMAINS, repeats=5):
    """Time images; the first of each kind, which compiles and copies, is not counted.

    Parameters
    ----------
    device : int, optional
    threads : int, optional
        Of the CPU's images; by default one per processor.
    side : int
        Pixels along an edge.
    domains : iterable of int
    repeats : int

    Yields
    ------
    Speed
    """
    for precision in ("exact", "single"):
        simulators = [Simulator(Detector(pixels=(side, side), pixel_mm=0.1, distance_mm=100.0),
                                Beam(wavelength_angstrom=6.2), 100.0, sampling=Sampling(oversample=1),
                                precision=precision, threads=threads, **how)
                      for how in ({"backend": "cuda", "device": device}, {})]
        for number in domains:
            crystal = Crystal(cell=(100, 100, 100, 90, 90, 90), n_cells=5, mosaic_spread_deg=0.5 * (number > 1),
                              mosaic_domains=number)
            on_device, on_cpu = simulators
            on_device.image(crystal), on_device.device_image(crystal), on_cpu.image(crystal)
            there, image = _median(lambda: on_device.image(crystal), repeats)
            left, _ = _median(lambda: on_device.device_image(crystal), repeats)
            here, expected = _median(lambda: on_cpu.image(crystal), max(1, repeats // 2))
            yield Speed(precision, number, side * side, there, left, here, image.tobytes() == expected.tobytes())
