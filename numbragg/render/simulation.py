"""From configurations to an image: the Python front end of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from copy import copy
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
from ..scene.pixels import WHOLE, region, regions
from ..scene.revisions import DEFAULT, revision_names
from .backends import CPU, CUDA, open_backend
from .common import Common
from .progress import checked_progress
from .result import Result

# start-up: kernels, and Numba with them, are imported with the first image; types of arrays are for checkers
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..background.layers import Background
    from ..scene.prepare import Prepared
    from .device_image import DeviceImage

__all__ = ["Simulator", "crystals_of", "render_prepared", "simulate"]

#: A region of one panel, or those of several.
Region = Sequence[int] | Sequence[Sequence[int] | None] | Mapping[int, Sequence[int] | None]

_VECTORS = (("crystal", "spindle_axis"), ("beam", "direction"), ("beam", "polarisation_axis"))


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


def _background(value):
    """A background, from one or from its words."""
    from ..background.layers import Background
    return Background(value) if isinstance(value, str) else _kind("background", value, Background)


def crystals_of(value):
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


def _warn_of(outcomes):
    """Warn of what came up while images were rendered."""
    from ..scene.notes import rendering_notes

    warn(dict.fromkeys(note for outcome in outcomes for note in rendering_notes(outcome)))


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
        Pixels to compute, both ends included: fast min, fast max, slow min, slow max.  Others stay 0.  Of several
        panels a sequence of them, one for each panel (None: all of it), or a dictionary of panels' numbers and
        regions; panels that it lacks are not computed.
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
    background : Background, optional
        Amorphous material in the beam, whose photons are added to every image; made once, on the CPU.

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
                 sampling: Sampling | None = None, roi: Region | None = None, threads: int | None = None,
                 revision: str = DEFAULT, precision: str = "exact", summation: str | None = None,
                 backend: str = "cpu", device: int | None = None, background: Background | str | None = None) -> None:
        self.detector = _kind("detector", detector, Detector)
        self.beam = _kind("beam", beam, Beam)
        self.structure_factors = as_structure_factors(structure_factors)
        self.sampling = Sampling() if sampling is None else _kind("sampling", sampling, Sampling)
        several = roi is not None and len(detector.shapes) > 1
        self._regions = regions(roi, detector.shapes) if several else None
        self.roi = WHOLE if roi is None or several else region(roi, detector.shape)
        self.evaluation = Evaluation(precision, summation, threads, backend, device)
        self.revision = choice("revision", revision, revision_names())
        self._backend: CPU | CUDA | None = None
        self.background = None if background is None else _background(background)
        self._ground: Any = None
        self._common: Common | None = None
        self._other: Common | None = None

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
        if self.detector.convention == "custom":
            return
        for owner, name in _VECTORS:
            config = crystal if owner == "crystal" else self.beam
            if getattr(config, name) is not None:
                raise ValueError(f"{owner}.{name}: {getattr(config, name)!r} needs Detector(convention='custom'), "
                                 f"not {self.detector.convention!r}")

    def ground(self, shot: Any) -> Any:
        """The background of a prepared shot (`background.ground.Ground`), made once for its geometry and beam.

        None where there is none.
        """
        if self.background is None:
            return None
        from ..background.ground import Ground

        found = self._ground
        if found is None or not found.fits(shot):
            found = self._ground = Ground(self.background, shot, self.evaluation.threads, lambda line: warn([line]))
        return found

    def prepare_shot(self, crystal: Crystal | Sequence[Crystal]) -> tuple[tuple[Prepared, ...], ...]:
        """Derive everything for one crystal or several, on all panels, without rendering.

        Returns
        -------
        tuple of tuple of scene.Prepared
            For each panel, in their order, the crystals in theirs.
        """
        from ..scene.notes import warnings_of

        shot = self._prepared(crystal, self._shared())
        warn(warnings_of(shot))
        return shot

    def prepare_quietly(self, crystal: Crystal | Sequence[Crystal]) -> tuple[tuple[Prepared, ...], ...]:
        """As `prepare_shot`, but what is odd is not looked for, which of small shots takes a tenth of the time."""
        return self._prepared(crystal, self._shared())

    def with_surroundings(self, detector: Detector, beam: Beam, background: Background | None) -> Simulator:
        """Another detector, beam and background for the same structure factors and settings.

        What has been derived of structure factors, mosaic domains and a detector that stays, and a device that is
        open, serve for the other one, too; regions of interest are not taken over.

        Parameters
        ----------
        detector : Detector
        beam : Beam
        background : Background or None

        Returns
        -------
        Simulator

        Raises
        ------
        ValueError
            Naming the field, the value and the rule.
        """
        made = copy(self)
        made.detector, made.beam = _kind("detector", detector, Detector), _kind("beam", beam, Beam)
        made.background = None if background is None else _background(background)
        made.roi, made._regions, made._ground, made._common = WHOLE, None, None, None
        made._backend, made._other = self.backend, self._shared()
        return made

    def _shared(self) -> Common:
        """What shots have in common, made anew where an attribute has become another object."""
        attributes = self.beam, self.detector, self.sampling, self.roi, self.revision
        if self._common is None or not self._common.fits(*attributes):
            self._common = Common(*attributes, self._other)
        return self._common

    def _prepared(self, crystal: Crystal | Sequence[Crystal], common: Common) -> tuple[tuple[Prepared, ...], ...]:
        """As `prepare_shot`, without its warnings."""
        crystals = crystals_of(crystal)
        for each in crystals:
            self._check_frame(each)
        shot = common.prepared([(each.pack(), each.structure_factors or self.structure_factors, each.scale)
                                for each in crystals])
        return common.in_regions(shot, self._regions)

    def prepare(self, crystal: Crystal) -> Prepared:
        """Derive everything for one crystal on a detector of one panel, without rendering."""
        if len(self.detector.shapes) > 1:
            raise ValueError(f"detector: {len(self.detector.shapes)} panels; must be one here")
        return self.prepare_shot(_kind("crystal", crystal, Crystal))[0][0]

    def run(self, crystal: Crystal | Sequence[Crystal],
            progress: Callable[[int], object] | Any = None) -> Result:
        """Simulate one crystal, or several in one shot: image, derived quantities and the driver's account.

        Parameters
        ----------
        crystal : Crystal or sequence of Crystal
            The photons of several are added up, in their order.
        progress : callable or progress bar, optional
            A function that is called with the number of pixels just finished, or an object with such a method
            `update`, as tqdm's bars are.  Of one crystal these are the pixels of the image, of all panels; of
            several it is called each time that something has been added to pixels, how often depends on what the
            crystals have in common.

        Returns
        -------
        Result
        """
        step = checked_progress(progress)
        return self.run_prepared(self.prepare_shot(crystal), step)

    def run_prepared(self, shot: Any, step: Any) -> Result:
        """As `run`, of what `prepare_shot` made; `step` is a function or None."""
        ground = self.ground(shot)
        images, outcomes = self.backend.render_shot(shot, self.evaluation, step)
        if ground is not None:
            ground.add_to(images, outcomes)
        _warn_of(outcomes)
        alone = len(shot) == 1 and len(shot[0]) == 1
        background = (None, None) if ground is None else (ground.image, ground.account())
        if len(shot) == 1:
            return Result(images[0], shot[0][0] if alone else shot, outcomes[0], *background)
        return Result(images, shot, tuple(outcomes), *background)

    def image(self, crystal: Crystal | Sequence[Crystal],
              progress: Callable[[int], object] | Any = None) -> NDArray[np.float32] | Any:
        """Photons per pixel for one crystal, or for several in one shot.

        Parameters
        ----------
        crystal : Crystal or sequence of Crystal
        progress : callable or progress bar, optional
            As for `run`.

        Returns
        -------
        (slow, fast) float32 array
            Of several panels (panel, slow, fast), or a list of arrays where they differ in size.
        """
        return self.run(crystal, progress).image

    def device_image(self, crystal: Crystal | Sequence[Crystal],
                     progress: Callable[[int], object] | Any = None) -> DeviceImage | Any:
        """Photons per pixel for one crystal, or for several in one shot, left in the memory of the CUDA device.

        Parameters
        ----------
        crystal : Crystal or sequence of Crystal
        progress : callable or progress bar, optional
            As for `run`.

        Returns
        -------
        device_image.DeviceImage
            Of several panels a list.  With `__cuda_array_interface__` and DLPack, for CuPy, PyTorch and others.

        Raises
        ------
        ValueError
            If the images are computed on the CPU.
        """
        step = checked_progress(progress)
        if not isinstance(self.backend, CUDA):
            raise ValueError(f"backend: {self.evaluation.backend!r} computes on the CPU here, "
                             "so no image is on a device")
        if self.background is not None:
            raise ValueError("background: is added on the CPU, so no image with it stays on a device; `image` has it")
        done = [self.backend.render_there(panel, self.evaluation, step) for panel in self.prepare_shot(crystal)]
        _warn_of([outcome for _, outcome in done])
        images = [image for image, _ in done]
        return images[0] if len(images) == 1 else images

    def images(self, crystals: Iterable[Crystal | Sequence[Crystal]], progress: Callable[[int], object] | Any = None,
               *, ahead: int | None = None) -> Iterator[NDArray[np.float32] | Any]:
        """Images of several shots, one after the other, as a generator; each is a crystal or a sequence of them.

        Small shots (of up to some million steps) are computed side by side, each by one thread, some of them before
        they are asked for; larger ones, and all on a CUDA device, one by one when they are.

        Parameters
        ----------
        crystals : iterable of Crystal, or of sequences of Crystal
        progress : callable or progress bar, optional
            As for `run`, of all shots together.
        ahead : int, optional
            How many shots at most are taken from `crystals` and computed before they are asked for.  By default as many
            as keep all threads busy if `crystals` is a sequence, such as a list; 0 if it is an iterator, for what that
            gives next may depend on the images before.

        Yields
        ------
        (slow, fast) float32 array
            As `image` returns it.  Memory of those that nobody has any more serves for later ones.
        """
        from .side_by_side import images_of

        if isinstance(crystals, Crystal):
            raise ValueError("crystals: a Crystal must be in a sequence; `image` takes it alone")
        yield from images_of(self, crystals, progress, ahead)


def simulate(crystal: Crystal | Sequence[Crystal], beam: Beam, detector: Detector,
             structure_factors: StructureFactors | float, *, sampling: Sampling | None = None,
             roi: Region | None = None, threads: int | None = None, revision: str = DEFAULT,
             precision: str = "exact", summation: str | None = None, backend: str = "cpu",
             device: int | None = None, progress: Callable[[int], object] | Any = None,
             background: Background | str | None = None) -> NDArray[np.float32] | Any:
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
        Pixels to compute, both ends included: fast min, fast max, slow min, slow max.  Others stay 0.  Of several
        panels a sequence of them, one for each panel (None: all of it), or a dictionary of panels' numbers and
        regions; panels that it lacks are not computed.
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
    progress : callable or progress bar, optional
        A function that is called with the number of pixels just finished, or an object with such a method
        `update`, as tqdm's bars are: ``progress=tqdm(total=64 * 64)``.
    background : Background, optional
        Amorphous material in the beam, whose photons are added.

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
                     device=device, background=background).image(crystal, progress)
