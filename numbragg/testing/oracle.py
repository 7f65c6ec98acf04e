"""An oracle for other people's tests: reference images with the C program's bits, and assertions.

    from numbragg.testing import assert_matches, reference_image

    def test_my_port():
        wanted = reference_image("-lambda 6.2 -cell 100 100 100 90 90 90 -N 5 -default_F 100 -distance 100")
        assert_matches(my_port(...), wanted, min_correlation=0.9995)

Images may be arrays of NumPy, PyTorch, CuPy or Numba, or whatever has `__dlpack__` or `__array__`.
docs/oracle.md has a worked example.
"""

from collections.abc import Sequence
import dataclasses
import hashlib
import io
import os
from pathlib import Path
import shlex
from typing import Any

import numpy as np
from numpy.typing import NDArray

# start-up: pytest loads this in every run, most of which want one of these things at most

__all__ = ["as_numpy", "assert_matches", "assert_same_bits", "clear_cache", "prepare_scene", "reference_image"]


# -- images of other libraries

#: Memory that the host can read, by DLPack's numbers: its own, and pinned or managed for CUDA and ROCm.
_HOST_DEVICES = (1, 3, 11, 13)


def as_numpy(image: Any) -> np.ndarray:
    """A NumPy array of an image, on whatever device and of whatever library it is.

    Parameters
    ----------
    image : array
        Of NumPy, PyTorch (gradients are left behind), CuPy or Numba, or any object with `__dlpack__` or
        `__array__`.  What lies on another device is copied to the host.

    Returns
    -------
    (slow, fast) array
        Of the same type, in native byte order; no copy where none is needed.  PyTorch's bfloat16, which
        NumPy does not have, becomes float32.

    Raises
    ------
    ValueError
        It is no array or cannot be read, has masked pixels (what stands for them is the caller's to say), or
        has other than two dimensions.
    """
    kind = f"{type(image).__module__.partition('.')[0]}.{type(image).__name__}".removeprefix("builtins.")
    if isinstance(image, np.ma.MaskedArray):
        raise ValueError("image: a masked array; fill it first")
    try:
        array = _on_host(image)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"image: {kind} cannot be read as an array ({reason})") from error
    if array is None:
        raise ValueError(f"image: {kind} is no array (nothing that DLPack or __array__ reads)")
    if array.ndim != 2:
        raise ValueError(f"image: of shape {tuple(array.shape)} must have two dimensions, slow and fast")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _on_host(image):
    """An image of any library as an array of NumPy, or None if there is no way."""
    if isinstance(image, np.ndarray):
        return image
    if hasattr(image, "detach") and hasattr(image, "cpu"):
        image = image.detach().cpu()
        if hasattr(image, "resolve_neg"):
            # a change of sign that is still to be made would be lost
            image = image.resolve_neg()
        if str(getattr(image, "dtype", "")) == "torch.bfloat16":
            image = image.float()
    if hasattr(image, "__cuda_array_interface__"):
        for copy in ("get", "copy_to_host"):
            if hasattr(image, copy):
                return getattr(image, copy)()
    if hasattr(image, "__dlpack__"):
        on_host = image.__dlpack_device__()[0] in _HOST_DEVICES
        return np.from_dlpack(image) if on_host else np.from_dlpack(image, device="cpu")
    return np.asarray(image) if hasattr(image, "__array__") else None


# -- reference images


def _of_command_line(words, revision, folder):
    from ..command_line.inputs import announce, read_inputs, with_headers
    from ..command_line.parse import check, entered, parse
    from ..configs.run_options import Evaluation
    from ..scene.prepare import prepare

    words = shlex.split(words) if isinstance(words, str) else [os.fspath(word) for word in words]
    line = parse([*words, *(["--revision", revision] if revision else [])])
    if folder is not None:
        line = entered([_placed(use, os.fspath(folder)) for use in line.uses])
    line = with_headers(line)
    if folder is not None and "-dump" not in line.given:
        line.files.dump = os.path.join(folder, line.files.dump)
    check(line)
    Evaluation(line.precision, line.summation, line.threads)
    if line.precision != "exact":
        raise ValueError(f"--precision {line.precision}: a reference image is exact")
    if line.background is not None:
        raise ValueError("--background: is not nanoBragg's; a reference image has what crystals scatter only")
    if line.draft.misset == "random" and line.draft.misset_seed is None:
        raise ValueError("-misset random: needs -misset_seed, or the reference is never the same twice")
    factors = read_inputs(line)
    prepared = prepare(line.draft.freeze(), factors)
    announce(line)
    return prepared


def _placed(use, folder):
    """An option with its file in a folder; the working directory, which all threads share, stays what it is."""
    if use.option.kind == "file" or use.option.name == "--detector":
        path = os.path.join(folder, use.values[0])
        # a detector has a name, and a spectrum may be a model such as sase:0.3
        if os.path.lexists(path) or use.option.name not in ("--detector", "--spectrum"):
            return dataclasses.replace(use, words=[path], values=[path])
    return use


def prepare_scene(*scene: Any, revision: str | None = None, folder: str | os.PathLike[str] | None = None,
                  **settings: Any) -> Any:
    """What `reference_image` renders, derived but not rendered.

    Parameters
    ----------
    *scene, revision, folder, **settings
        As for `reference_image`.

    Returns
    -------
    scene.Prepared
    """
    if len(scene) == 1:
        if not isinstance(scene[0], (str, list, tuple)):
            raise ValueError(f"scene: {type(scene[0]).__name__} must be a command line, as one string or as "
                             "a list of words")
        if settings:
            raise ValueError(f"scene: {', '.join(settings)} cannot be added to a command line, which says it itself")
        return _of_command_line(scene[0], revision, folder)
    from ..render.simulation import Simulator

    if revision is not None:
        settings["revision"] = revision
    if len(scene) != 4:
        raise ValueError("scene: must be a command line, or a crystal, a beam, a detector and structure factors")
    if folder is not None:
        raise ValueError("folder: goes with a command line")
    if settings.get("background") is not None:
        raise ValueError("background: is not nanoBragg's; a reference image has what crystals scatter only")
    crystal, beam, detector, factors = scene
    return Simulator(detector, beam, factors, **settings).prepare(crystal)


def _digest(value, into):
    """Feed everything of a scene into a hash, each value with its type and size."""
    if isinstance(value, np.ndarray):
        into.update(f"array {value.dtype.str} {value.shape} ".encode())
        into.update(np.ascontiguousarray(value))
    elif isinstance(value, tuple):
        into.update(f"tuple {len(value)} ".encode())
        for item in value:
            _digest(item, into)
    else:
        into.update(f"{type(value).__name__} {value!r} ".encode())


def _key(prepared):
    """Name of an image: a hash of all that determines it."""
    from ..kernels.compile.cache import source_hash

    digest = hashlib.sha256(source_hash().encode())
    _digest((prepared.scene, prepared.window, prepared.mask, prepared.shape, prepared.interpolating), digest)
    return digest.hexdigest()


def _cache_folder():
    """Where images are kept, or None where there is no folder that only the user can write."""
    from ..kernels.compile.cache import folder_in_use

    folder = folder_in_use()
    return None if folder is None else Path(folder).parent / "reference"


def _kept(path):
    """An image from the cache, or None if there is none, or if it is damaged or may be somebody else's."""
    from ..kernels.compile.cache import Refused, drop, read_checked

    try:
        return np.load(io.BytesIO(read_checked(path)), allow_pickle=False)
    except OSError:
        return None
    except Refused as problem:
        drop(problem.path, problem.why, "the image")
        return None


def _keep(image, path):
    """Put an image into the cache, whole or not at all; a folder that cannot be written is no error."""
    from ..kernels.compile.cache import make_folder, write_checked

    buffer = io.BytesIO()
    np.save(buffer, image)
    try:
        make_folder(path.parent)
        write_checked(path, buffer.getvalue())
    except OSError:
        pass


def reference_image(*scene: Any, revision: str | None = None, folder: str | os.PathLike[str] | None = None,
                    cache: bool = True, **settings: Any) -> NDArray[np.float32]:
    """The image that the C program makes of a scene, bit for bit.

    Parameters
    ----------
    *scene
        The C program's command line, as one string or as a list of words (what it says of output files and
        of noise is passed over); or crystal, beam, detector and structure factors as `numbragg.simulate` has them.
    revision : str, optional
        Which revision of the C program, "fixed" or "main"; "fixed" if the command line does not say.
    folder : path, optional
        Where the input files of a command line are; None: the working directory.
    cache : bool
        Keep the image on disk, in the folder `reference` beside the compiled kernels (NUMBRAGG_CACHE_DIR), under a
        hash of everything that determines it, and use it next time.  Damaged files are noticed and made anew.
    **settings
        Further arguments of `numbragg.Simulator`: sampling, roi, threads.

    Returns
    -------
    (slow, fast) float32 array
        A new one each time.

    Raises
    ------
    ValueError
        As for `numbragg.simulate` or the command line; a precision other than exact; a random orientation
        without a seed.

    Examples
    --------
    >>> from numbragg.testing import reference_image
    >>> reference_image("-cell 100 100 100 90 90 90 -default_F 100 -N 5 -lambda 6.2 -detpixels 32").shape
    (32, 32)
    """
    if settings.get("precision", "exact") != "exact" or settings.get("summation") not in (None, "sequential"):
        raise ValueError("precision: a reference image is exact")
    from ..configs.run_options import Evaluation
    from ..render.simulation import render_prepared

    prepared = prepare_scene(*scene, revision=revision, folder=folder, **settings)
    folder = _cache_folder() if cache else None
    path = None if folder is None else folder / f"{_key(prepared)}.npy"
    image = None if path is None else _kept(path)
    if image is None:
        image, _ = render_prepared(prepared, Evaluation(threads=settings.get("threads")))
        if path is not None:
            _keep(image, path)
    return image


def clear_cache() -> int:
    """Remove all kept reference images.

    Returns how many there were.
    """
    folder = _cache_folder()
    paths = [] if folder is None else list(folder.glob("*"))
    for path in paths:
        path.unlink(missing_ok=True)
    return sum(path.suffix == ".npy" for path in paths)


# -- assertions


def _both(image, reference):
    image, reference = as_numpy(image), as_numpy(reference)
    if image.shape != reference.shape:
        raise AssertionError(f"image of {image.shape[0]} x {image.shape[1]} pixels, reference of "
                             f"{reference.shape[0]} x {reference.shape[1]} (slow x fast)")
    return image, reference


def _about(pixel, what):
    return (f"{what} at fast {pixel.fast}, slow {pixel.slow}: {pixel.a!r} ({pixel.bits()[0]}), "
            f"reference {pixel.b!r} ({pixel.bits()[1]})")


def _differences(found):
    """Lines that say where two images differ, and by how much."""
    lines = [f"{found.differing} of {found.pixels} pixels have other bits"]
    if found.first is not None:
        lines.append(_about(found.first, "first"))
    if found.largest is not None:
        lines.append(_about(found.largest, f"worst, {found.largest_ulp} ulp of {found.ulp_type},"))
    if found.unmatched:
        lines.append(f"{found.unmatched} pixels are NaN or infinite in one image only")
    correlation = "undefined" if found.correlation is None else f"{found.correlation:.12g}"
    matched = (f"{found.peaks.matched} of {max(found.peaks.found)} within {found.peaks.within:g} pixel"
               if max(found.peaks.found) else "none, for neither image has a peak")
    lines.append(f"correlation {correlation}, peaks matched {matched}")
    return lines


def assert_same_bits(image: Any, reference: Any) -> None:
    """Assert that two images are equal to the last bit.

    Parameters
    ----------
    image, reference : (slow, fast) array
        See `as_numpy`.  Both must be of one type: a float64 image never has the bits of a float32 one.

    Raises
    ------
    AssertionError
        Saying how many pixels differ, which is the first, which the worst, and by how many ulp.
    """
    from ..compare.images import compare_images

    image, reference = _both(image, reference)
    if image.dtype != reference.dtype:
        raise AssertionError(f"image of {image.dtype}, reference of {reference.dtype}: no common bits; "
                             "convert one, or use assert_matches")
    found = compare_images(image, reference)
    if not found.identical:
        raise AssertionError("\n  ".join(_differences(found)))


def assert_matches(image: Any, reference: Any, *, min_correlation: float | None = None, max_ulp: int | None = None,
                   peaks: int = 50, within: float = 0.5, at_least: float | None = 0.95,
                   max_distinct_ratio: float | None = None, roi: Sequence[int] | None = None) -> None:
    """Assert that an image is as near to a reference as is asked.

    Parameters
    ----------
    image, reference : (slow, fast) array
        See `as_numpy`.
    min_correlation : float, optional
        Lower limit of Pearson's correlation.
    max_ulp : int, optional
        Upper limit of the distance of two pixels in units in the last place (of the coarser type).
    peaks, within, at_least : int, float, float
        So many of the strongest peaks (pixels equal to the largest of 3 x 3, exactly), matched one to one within
        so many pixels, and the part of them that must match; at_least=None: not asked for.
    max_distinct_ratio : float, optional
        Upper limit of the number of distinct float32 values over the reference's: whether plateaus are kept.
    roi : four int, optional
        Region to look at: first and last pixel along the fast, then along the slow axis, inclusive.

    Raises
    ------
    AssertionError
        Naming every limit that does not hold, the value found, and where the images differ most.
    ValueError
        Nothing is asked for.
    """
    from ..compare.images import compare_images
    from ..compare.plateaus import plateaus

    if min_correlation is None and max_ulp is None and at_least is None and max_distinct_ratio is None:
        raise ValueError("assert_matches: nothing is asked for; assert_same_bits asks for equal bits")
    image, reference = _both(image, reference)
    found = compare_images(image, reference, peaks=peaks, within=within, roi=roi)
    failed = []
    if (min_correlation, max_ulp, at_least) != (None, None, None):
        failed = [f"{check.what}: {'undefined' if check.value is None else repr(check.value)}, limit {check.limit!r}"
                  for check in found.checks(min_correlation, max_ulp, at_least) if not check.passed]
    if max_distinct_ratio is not None:
        ours, theirs = (plateaus(a.astype(np.float32), roi).distinct for a in (image, reference))
        if ours > max_distinct_ratio * theirs:
            failed.append(f"distinct float32 values: {ours}, the reference has {theirs}; "
                          f"ratio {ours / theirs:.3g}, limit {max_distinct_ratio!r}")
    if failed:
        raise AssertionError("\n  ".join([*failed, *_differences(found)]))
