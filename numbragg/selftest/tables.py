"""Structure factors and resolution limits drawn at random, to suit the indices that a scene meets."""

import math

import numpy as np

from ..configs.structure_factors import StructureFactors

__all__ = ["indices", "draw_limit", "draw_table"]

#: Most structure factors in a table.
MOST_FACTORS = 200_000


def _scattering_vectors(prepared, stride):
    """q at pixel centres of the window, in the strict evaluator's order: (pixels, sources, 3)."""
    geometry, beam = prepared.scene.geometry, prepared.scene.beam
    fast_min, fast_max, slow_min, slow_max = prepared.window
    s, f = np.meshgrid(np.arange(slow_min, slow_max + 1, stride), np.arange(fast_min, fast_max + 1, stride),
                       indexing="ij")
    f = (prepared.placement.pixel_size * f + prepared.placement.pixel_size / 2.0).ravel()
    s = (prepared.placement.pixel_size * s + prepared.placement.pixel_size / 2.0).ravel()
    place = [f * geometry.fast_axis[i] + s * geometry.slow_axis[i] + 0.0 * geometry.normal[i]
             + geometry.origin[i] for i in range(3)]
    length = np.sqrt(place[0] * place[0] + place[1] * place[1] + place[2] * place[2])
    s1 = np.stack([x / length for x in place], axis=-1)
    directions = np.repeat(beam.directions, beam.per_direction, axis=0)
    wavelengths = np.resize(beam.wavelengths, len(directions))
    return (s1[:, np.newaxis] + directions) / wavelengths[:, np.newaxis]


def _times(cells, q):
    """a . q, b . q, c . q for nine numbers of each cell, summed in the strict evaluator's order."""
    return np.stack([cells[..., 3 * i] * q[..., 0] + cells[..., 3 * i + 1] * q[..., 1]
                     + cells[..., 3 * i + 2] * q[..., 2] for i in range(3)], axis=-1)


def indices(prepared, stride):
    """Real-valued Miller indices at pixel centres of the window, before mosaic domains: (..., 3).

    A curved detector and sensor layers are left out, so elsewhere they are the neighbourhood only.
    """
    crystal = prepared.scene.crystal
    q = _scattering_vectors(prepared, stride)
    with np.errstate(all="ignore"):
        return _times(crystal.phi_cells[crystal.phi_rows], q[:, :, np.newaxis, :])


def draw_limit(prepared, r):
    """Resolution limit [m]: mostly none, else one inside the window."""
    if r.random() > 0.12:
        return 0.0
    q = np.sqrt((_scattering_vectors(prepared, 9) ** 2).sum(axis=-1)).ravel()
    largest = float(r.choice(q.tolist()))
    return 1.0 / largest if largest > 0.0 and math.isfinite(largest) else 0.0


def _box(prepared, r):
    """Lowest and highest indices of a table, and whether it leaves room for interpolation everywhere."""
    hkl = indices(prepared, 7).reshape(-1, 3)
    margin = 4 + int(0.01 * np.abs(hkl).max())
    low = np.floor(hkl.min(axis=0)).astype(int) - margin
    high = np.ceil(hkl.max(axis=0)).astype(int) + margin
    if np.prod((high - low + 1).astype(float)) > MOST_FACTORS:
        # about the middle of the window, and so small that indices leave it
        middle = np.round(np.median(hkl, axis=0)).astype(int)
        sizes = np.array([r.randint(4, 30) for _ in range(3)])
        return middle - sizes // 2, middle + sizes // 2
    if r.random() < 0.3:
        # the indices leave it on one side
        axis, share = r.randrange(3), r.random()
        size = high[axis] - low[axis]
        if r.random() < 0.5:
            high[axis] = low[axis] + int(share * size)
        else:
            low[axis] = high[axis] - int(share * size)
    return low, high


def _amplitudes(r, shape):
    """A table of amplitudes: dense or sparse, of one sign or both, of any size."""
    random = np.random.RandomState(r.getrandbits(32))
    f = random.standard_normal(shape) * 100.0
    if r.random() < 0.4:
        f = np.abs(f)
    if r.random() < 0.3:
        f[random.random_sample(shape) < r.choice((0.5, 0.95, 0.999))] = 0.0
    return f * _size(r)


def _size(r):
    kind = r.choice(("ordinary", "ordinary", "ordinary", "huge", "tiny"))
    low, high = {"ordinary": (0.0, 0.0), "huge": (10.0, 64.0), "tiny": (-165.0, -10.0)}[kind]
    return 10.0 ** r.uniform(low, high)


def draw_table(prepared, r):
    """Structure factors for a scene, and whether to interpolate them.

    Parameters
    ----------
    prepared : scene.Prepared
    r : random.Random

    Returns
    -------
    factors : StructureFactors
    interpolation : bool or None
        As request.SamplingRequest.interpolation.
    """
    if r.random() < 0.3 or not np.isfinite(prepared.scene.crystal.phi_cells).all():
        return StructureFactors.constant(_size(r) * r.choice((1.0, 100.0, -57.5))), None
    default = r.choice((0.0, 0.0, r.uniform(0.0, 100.0), r.uniform(-100.0, 0.0)))
    low, high = _box(prepared, r)
    table = _amplitudes(r, tuple(high - low + 1))
    return StructureFactors.from_array(table, low.tolist(), default), r.choice((None, True, True, False))
