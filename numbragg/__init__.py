"""numbragg: X-ray diffraction images of nanocrystals, with the bits of the C program nanoBragg.

    >>> import numbragg as nb
    >>> image = nb.simulate(nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=8), nb.Beam(),
    ...                     nb.Detector(pixels=(64, 48)), 100.0)
    >>> image.shape
    (48, 64)

Names are loaded when they are first used, so importing the package costs little (start-up).
"""

import os
import sys

__all__ = ["Background", "Beam", "Crystal", "Detector", "NumbraggWarning", "Panel", "Response", "Sampling", "Simulator",
           "Spectrum", "StructureFactors", "add_noise", "assemble", "image_statistics", "integer_image",
           "random_rotations", "scan", "simulate", "simulate_counts", "trace", "write_crystfel", "write_geometry",
           "write_minicbf", "write_nexus", "write_png", "write_smv", "write_tiff", "__version__"]

_HOMES = {"Background": "background.layers", "Beam": "configs.beam",
          "Crystal": "configs.crystal", "Detector": "configs.detector",
          "NumbraggWarning": "notes", "Panel": "configs.panel", "Response": "response.response",
          "Sampling": "configs.sampling", "Simulator": "render.simulation", "Spectrum": "configs.spectrum",
          "StructureFactors": "configs.structure_factors", "add_noise": "results.digitise",
          "assemble": "results.assembly", "image_statistics": "results.statistics",
          "integer_image": "results.digitise", "random_rotations": "configs.orientations", "scan": "render.scan",
          "simulate": "render.simulation", "simulate_counts": "render.counting", "trace": "tracing.record",
          "write_crystfel": "results.files", "write_geometry": "results.files", "write_minicbf": "results.files",
          "write_nexus": "results.files", "write_png": "results.pictures", "write_smv": "results.files",
          "write_tiff": "results.pictures", "__version__": "_version"}

#: Modules that are loaded when they are first used.
_MODULES = ("detectors", "response")


#: What has been loaded by now: its own hooks of forks come after ours, before a fork.
_EARLIER = tuple(sys.modules)


def _at_fork(name):
    """What is done at a fork, loaded with the first one (start-up)."""
    def step():
        from .kernels.compile import forks

        forks.earlier = frozenset(_EARLIER)
        getattr(forks, name)()

    return step


if hasattr(os, "register_at_fork"):
    # here, as other threads may be loading the rest
    os.register_at_fork(before=_at_fork("before"), after_in_parent=_at_fork("in_parent"),
                        after_in_child=_at_fork("in_child"))


def __getattr__(name):
    from importlib import import_module

    if name in _MODULES:
        # a module, which the import itself makes an attribute
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'numbragg' has no attribute {name!r}")
    if "SOURCE_DATE_EPOCH" in os.environ:
        from .io.dates import let_load

        let_load()
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*__all__, *_MODULES])
