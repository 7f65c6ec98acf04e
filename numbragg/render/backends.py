"""Where an image is computed: on the CPU or on a CUDA device, behind one face.

A backend that was asked for by name and cannot be had is an error; only "auto" chooses, and what
it chose, and why, is in `remark`.
"""

from dataclasses import dataclass, fields

import numpy as np

from ..kernels.drive.order import Outcome

__all__ = ["Account", "CPU", "CUDA", "open_backend"]


@dataclass(slots=True)
class Account(Outcome):
    """What a driver did, and remarks on this rendering; what is remarkable about the scene is with the scene."""

    remarks: tuple = ()


def _account(outcome, remarks=()):
    return Account(**{item.name: getattr(outcome, item.name) for item in fields(Outcome)}, remarks=remarks)


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
        return image, _account(outcome)


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
        return image, _account(outcome, remarks), device_image

    def render(self, prepared, evaluation, progress=None):
        """Image and the driver's account; errors as for `CPU`, and those of the device."""
        return self._render(prepared, evaluation, progress, False)[:2]

    def render_there(self, prepared, evaluation):
        """Image that stays on the device (`device_image.DeviceImage`) and the driver's account."""
        from .device_image import DeviceImage

        _, outcome, device_image = self._render(prepared, evaluation, None, True)
        return DeviceImage(device_image, self.session.device), outcome


def open_backend(evaluation):
    """Find what an image is to be computed on.

    Parameters
    ----------
    evaluation : evaluation.Evaluation

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
