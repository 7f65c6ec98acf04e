"""Where an image is computed: on the CPU or on a CUDA device, behind one face.

A backend that was asked for by name and cannot be had is an error; only "auto" chooses, and what
it chose, and why, is in `remark`.
"""

import numpy as np

from .. import memory
from .image_notes import image_notes

# start-up: kernels, and Numba with them, are imported with the first image

__all__ = ["CPU", "CUDA", "open_backend"]

#: Bytes that a pixel of a sum of several crystals takes: the image, running sums, values and half-widths, flags.
SUM_BYTES = 80


class CPU:
    """The processors of this machine.

    Attributes
    ----------
    name : str
    device : str or None
        Number and name of the device.
    remark : str or None
        Why it was chosen, where "auto" did.
    """

    name, device = "cpu", None

    def __init__(self, remark=None):
        self.remark = remark
        self._tables = None

    def checked(self, tables):
        """What earlier shots have left of tables of structure factors, where these are still the same."""
        from ..kernels.drive.tables import Tables

        if self._tables is None:
            self._tables = Tables()
        return self._tables.checked({id(table): table for table in tables}.values())

    def loaded(self, prepared, evaluation):
        """Whether kernels have been compiled before."""
        from ..kernels.drive.cpu import compiled

        return compiled()

    def load(self, prepared, evaluation):
        """Compile the kernels that a scene needs, or load them from disk."""
        from ..kernels.drive.cpu import load_kernels

        load_kernels(prepared.scene, prepared.interpolating, evaluation.modes, prepared.window.pixels)

    def render(self, prepared, evaluation, progress=None):
        """Image and the driver's account; ValueError if the scene is possible with precision="exact" only."""
        from ..kernels.drive import cpu as driver_cpu
        from ..kernels.drive.tables import Made

        _require_squares([prepared.scene.lookup], evaluation, Made())
        image = np.zeros(prepared.shape, dtype=np.float32)
        target = driver_cpu.Target(prepared.window, prepared.mask, image)
        outcome = driver_cpu.render(prepared.scene, target, evaluation.modes, interpolating=prepared.interpolating,
                                    progress=progress)
        return image, _noted(outcome, image, prepared)

    def render_shot(self, shot, evaluation, progress=None):
        """Images of all panels and the driver's accounts; what the panels share is made once."""
        made = self.checked(prepared.scene.lookup.table for panel in shot for prepared in panel)
        return self.render_with(made, [shot], evaluation, progress)[0]

    def render_with(self, made, shots, evaluation, progress=None, halt=None, lent=None):
        """As `render_shot`, of several shots one after the other: a list of what that returns.

        Of a shot's steps in Python each is done for all shots, while a processor has the code at hand.

        `made` is what `checked` found; `halt` is that of `kernels.drive.cpu.Target`; `lent`, a `lent.Lent`, has
        memory for the images.
        """
        if not all(len(panel) == 1 for shot in shots for panel in shot):
            return [self._render_sums(made, shot, evaluation, progress, halt) for shot in shots]
        from ..kernels.drive import cpu as driver_cpu

        alone = [panel[0] for shot in shots for panel in shot]
        _require_squares([prepared.scene.lookup for prepared in alone], evaluation, made)
        images = [_empty_images(shot, lent) for shot in shots]
        targets = [driver_cpu.Target(prepared.window, prepared.mask, image, halt=halt)
                   for prepared, image in zip(alone, (image for each in images for image in each))]
        done = driver_cpu.render_images(
            [prepared.scene for prepared in alone], targets, evaluation.modes,
            interpolating=[prepared.interpolating for prepared in alone], progress=progress, made=made)
        outcomes = (_noted(outcome, target.image, prepared) for outcome, target, prepared in zip(done, targets, alone))
        return [(each, [next(outcomes) for _ in shot]) for each, shot in zip(images, shots)]

    def _render_sums(self, made, shot, evaluation, progress, halt):
        """Images and accounts of one shot, of panels that several crystals add to."""
        from ..kernels.drive.contributions import render_sum

        _require_squares([prepared.scene.lookup for panel in shot for prepared in panel], evaluation, made)
        images, outcomes = _empty_images(shot), []
        for panel, image in zip(shot, images):
            contributions, target = _sum_of(panel, image)
            outcome = render_sum(contributions, target._replace(halt=halt), evaluation.modes, progress=progress,
                                 made=made)
            outcomes.append(_noted(outcome, image, panel[0]))
        return images, outcomes


class CUDA:
    """One CUDA device, and what it holds from one image to the next; attributes as for `CPU`."""

    name = "cuda"

    def __init__(self, number=None, remark=None):
        from ..kernels.drive.cuda import Session

        self.session = Session(number)
        self.device = str(self.session.device)
        self.remark = remark

    def loaded(self, prepared, evaluation):
        """Whether the kernels that a scene needs have been compiled before."""
        return self.session.loaded(prepared.scene, prepared.interpolating, evaluation.modes)

    def load(self, prepared, evaluation):
        """Compile the kernels that a scene needs, or load them from disk."""
        self.session.load(prepared.scene, prepared.interpolating, evaluation.modes)

    def _render(self, prepared, evaluation, progress, stays, image=None):
        from ..kernels.drive.cpu import Target
        from ..kernels.evaluate.certificate import plan

        reason, remarks = plan(prepared.scene).reason, ()
        if reason is not None and evaluation.precision == "exact":
            remarks = (f"computed on the CPU by the strict evaluator, not on device {self.device}: {reason}",)
        # what stays on the device needs no more than a few pixels of it, and untouched memory costs nothing
        image = np.zeros(prepared.shape, dtype=np.float32) if image is None else image
        outcome, device_image = self.session.render(
            prepared.scene, Target(prepared.window, prepared.mask, image), evaluation.modes,
            interpolating=prepared.interpolating, progress=progress, stays=stays)
        outcome.remarks = remarks
        # of an image that stays on the device no pixels are here
        return image, outcome if stays else _noted(outcome, image, prepared), device_image

    def render(self, prepared, evaluation, progress=None):
        """Image and the driver's account; errors as for `CPU`, and those of the device."""
        return self._render(prepared, evaluation, progress, False)[:2]

    def _render_sum(self, panel, evaluation, progress, image):
        """Fill the image of one panel. Returns the driver's account."""
        if len(panel) == 1:
            return self._render(panel[0], evaluation, progress, False, image)[1]
        contributions, target = _sum_of(panel, image)
        outcome = self.session.render_sum(contributions, target, evaluation.modes, progress=progress)
        return _noted(outcome, image, panel[0])

    def render_shot(self, shot, evaluation, progress=None):
        """Images of all panels and the driver's accounts."""
        images = _empty_images(shot)
        return images, [self._render_sum(panel, evaluation, progress, image) for panel, image in zip(shot, images)]

    def render_there(self, panel, evaluation, progress=None):
        """Image of one panel that stays on the device (`device_image.DeviceImage`) and the driver's account."""
        from ..kernels.compile.cuda_target import to_device
        from .device_image import DeviceImage

        if len(panel) > 1:
            # sums of several meet on the host
            image, = _empty_images([panel])
            outcome = self._render_sum(panel, evaluation, progress, image)
            with self.session.device.current():
                return DeviceImage(to_device(image), self.session.device), outcome
        _, outcome, device_image = self._render(panel[0], evaluation, progress, True)
        return DeviceImage(device_image, self.session.device), outcome


def _require_squares(lookups, evaluation, made):
    """Refuse tables of structure factors whose squares, of which most images are made, do not fit in memory."""
    from ..kernels.drive.cpu import squares_key

    kind = np.float32 if evaluation.precision == "single" else np.float64
    tables = {id(lookup.table): lookup.table.shape for lookup in lookups
              if lookup.filled and not made.has(lookup.table, squares_key(lookup, kind))}
    memory.require(sum(map(memory.grid_bytes, tables.values())),
                   f"structure factors: the squares of tables of {' and '.join(map(_by, tables.values()))} entries")


def _by(shape):
    return " x ".join(map(str, shape))


def _noted(outcome, image, prepared):
    """The driver's account with what is to be said of the pixels that it made."""
    outcome.remarks = (*outcome.remarks, *image_notes(image, prepared.window))
    return outcome


def _is_whole(prepared):
    """Whether every pixel of a panel is written."""
    slow, fast = prepared.shape
    return prepared.mask is None and prepared.window == (0, fast - 1, 0, slow - 1)


def _empty_images(shot, lent=None):
    """Images of all panels, to be filled: one array where they have one size, which nobody need put together then."""
    shapes = [panel[0].shape for panel in shot]
    if lent is not None and all(_is_whole(panel[0]) for panel in shot):
        if len(set(shapes)) == 1:
            made = lent.image(shapes[0] if len(shapes) == 1 else (len(shapes), *shapes[0]))
            return made if len(shapes) > 1 else [made]
        return [lent.image(shape) for shape in shapes]
    if len(shapes) > 1 and len(set(shapes)) == 1:
        return np.zeros((len(shot), *shapes[0]), dtype=np.float32)
    return [np.zeros(shape, dtype=np.float32) for shape in shapes]


def _sum_of(panel, image):
    """Contributions of several prepared scenes to the image of one panel, and the target."""
    from ..kernels.drive.contributions import Contribution
    from ..kernels.drive.cpu import Target

    window = panel[0].window
    if len(panel) > 1:
        memory.require(SUM_BYTES * window.pixels,
                       f"crystals: the sums of {len(panel)} crystals in {window.width} x {window.height} pixels")
    return ([Contribution(prepared.scene, prepared.interpolating) for prepared in panel],
            Target(window, panel[0].mask, image))


def open_backend(evaluation):
    """Find what an image is to be computed on.

    Parameters
    ----------
    evaluation : run_options.Evaluation

    Returns
    -------
    CPU or CUDA

    Raises
    ------
    ValueError
        If CUDA was asked for by name, or a device by number, and cannot be had.
    """
    if evaluation.backend == "cpu":
        return CPU()
    if evaluation.backend == "cuda":
        return CUDA(evaluation.device)
    try:
        found = CUDA(evaluation.device)
    except ValueError as error:
        if evaluation.device is not None:
            raise
        return CPU(f"backend auto: cpu ({str(error).removeprefix('backend: ')})")
    found.remark = f"backend auto: cuda, device {found.device}"
    return found
