"""What comes of a simulation: an image, and the truth of how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

# start-up: types of arrays are for checkers
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..results.spots import Spots
    from ..results.truth import SourceList

__all__ = ["Result"]

#: Panels that the text of a result describes one by one.
_PANELS_SHOWN = 4



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
