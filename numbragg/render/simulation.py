"""From configurations to an image: the Python front end of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
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

# start-up: kernels, and Numba with them, are imported with the first image; types of arrays are for checkers
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..background.layers import Background
    from ..results.spots import Spots
    from ..results.truth import SourceList
    from ..scene.prepare import Prepared
    from .device_image import DeviceImage

__all__ = ["Result", "Simulator", "crystals_of", "render_prepared", "simulate"]

#: A region of one panel, or those of several.
Region = Sequence[int] | Sequence[Sequence[int] | None] | Mapping[int, Sequence[int] | None]

#: Panels that the text of a result describes one by one.
_PANELS_SHOWN = 4

_VECTORS = (("crystal", "spindle_axis"), ("beam", "direction"), ("beam", "polarisation_axis"))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result:
    """An image and how it came about, the truth of it included.

    What describes the crystal is given for the one crystal on the one panel.  Of several crystals or panels it is a
    tuple (panels, in their order) of tuples (crystals, in theirs), nested as `prepared`.  Two results are equal if
    they are the same object.

    Attributes
    ----------
    image : (slow, fast) float32 array
        Photons per pixel; of several panels (panel, slow, fast), or a list of arrays where they differ in size.
    prepared : scene.Prepared
        All that was derived: geometry, cell, sampling, scene; of several, a tuple (panels) of tuples (crystals).
    outcome : kernels.drive.order.Outcome
        What the driver did: pixels, threads, where interpolation was given up; and remarks on it.  Of
        several panels a tuple.
    background : (slow, fast) float64 array, tuple of arrays or None
        Photons per pixel of the background in the image, read-only; of several panels a tuple; None: there is none.
    background_settings : dict or None
        Its layers, their nodes and sub-pixels, and sums of photons, as files have them.

    Examples
    --------
    >>> import numpy as np, numbragg as nb
    >>> turn = nb.random_rotations(1, seed=7)[0]
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 100, 90), u_matrix=turn, n_cells=5)
    >>> result = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(crystal)
    >>> np.allclose(result.u_matrix, turn), [round(x, 3) for x in result.cell]
    (True, [50.0, 60.0, 70.0, 90.0, 100.0, 90.0])
    >>> np.allclose(result.u_matrix @ result.b_matrix, result.a_matrix)
    True
    """

    image: NDArray[np.float32] | Any
    prepared: Any
    outcome: Any
    background: Any = None
    background_settings: Any = None

    def __repr__(self) -> str:
        from ..results.statistics import image_statistics

        # an array of several panels, too, is a sequence of them
        images = [self.image] if getattr(self.image, "ndim", 0) == 2 else self.image
        prepared = self._panels
        lines = [f"<Result of {len(prepared[0])} crystal(s) on {len(images)} panel(s), {len(self.notes)} note(s)"]
        for number, image in enumerate(images[:_PANELS_SHOWN]):
            panel = f"panel {number}" if len(images) > 1 else "image"
            found = image_statistics(image)
            at = "" if found.maximum_fast is None else f" at {found.maximum_fast} {found.maximum_slow} (fast slow)"
            lines.append(f"  {panel}: {image.shape[0]} x {image.shape[1]} (slow x fast) {image.dtype}, "
                         f"maximum {found.maximum:.6g}{at}, mean {found.mean:.6g}, sum {found.sum:.6g}")
        if len(images) > _PANELS_SHOWN:
            lines.append(f"  and {len(images) - _PANELS_SHOWN} more panels")
        return "\n".join(lines) + ">"

    @property
    def _panels(self):
        """For each panel its crystals, also where there is one of each."""
        return self.prepared if isinstance(self.prepared, tuple) else ((self.prepared,),)

    def _each(self, name):
        """A truth of every crystal on every panel, nested as `prepared`."""
        from ..results import truth

        what = getattr(truth, name)
        if not isinstance(self.prepared, tuple):
            return what(self.prepared)
        return tuple(tuple(what(prepared) for prepared in panel) for panel in self.prepared)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing about the image; some of it was also a `NumbraggWarning`."""
        from ..scene.notes import rendering_notes, scene_notes

        outcomes = self.outcome if isinstance(self.outcome, tuple) else (self.outcome,)
        rendered = (note for outcome in outcomes for note in rendering_notes(outcome))
        return tuple(dict.fromkeys((*scene_notes(self._panels), *rendered)))

    @property
    def a_matrix(self) -> NDArray[np.float64] | Any:
        """The A matrix: columns a*, b*, c* [1/Angstrom] in the laboratory frame at phi = 0, misset included.

        A (3, 3) array.  ``a_matrix @ (h, k, l)`` is the scattering vector s1/wavelength - s0/wavelength of a
        reflection; its length is 1/d.  At a spindle angle phi it is turned about `spindle_axis` by phi, in a mosaic
        domain then by its rotation: M R(phi) A.  MOSFLM's matrix, which `Crystal.matrix` takes, is this one times
        the wavelength.  It is the inverse of `real_space_vectors`, whose products with the scattering vector are
        the indices that the image is made of.
        """
        return self._each("a_matrix")

    @property
    def real_space_vectors(self) -> NDArray[np.float64] | Any:
        """Rows a, b, c [Angstrom] in the laboratory frame at phi = 0, misset included: a (3, 3) array."""
        return self._each("real_space_vectors")

    @property
    def u_matrix(self) -> NDArray[np.float64] | Any:
        """The rotation U of A = U B, a (3, 3) array; B is that of Busing and Levy (`b_matrix`).

        U turns the crystal's Cartesian frame, x along a*, y in the plane of a* and b*, z = x cross y along c, into the
        laboratory's: columns are these axes in the laboratory frame.  `Crystal.u_matrix` takes it.
        """
        return self._each("u_matrix")

    @property
    def b_matrix(self) -> NDArray[np.float64] | Any:
        """The upper triangle B of A = U B [1/Angstrom], a (3, 3) array, as in Busing and Levy (1967) and cctbx.

        Columns are a*, b*, c* in the crystal's Cartesian frame.  Its diagonal is positive, but for the last number
        where the axes of a `Crystal.matrix` are left-handed.
        """
        return self._each("b_matrix")

    @property
    def cell(self) -> tuple[float, ...]:
        """The cell that was simulated, six floats: a, b, c [Angstrom], alpha, beta, gamma [deg].

        It can differ from the one that was given: nanoBragg builds another one from two or more angles that are not
        right (docs/quirks Q30), and a matrix has a cell of its own.
        """
        return self._each("cell")

    @property
    def mosaic_rotations(self) -> NDArray[np.float64] | Any:
        """Rotation of each mosaic domain in the laboratory frame, after the spindle's: (domains, 3, 3), read-only.

        Columns are the images of the laboratory's axes (matrix times vector).  The first is the identity.
        """
        return self._each("mosaic_rotations")

    @property
    def phi_deg(self) -> NDArray[np.float64] | Any:
        """Angle by which the spindle has turned the crystal at each step [deg]: a (steps,) array.

        All steps weigh the same.  An angle is that of the rotation that is shown: with revision "main" a step at
        exactly 0 keeps the rotation of the step before it (docs/quirks).
        """
        return self._each("phi_deg")

    @property
    def spindle_axis(self) -> NDArray[np.float64] | Any:
        """Unit vector in the laboratory frame about which the spindle turns the crystal, right-handed: (3,)."""
        return self._each("spindle_axis")

    def spots(self) -> Spots:
        """Predicted spots: which reflections meet the detector, where, at which spindle angle, how many photons.

        In a rotation all that pass through Ewald's sphere from ``phi_start_deg`` to the end of the oscillation, of
        the nominal wavelength and direction; a full spot's photons, without background, and without what a sensor
        does not stop.  In a still those within two widths of the sphere, with the photons that a Gaussian rocking
        curve of that width gives them: of size, mosaicity and spectrum.

        Returns
        -------
        results.spots.Spots
            A named tuple of arrays, one row each spot, ordered by crystal, h, k, l and angle: ``crystal``, ``hkl``
            (n, 3), ``panel``, ``fast``, ``slow`` [pixels, from the corner of the panel], ``phi_deg``, ``intensity``
            [photons] and ``d_angstrom``; `Spots.write_csv` writes them.

        Raises
        ------
        MemoryError
            If there are too many reflections.

        Examples
        --------
        >>> import numbragg as nb
        >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, oscillation_deg=1)
        >>> spots = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(crystal).spots()
        >>> spots.hkl.shape[0] == len(spots.fast) > 0
        True
        """
        from ..results.spots import spots

        return spots(self._panels)

    @property
    def sources(self) -> SourceList | Any:
        """The sources as simulated: a named tuple of three arrays.

        ``directions`` (n, 3), unit vectors from the sample towards the source (photons travel the other way),
        ``wavelengths_angstrom`` (n,) and ``weights`` (n,), the share of each in the fluence, 1/n: intensities of a list
        of sources are never used.
        """
        return self._each("sources")


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
