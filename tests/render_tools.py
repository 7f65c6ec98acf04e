"""Rendering for tests, all settings as keywords: on the CPU, or in a session of a CUDA device."""

from numbragg.kernels.drive import cpu
from numbragg.kernels.physics.records import EXACT, SEQUENTIAL, Window


def render(scene, window, mask, image, *, interpolating, threads=None, progress=None, lanes=True, doubles=None,
           precision=EXACT, summation=SEQUENTIAL, session=None, **stays):
    """The outcome of `kernels.drive.cpu.render`, or what a session's `render` returns."""
    target = cpu.Target(Window(*window), mask, image, doubles)
    modes = cpu.Modes(precision, summation, threads, lanes)
    how = dict(interpolating=interpolating, progress=progress)
    return cpu.render(scene, target, modes, **how) if session is None else session.render(scene, target, modes, **how,
                                                                                       **stays)
