"""From configurations to an image: the Python front end of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..configs.beam import Beam
from ..configs.checks import choice
from ..configs.crystal import Crystal
from ..configs.detector import Detector
from ..configs.run_options import Evaluation
from ..configs.sampling import Sampling
from ..configs.structure_factors import StructureFactors
from ..scene.pixels import WHOLE, region
from ..scene.prepare import Prepared
from ..scene.request import Request
from ..scene.revisions import DEFAULT, revision_names
from .backends import CPU, CUDA, open_backend
from .device_image import DeviceImage

__all__ = ["Result", "Simulator", "render_prepared", "simulate"]

_VECTORS = (("crystal", "spindle_axis"), ("beam", "direction"), ("beam", "polarisation_axis"))


@dataclass(frozen=True, slots=True)
class Result:
    """An image and how it came about.

    Attributes
    ----------
    image : (slow, fast) float32 array
        Photons per pixel.
    prepared : scene.Prepared
        Everything that was derived: geometry, cell, sampling, scene.
    outcome : kernels.drive.order.Outcome
        What the driver did: pixels, threads, where interpolation was given up; and remarks on it.
    """

    image: np.ndarray
    prepared: object
    outcome: object


def render_prepared(prepared, evaluation=Evaluation(), progress=None, backend=None):
    """Render a prepared scene.

    Parameters
    ----------
    prepared : scene.Prepared
    evaluation : evaluation.Evaluation, optional
    progress : callable, optional
        Called with the number of pixels just finished.
    backend : backends.CPU or backends.CUDA, optional
        By default what the evaluation asks for.

    Returns
    -------
    image : (slow, fast) float32 array
    outcome : kernels.drive.order.Outcome

    Raises
    ------
    ValueError
        If the scene is possible with precision="exact" only, or CUDA cannot be had.
    """
    if backend is None:
        backend = open_backend(evaluation)
    return backend.render(prepared, evaluation, progress)


def _structure_factors(value):
    if isinstance(value, StructureFactors):
        return value
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return StructureFactors.constant(float(value))
    raise ValueError(f"structure_factors: {type(value).__name__} must be a StructureFactors object or one amplitude")


def _kind(name, value, kind):
    if not isinstance(value, kind):
        raise ValueError(f"{name}: {type(value).__name__} must be a {kind.__name__} object")
    return value


class Simulator:
    """A detector, a beam and structure factors, ready for many crystals.

    Parameters
    ----------
    detector : Detector
    beam : Beam
    structure_factors : StructureFactors or float
        A number stands for the same amplitude [electrons] everywhere.
    sampling : Sampling, optional
    roi : four int, optional
        Pixels to compute, both ends included: fast min, fast max, slow min, slow max.  Others stay 0.
    threads : int, optional
        By default one per processor.  The image does not depend on it.
    revision : str
        Which revision of the C program to reproduce, "fixed" or "main"; docs/quirks lists the differences.
    precision : {"exact", "compensated", "single"}
        "exact": the C program's bits.  The other two are docs/precision's.
    summation : {None, "sequential", "kahan"}
        None: sequential, or Kahan's for "compensated", which is all that those two have.
    backend : {"cpu", "cuda", "auto"}
        What computes; the image does not depend on it.  "auto": CUDA where there is a device.
    device : int, optional
        Number of the CUDA device; by default the first.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> still = nb.Simulator(nb.Detector(pixels=(32, 32)), nb.Beam(), 100.0, threads=1)
    >>> crystals = [nb.Crystal(cell=(50, 50, 50, 90, 90, 90), n_cells=5, misset_deg=(a, 0, 0)) for a in (0, 10)]
    >>> [image.shape for image in still.images(crystals)]
    [(32, 32), (32, 32)]
    """

    def __init__(self, detector: Detector, beam: Beam, structure_factors: StructureFactors | float, *,
                 sampling: Sampling | None = None, roi: Sequence[int] | None = None, threads: int | None = None,
                 revision: str = DEFAULT, precision: str = "exact", summation: str | None = None,
                 backend: str = "cpu", device: int | None = None) -> None:
        self.detector = _kind("detector", detector, Detector)
        self.beam = _kind("beam", beam, Beam)
        self.structure_factors = _structure_factors(structure_factors)
        self.sampling = Sampling() if sampling is None else _kind("sampling", sampling, Sampling)
        self.roi = WHOLE if roi is None else region(roi, detector.shape)
        self.evaluation = Evaluation(precision, summation, threads, backend, device)
        self.revision = choice("revision", revision, revision_names())
        self._backend: CPU | CUDA | None = None

    @property
    def backend(self) -> CPU | CUDA:
        """What computes the images: an object with `name`, `device` and, where "auto" chose it, `remark`.

        It is opened for the first image, and kept: a CUDA device holds the structure factors and
        what the pixels need from one image to the next.
        """
        if self._backend is None:
            self._backend = open_backend(self.evaluation)
        return self._backend

    def prepare(self, crystal: Crystal) -> Prepared:
        """Derive everything for one crystal, without rendering."""
        from ..scene.prepare import prepare

        _kind("crystal", crystal, Crystal)
        for owner, name in _VECTORS:
            config = {"crystal": crystal, "beam": self.beam}[owner]
            if getattr(config, name) is not None and self.detector.convention != "custom":
                raise ValueError(f"{owner}.{name}: {getattr(config, name)!r} needs Detector(convention='custom'), "
                                 f"not {self.detector.convention!r}")
        request = Request(crystal=crystal.pack(), beam=self.beam.pack(), detector=self.detector.pack(),
                          sampling=replace(self.sampling.pack(), roi=self.roi), revision=self.revision)
        return prepare(request, self.structure_factors)

    def run(self, crystal: Crystal, progress: Callable[[int], object] | None = None) -> Result:
        """Simulate one crystal: image, derived quantities and the driver's account, as a `Result`."""
        prepared = self.prepare(crystal)
        image, outcome = render_prepared(prepared, self.evaluation, progress, self.backend)
        return Result(image, prepared, outcome)

    def image(self, crystal: Crystal) -> NDArray[np.float32]:
        """Photons per pixel for one crystal: (slow, fast) float32 array."""
        return self.run(crystal).image

    def device_image(self, crystal: Crystal) -> DeviceImage:
        """Photons per pixel for one crystal, left in the memory of the CUDA device.

        Returns
        -------
        device_image.DeviceImage
            With `__cuda_array_interface__` and DLPack, for CuPy, PyTorch and others.

        Raises
        ------
        ValueError
            If the images are computed on the CPU.
        """
        if not isinstance(self.backend, CUDA):
            raise ValueError(f"backend: {self.evaluation.backend!r} computes on the CPU here, "
                             "so no image is on a device")
        return self.backend.render_there(self.prepare(crystal), self.evaluation)[0]

    def images(self, crystals: Iterable[Crystal]) -> Iterator[NDArray[np.float32]]:
        """Images of several crystals, one after the other, as a generator."""
        for crystal in crystals:
            yield self.image(crystal)


def simulate(crystal: Crystal, beam: Beam, detector: Detector, structure_factors: StructureFactors | float, *,
             sampling: Sampling | None = None, roi: Sequence[int] | None = None, threads: int | None = None,
             revision: str = DEFAULT, precision: str = "exact", summation: str | None = None, backend: str = "cpu",
             device: int | None = None) -> NDArray[np.float32]:
    """Simulate the diffraction image of a small crystal, with the bits of the C program nanoBragg.

    Parameters
    ----------
    crystal : Crystal
    beam : Beam
    detector : Detector
    structure_factors : StructureFactors or float
        A number stands for the same amplitude [electrons] everywhere.
    sampling : Sampling, optional
    roi : four int, optional
        Pixels to compute, both ends included: fast min, fast max, slow min, slow max.  Others stay 0.
    threads : int, optional
        By default one per processor.  The image does not depend on it.
    revision : str
        Which revision of the C program to reproduce, "fixed" or "main"; docs/quirks lists the differences.
    precision : {"exact", "compensated", "single"}
        "exact": the C program's bits.  The other two are docs/precision's.
    summation : {None, "sequential", "kahan"}
        None: sequential, or Kahan's for "compensated", which is all that those two have.
    backend : {"cpu", "cuda", "auto"}
        What computes; the image does not depend on it.  "auto": CUDA where there is a device.
    device : int, optional
        Number of the CUDA device; by default the first.

    Returns
    -------
    (slow, fast) float32 array
        Photons per pixel.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> image = nb.simulate(nb.Crystal(cell=(100, 100, 100, 90, 90, 90), n_cells=5),
    ...                     nb.Beam(wavelength_angstrom=6.2),
    ...                     nb.Detector(pixels=(64, 64), pixel_mm=0.1, distance_mm=100.0), 100.0)
    >>> image.shape, image.dtype
    ((64, 64), dtype('float32'))
    """
    return Simulator(detector, beam, structure_factors, sampling=sampling, roi=roi, threads=threads,
                     revision=revision, precision=precision, summation=summation, backend=backend,
                     device=device).image(crystal)
