"""Counts of a shot: what the simulation makes, recorded by a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.beam import Beam
from ..configs.checks import shown, whole
from ..configs.crystal import Crystal
from ..configs.detector import Detector
from ..configs.sampling import Sampling
from ..configs.structure_factors import StructureFactors
from ..notes import warn
from ..scene.draws import LARGEST_SEED
from ..scene.revisions import DEFAULT
from .progress import checked_progress
from .result import Result
from .simulation import Region, Simulator

# start-up: what counts is imported with the first counts; types are for checkers
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..background.layers import Background
    from ..response.response import Response

__all__ = ["Counted", "checked_response", "simulate_counts"]

#: Largest number of a frame.
LARGEST_FRAME = 2 ** 32 - 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Counted:
    """Counts of a shot, and what they are of.

    `write_nexus`, `write_smv`, `write_minicbf` and `write_tiff` take it as a result and write its counts.

    Attributes
    ----------
    counts : (slow, fast) array
        Of the response's type; of several panels a list.
    result : Result
        The image of means, and its truth.
    response : Response
    seed, frame : int
        What the random numbers were drawn for.

    Examples
    --------
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
    >>> shot = nb.simulate_counts(crystal, nb.Beam(), nb.Detector(pixels=(64, 48)), 100.0, seed=1)
    >>> shot.counts.shape, shot.image.shape, shot.response.counting
    ((48, 64), (48, 64), True)
    """

    counts: NDArray[Any] | Any
    result: Result
    response: Response
    seed: int
    frame: int

    def __repr__(self) -> str:
        name = f" of {self.response.name}" if self.response.name else ""
        return f"<Counts{name}, seed {self.seed}, frame {self.frame}, of {self.result!r}>"

    @property
    def image(self) -> NDArray[np.float32] | Any:
        """Mean photons, as `Result.image`."""
        return self.result.image

    @property
    def prepared(self) -> Any:
        """As `Result.prepared`."""
        return self.result.prepared

    @property
    def outcome(self) -> Any:
        """As `Result.outcome`."""
        return self.result.outcome

    @property
    def mask(self) -> NDArray[np.uint8] | Any:
        """Pixels that count, 1: no gaps, no dead ones, none that the detector's mask or the region leaves out.

        (slow, fast), of several panels a list; what files of the counts mark.
        """
        from ..results.recording import counting_pixels

        masks = [counting_pixels(panel[0], self.response, number) for number, panel in enumerate(self.result._panels)]
        return masks[0] if isinstance(self.counts, np.ndarray) else masks

    @property
    def notes(self) -> tuple[str, ...]:
        """As `Result.notes`, and what is worth knowing of the response on this detector."""
        from ..results.recording import response_notes

        return tuple(dict.fromkeys((*self.result.notes, *response_notes(self.response, self.result._panels))))


def checked_response(value: Any) -> Response:
    """A response, or none, which counts photons."""
    from ..response.response import Response

    if value is None:
        return Response()
    if not isinstance(value, Response):
        raise ValueError(f"response: {shown(value)} must be a Response object")
    return value


def simulate_counts(crystal: Crystal | Sequence[Crystal], beam: Beam, detector: Detector,
                    structure_factors: StructureFactors | float, *, response: Response | None = None, seed: int,
                    frame: int = 0, sampling: Sampling | None = None, roi: Region | None = None,
                    threads: int | None = None, revision: str = DEFAULT, precision: str = "exact",
                    summation: str | None = None, backend: str = "cpu", device: int | None = None,
                    progress: Callable[[int], object] | Any = None,
                    background: Background | str | None = None) -> Counted:
    """Simulate what a detector counts: the image of `simulate`, and the response of the detector to it.

    Parameters
    ----------
    crystal, beam, detector, structure_factors
        As for `simulate`.
    response : Response, optional
        By default photons are counted.
    seed : int
        Of the noise, 0 or more.
    frame : int
        Number of the frame: others have other noise.
    sampling, roi, threads, revision, precision, summation, backend, device, progress, background
        As for `simulate`.  Pixels of a region have the counts that they have in the whole image: where light spreads,
        those around it are computed, too.  Outside there is no light, but what the detector adds.

    Returns
    -------
    Counted
        ``counts`` and the ``image`` of means, with all that made them.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(100, 100, 100, 90, 90, 90), n_cells=5)
    >>> shot = nb.simulate_counts(crystal, nb.Beam(), nb.Detector(pixels=(64, 64)), 100.0,
    ...                           response=nb.Response.named("rayonix"), seed=1)
    >>> shot.counts.dtype, bool(shot.counts.min() > 20)
    (dtype('uint16'), True)
    """
    from ..results.recording import count_panels, response_notes
    from .halo import halo_of

    response, seed = checked_response(response), whole("seed", seed, 0, LARGEST_SEED)
    frame = whole("frame", frame, 0, LARGEST_FRAME)
    simulator = Simulator(detector, beam, structure_factors, sampling=sampling, roi=roi, threads=threads,
                          revision=revision, precision=precision, summation=summation, backend=backend,
                          device=device, background=background)
    step, shot = checked_progress(progress), simulator.prepare_shot(crystal)
    # what the response cannot do on this detector is known before anything is computed
    warn(response_notes(response, shot))
    result = simulator.run_prepared(shot, step)
    halo = halo_of(shot, response, simulator.background, threads)
    around = None if halo is None else halo.images(
        lambda those: simulator.backend.render_shot(those, simulator.evaluation)[0])
    images = [result.image] if len(shot) == 1 else result.image
    counts = count_panels(response, images, shot, seed=seed, frame=frame, threads=threads, around=around)
    return Counted(counts[0] if len(shot) == 1 else counts, result, response, seed, frame)
