"""From configurations to an image: the Python front end of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.beam import Beam
from ..configs.checks import choice
from ..configs.crystal import Crystal
from ..configs.detector import Detector
from ..configs.run_options import Evaluation
from ..configs.sampling import Sampling
from ..configs.structure_factors import StructureFactors, as_structure_factors
from ..notes import warn
from ..scene.pixels import WHOLE, region
from ..scene.request import Request
from ..scene.revisions import DEFAULT, revision_names
from .backends import CPU, CUDA, open_backend

# start-up: kernels, and Numba with them, are imported with the first image; types of arrays are for checkers
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..scene.prepare import Prepared
    from .device_image import DeviceImage

__all__ = ["Result", "Simulator", "render_prepared", "simulate"]

_VECTORS = (("crystal", "spindle_axis"), ("beam", "direction"), ("beam", "polarisation_axis"))


@dataclass(frozen=True, slots=True)
class Result:
    """An image and how it came about.

    Attributes
    ----------
    image : (slow, fast) float32 array
        Photons per pixel; of several panels (panel, slow, fast), or a list of arrays where they differ
        in size.
    prepared : scene.Prepared
        Everything that was derived: geometry, cell, sampling, scene.  Of several crystals or panels a
        tuple (panels) of tuples (crystals).
    outcome : kernels.drive.order.Outcome
        What the driver did: pixels, threads, where interpolation was given up; and remarks on it.  Of
        several panels a tuple.
    """

    image: NDArray[np.float32] | Any
    prepared: Any
    outcome: Any

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing about the image; some of it was also a `NumbraggWarning`."""
        prepared = self.prepared if isinstance(self.prepared, tuple) else ((self.prepared,),)
        outcomes = self.outcome if isinstance(self.outcome, tuple) else (self.outcome,)
        return _notes(prepared) + tuple(dict.fromkeys(remark for outcome in outcomes for remark in outcome.remarks))


def _notes(shot):
    """The notes of all crystals on all panels, each once."""
    return tuple(dict.fromkeys(note for panel in shot for prepared in panel for note in prepared.warnings))


def render_prepared(prepared, evaluation=Evaluation(), progress=None, backend=None):
    """Render a prepared scene.

    Parameters
    ----------
    prepared : scene.Prepared
    evaluation : run_options.Evaluation, optional
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


def _kind(name, value, kind):
    if not isinstance(value, kind):
        raise ValueError(f"{name}: {type(value).__name__} must be a {kind.__name__} object")
    return value


def _crystals(value):
    """The crystals of a shot, as a tuple: from one, or from a sequence of them."""
    if isinstance(value, Crystal):
        return (value,)
    try:
        # their order counts, which a set has not
        crystals = () if isinstance(value, (Mapping, Set)) else tuple(value)
    except TypeError:
        crystals = ()
    if not crystals or not all(isinstance(crystal, Crystal) for crystal in crystals):
        what = f"{type(value).__name__} " if not crystals else ""
        raise ValueError(f"crystal: {what}must be a Crystal object, or a sequence of them that is not empty")
    return crystals


def _stacked(images):
    """The images of all panels: the one, an array where they have one size, else a list."""
    if len(images) == 1:
        return images[0]
    return np.stack(images) if len({image.shape for image in images}) == 1 else images


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
        self.structure_factors = as_structure_factors(structure_factors)
        self.sampling = Sampling() if sampling is None else _kind("sampling", sampling, Sampling)
        if roi is not None and len(detector.shapes) > 1:
            raise ValueError(f"roi: {roi!r} goes with a detector of one panel, not of {len(detector.shapes)}")
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

    def _check_frame(self, crystal):
        for owner, name in _VECTORS:
            config = {"crystal": crystal, "beam": self.beam}[owner]
            if getattr(config, name) is not None and self.detector.convention != "custom":
                raise ValueError(f"{owner}.{name}: {getattr(config, name)!r} needs Detector(convention='custom'), "
                                 f"not {self.detector.convention!r}")

    def prepare_shot(self, crystal: Crystal | Sequence[Crystal]) -> tuple[tuple[Prepared, ...], ...]:
        """Derive everything for one crystal or several, on all panels, without rendering.

        Returns
        -------
        tuple of tuple of scene.Prepared
            For each panel, in their order, the crystals in theirs.
        """
        from ..scene.shot import prepare_shot

        crystals = _crystals(crystal)
        for each in crystals:
            self._check_frame(each)
        request = Request(beam=self.beam.pack(), sampling=replace(self.sampling.pack(), roi=self.roi),
                          revision=self.revision)
        shot = prepare_shot([(each.pack(), each.structure_factors or self.structure_factors, each.scale)
                             for each in crystals], self.detector.pieces(), request)
        warn(_notes(shot))
        return shot

    def prepare(self, crystal: Crystal) -> Prepared:
        """Derive everything for one crystal on a detector of one panel, without rendering."""
        if len(self.detector.shapes) > 1:
            raise ValueError(f"detector: {len(self.detector.shapes)} panels; must be one here")
        return self.prepare_shot(_kind("crystal", crystal, Crystal))[0][0]

    def run(self, crystal: Crystal | Sequence[Crystal], progress: Callable[[int], object] | None = None) -> Result:
        """Simulate one crystal, or several in one shot: image, derived quantities and the driver's account.

        Parameters
        ----------
        crystal : Crystal or sequence of Crystal
            The photons of several are added up, in their order.
        progress : callable, optional
            Called with the number of pixels just finished: of one crystal those of the image, of several each time
            that something has been added to them, how often depends on what the crystals have in common.

        Returns
        -------
        Result
        """
        shot = self.prepare_shot(crystal)
        done = [self.backend.render_sum(panel, self.evaluation, progress) for panel in shot]
        images, outcomes = [image for image, _ in done], tuple(outcome for _, outcome in done)
        alone = len(shot) == 1 and len(shot[0]) == 1
        return Result(_stacked(images), shot[0][0] if alone else shot, outcomes[0] if len(shot) == 1 else outcomes)

    def image(self, crystal: Crystal | Sequence[Crystal]) -> NDArray[np.float32] | Any:
        """Photons per pixel for one crystal, or for several in one shot.

        Parameters
        ----------
        crystal : Crystal or sequence of Crystal

        Returns
        -------
        (slow, fast) float32 array
            Of several panels (panel, slow, fast), or a list of arrays where they differ in size.
        """
        return self.run(crystal).image

    def device_image(self, crystal: Crystal | Sequence[Crystal]) -> DeviceImage | Any:
        """Photons per pixel for one crystal, or for several in one shot, left in the memory of the CUDA device.

        Returns
        -------
        device_image.DeviceImage
            Of several panels a list.  With `__cuda_array_interface__` and DLPack, for CuPy, PyTorch and others.

        Raises
        ------
        ValueError
            If the images are computed on the CPU.
        """
        if not isinstance(self.backend, CUDA):
            raise ValueError(f"backend: {self.evaluation.backend!r} computes on the CPU here, "
                             "so no image is on a device")
        images = [self.backend.render_there(panel, self.evaluation)[0] for panel in self.prepare_shot(crystal)]
        return images[0] if len(images) == 1 else images

    def images(self, crystals: Iterable[Crystal | Sequence[Crystal]]) -> Iterator[NDArray[np.float32] | Any]:
        """Images of several shots, one after the other, as a generator; each is a crystal or a sequence of them."""
        if isinstance(crystals, Crystal):
            raise ValueError("crystals: a Crystal must be in a sequence; `image` takes it alone")
        for crystal in crystals:
            yield self.image(crystal)


def simulate(crystal: Crystal | Sequence[Crystal], beam: Beam, detector: Detector,
             structure_factors: StructureFactors | float, *, sampling: Sampling | None = None,
             roi: Sequence[int] | None = None, threads: int | None = None, revision: str = DEFAULT,
             precision: str = "exact", summation: str | None = None, backend: str = "cpu",
             device: int | None = None) -> NDArray[np.float32] | Any:
    """Simulate the diffraction image of a small crystal, with the bits of the C program nanoBragg.

    Parameters
    ----------
    crystal : Crystal or sequence of Crystal
        The photons of several are added up, in their order.
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
        Photons per pixel; of a detector of several panels (panel, slow, fast), or a list of arrays
        where they differ in size.

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
