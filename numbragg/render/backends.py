"""Where an image is computed: on the CPU or on a CUDA device, behind one face.

A backend that was asked for by name and cannot be had is an error; only "auto" chooses, and what
it chose, and why, is in `remark`.
"""

import numpy as np

from .. import memory

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

    def loaded(self, prepared, evaluation):
        """Whether kernels have been compiled before."""
        from ..kernels.drive.cpu import compiled

        return compiled()

    def load(self, prepared, evaluation):
        """Compile the kernels that a scene needs, or load them from disk."""
        from ..kernels.drive.cpu import load_kernels

        load_kernels(prepared.scene, prepared.interpolating, evaluation.modes)

    def render(self, prepared, evaluation, progress=None):
        """Image and the driver's account; ValueError if the scene is possible with precision="exact" only."""
        from ..kernels.drive import cpu as driver_cpu

        image = np.zeros(prepared.shape, dtype=np.float32)
        target = driver_cpu.Target(prepared.window, prepared.mask, image)
        outcome = driver_cpu.render(prepared.scene, target, evaluation.modes, interpolating=prepared.interpolating,
                                    progress=progress)
        return image, outcome

    def render_sum(self, panel, evaluation, progress=None):
        """Image of several prepared scenes on one panel, and the driver's account; of one as `render`."""
        from ..kernels.drive.contributions import render_sum

        if len(panel) == 1:
            return self.render(panel[0], evaluation, progress)
        image, contributions, target = _sum_of(panel)
        return image, render_sum(contributions, target, evaluation.modes, progress=progress)


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

    def _render(self, prepared, evaluation, progress, stays):
        from ..kernels.drive.cpu import Target
        from ..kernels.evaluate.certificate import plan

        reason, remarks = plan(prepared.scene).reason, ()
        if reason is not None and evaluation.precision == "exact":
            remarks = (f"computed on the CPU by the strict evaluator, not on device {self.device}: {reason}",)
        # what stays on the device needs no more than a few pixels of it, and untouched memory costs nothing
        image = np.zeros(prepared.shape, dtype=np.float32)
        outcome, device_image = self.session.render(
            prepared.scene, Target(prepared.window, prepared.mask, image), evaluation.modes,
            interpolating=prepared.interpolating, progress=progress, stays=stays)
        outcome.remarks = remarks
        return image, outcome, device_image

    def render(self, prepared, evaluation, progress=None):
        """Image and the driver's account; errors as for `CPU`, and those of the device."""
        return self._render(prepared, evaluation, progress, False)[:2]

    def render_sum(self, panel, evaluation, progress=None):
        """Image of several prepared scenes on one panel, and the driver's account; of one as `render`."""
        if len(panel) == 1:
            return self.render(panel[0], evaluation, progress)
        image, contributions, target = _sum_of(panel)
        return image, self.session.render_sum(contributions, target, evaluation.modes, progress=progress)

    def render_there(self, panel, evaluation, progress=None):
        """Image of one panel that stays on the device (`device_image.DeviceImage`) and the driver's account."""
        from ..kernels.compile.cuda_target import to_device
        from .device_image import DeviceImage

        if len(panel) > 1:
            # sums of several meet on the host
            image, outcome = self.render_sum(panel, evaluation, progress)
            with self.session.device.current():
                return DeviceImage(to_device(image), self.session.device), outcome
        _, outcome, device_image = self._render(panel[0], evaluation, progress, True)
        return DeviceImage(device_image, self.session.device), outcome


def _sum_of(panel):
    """Image to be filled, contributions and target of several prepared scenes on one panel."""
    from ..kernels.drive.contributions import Contribution
    from ..kernels.drive.cpu import Target

    window = panel[0].window
    memory.require(SUM_BYTES * window.pixels,
                   f"crystals: the sums of {len(panel)} crystals in {window.width} x {window.height} pixels")
    image = np.zeros(panel[0].shape, dtype=np.float32)
    return (image, [Contribution(prepared.scene, prepared.interpolating) for prepared in panel],
            Target(panel[0].window, panel[0].mask, image))


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
