"""A look as one page of HTML: exact pixels, packed; nothing is loaded from elsewhere, no text of a file can run."""

from __future__ import annotations

import base64
import html
from importlib.resources import files
import json
import zlib

import numpy as np

from ..io.json_text import json_ready
from .contrast import contrast
from .template import content_hash, filled

# start-up: rings are made where an image has a geometry

__all__ = ["LARGEST_PAGE", "page"]

#: Bytes of the largest page that is made.  Chromium opened one of 76 MB; larger ones were not tried.
LARGEST_PAGE = 400_000_000
#: Bytes, a multiple of three, of a line of base64.
_PIECE = 3 * 2 ** 18
_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


def page(seen, limits=None, scale="sqrt", rings=None):
    """The page.

    Parameters
    ----------
    seen : numbragg.viewing.scene.Seen
    limits : as `contrast` takes them
    scale : {"linear", "sqrt", "log"}
    rings : sequence of float, False or None
        Resolutions [Angstrom]; None: some that are on the detector; False: none.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        Values that JavaScript's numbers do not hold, or a page that becomes too large.
    """
    kind = _type(seen)
    facts = {
        "panels": [{"name": panel.name, "pixels": panel.pixels, "origin": panel.origin_mm, "fast": panel.fast_mm,
                    "slow": panel.slow_mm, "masked": panel.mask is not None} for panel in seen.panels],
        "frames": [{"name": frame.name, "phi": frame.phi_deg} for frame in seen.frames],
        "type": kind.name, "marked": seen.marked, "least": seen.least,
        "saturation": seen.saturation, "wavelength": seen.wavelength_angstrom if rings is not False else None,
        "rings": ring_distances(seen, rings), "contrast": contrast(seen, limits), "scale": scale,
        "spots": seen.spots, "notes": list(map(str, seen.notes))}
    data, size = [], 0
    for name, array in _arrays(seen, kind):
        lines = _packed(array)
        size += sum(map(len, lines))
        if size > LARGEST_PAGE:
            raise ValueError(f"{seen.title}: the page would have more than {LARGEST_PAGE // 10 ** 6} MB; choose fewer "
                             f"frames than {len(seen.frames)} (--frames A:B)" if len(seen.frames) > 1 else
                             f"{seen.title}: the page would have more than {LARGEST_PAGE // 10 ** 6} MB")
        data.append(f'<script type="application/octet-stream" id="{name}">\n' + "\n".join(lines) + "\n</script>")
    room = files(__package__)
    style, script = ((room / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    parts = {"title": html.escape(f"{seen.title} - numbragg view"), "style": style, "script": script,
             "style_hash": content_hash(style), "script_hash": content_hash(script), "facts": _json(facts),
             "data": "\n".join(data)}
    return filled((room / "page.html").read_text(encoding="utf-8"), parts)


def ring_distances(seen, rings):
    """Resolutions of rings [Angstrom], or none."""
    if rings is False or not seen.placed or seen.wavelength_angstrom is None:
        return []
    from ..results.rings import rings_of

    return [float(f"{1.0 / level ** 0.5:.6g}") for level in rings_of(seen.panels, seen.wavelength_angstrom,
                                                                     rings).levels]


def _type(seen):
    """The type in which all values are exact for JavaScript."""
    arrays = [image for frame in seen.frames for image in frame.images]
    kind = arrays[0].dtype
    if kind.name in _TYPES:
        return kind
    if kind == np.float16:
        return np.dtype(np.float32)
    if kind.kind in "iu" and max(max(int(a.max()), -int(a.min())) for a in arrays) <= 2 ** 53:
        return np.dtype(np.float64)
    raise ValueError(f"{seen.title}: has numbers of type {kind} that a page cannot hold exactly")


def _arrays(seen, kind):
    for number, panel in enumerate(seen.panels):
        if panel.mask is not None:
            yield f"mask-{number}", (np.asarray(panel.mask) != 0).astype(np.uint8).reshape(-1)
    for number, frame in enumerate(seen.frames):
        whole = np.concatenate([image.reshape(-1) for image in frame.images])
        whole = whole.astype(kind.newbyteorder("<"))
        # all first bytes, then all second bytes: so they pack better
        yield f"frame-{number}", np.ascontiguousarray(whole.view(np.uint8).reshape(-1, kind.itemsize).T)


def _packed(array):
    packed = memoryview(zlib.compress(array, 3))
    return [base64.b64encode(packed[start:start + _PIECE]).decode() for start in range(0, len(packed), _PIECE)]


def _json(facts):
    """JSON that ends no element of the page, whatever the names in it."""
    text = json.dumps(json_ready(facts), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
