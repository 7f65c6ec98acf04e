"""Oracle of labels: photons of single reflections from all steps of an image, spots and masks, in plain Python."""

from collections import defaultdict
import math

import naive


def reflections(s):
    """Photons of every reflection in every pixel, from the steps of `naive.pixel`.

    Returns
    -------
    dict
        By (slow, fast) of the pixel a dict by (h, k, l) of photons, and of photons times slow and fast where they
        are [pixels from the panel's corner].
    """
    state, found = naive.initial_state(s), {}
    for slow in range(s.pixels_s):
        for fast in range(s.pixels_f):
            if naive.skipped(s, slow, fast):
                continue
            credits, sums = [], defaultdict(lambda: [0.0, 0.0, 0.0])
            naive.pixel(s, state, slow, fast, credits)
            for near, sub_s, sub_f, photons in credits:
                place = slow + (sub_s + 0.5) / s.oversample, fast + (sub_f + 0.5) / s.oversample
                own = sums[tuple(int(n) for n in near)]
                own[0] += photons
                own[1] += photons * place[0]
                own[2] += photons * place[1]
            found[slow, fast] = dict(sums)
    return found


def labels(panels, min_photons, mask_photons):
    """Spots, ordered, and the mask of every panel.

    Parameters
    ----------
    panels : list of list of dict
        For each panel what `reflections` found of each lattice.
    min_photons, mask_photons : float

    Returns
    -------
    spots : list of dict
        By the names of the columns, without the resolution.
    masks : list of dict
        By (slow, fast) the number of the strongest spot, from 1; pixels without one are not there.
    """
    spots, pixels = {}, []
    for panel, lattices in enumerate(panels):
        bright = defaultdict(list)
        for lattice, found in enumerate(lattices):
            for place, here in found.items():
                for hkl, (photons, slow, fast) in here.items():
                    own = spots.setdefault((lattice, *hkl, panel), {
                        "intensity": [], "slow": [], "fast": [], "pixels": 0, "overlap": False})
                    own["intensity"].append(photons)
                    own["slow"].append(slow)
                    own["fast"].append(fast)
                    if photons > mask_photons:
                        own["pixels"] += 1
                        bright[place].append((photons, (lattice, *hkl, panel)))
        pixels.append(bright)
    for bright in pixels:
        for several in bright.values():
            for _, key in several if len(several) > 1 else ():
                spots[key]["overlap"] = True
    listed = []
    for key in sorted(spots):
        own = spots[key]
        total = math.fsum(own["intensity"])
        if total > min_photons:
            listed.append({**dict(zip(("lattice", "h", "k", "l", "panel"), key)), "intensity": total,
                           "slow": math.fsum(own["slow"]) / total, "fast": math.fsum(own["fast"]) / total,
                           "pixels": own["pixels"], "overlap": own["overlap"]})
    numbers = {tuple(spot[name] for name in ("lattice", "h", "k", "l", "panel")): number
               for number, spot in enumerate(listed, 1)}
    masks = []
    for bright in pixels:
        strongest = {place: max(((photons, numbers[key]) for photons, key in several if key in numbers), default=None)
                     for place, several in bright.items()}
        masks.append({place: best[1] for place, best in strongest.items() if best is not None})
    return listed, masks


def resolution(s, hkl):
    """d = 1 / |h a* + k b* + l c*| [Angstrom]."""
    q = [sum(n * star[axis] for n, star in zip(hkl, s.stars)) for axis in range(3)]
    size = math.sqrt(sum(x * x for x in q))
    return 1.0 / size if size else math.inf
