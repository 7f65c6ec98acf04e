"""The truth of shots: a row for each, and the table of them in Parquet."""

from __future__ import annotations

import math
from typing import Any

from ..kernels.detector.digitise import NO_MASK, image_statistics
from ..kernels.detector.sums import shot_sums
from ..results import truth
from ..scene.matrices import product_of_rows
from ..scene.notes import farthest
from ..scene.units import to_angstrom, to_per_angstrom
from .description import Description, Values

# start-up: pyarrow is an extra, and imported with the first table

__all__ = ["row_of", "schema", "table_bytes"]


def row_of(description: Description, number: int, values: Values, *, shot: Any = None, images: Any = None,
           counts: Any = None, turn: Any = None, failed: str | None = None) -> dict[str, Any]:
    """The row of a shot.

    Parameters
    ----------
    description : Description
    number : int
    values : Values
    shot : tuple of tuple of scene.Prepared, optional
        For each panel its crystals; None: it failed.
    images, counts : sequence of (slow, fast) array, optional
        Mean photons, and what the file has; the same where there are no counts.
    turn : (3, 3) array, optional
        From the laboratory to the frame of NeXus.
    failed : str, optional
        Why there is no image.

    Returns
    -------
    dict
        Values of the columns of `schema`, None where there are none.
    """
    row: dict[str, Any] = {name: None for name, _ in _COLUMNS}
    row |= {"shot": number, "seed": description.seed, "failed": failed, "blank": values.blank,
            "lattices": len(_hit(values))}
    for name, varied in description.varied.items():
        if name in ("lattices", "blank", "spectrum"):
            continue
        if varied.field.of_lattice:
            row[f"vary.{name}"] = [_flat(lattice[name], varied.field.size) for lattice in _hit(values)]
        else:
            row[f"vary.{name}"] = _flat(values.shot[name], varied.field.size)
    made_of = values.shot.get("spectrum")
    if made_of is not None:
        row |= {"spectrum_file": description.name_of(made_of["file"]) if "file" in made_of else None,
                "spectrum_seed": made_of.get("seed")}
    if shot is not None:
        row |= _simulated(shot, turn, [] if values.blank else shot[0])
        row |= _sums(images, counts)
    return row


def _hit(values: Values) -> tuple[dict[str, Any], ...]:
    """The lattices that are in the image."""
    return () if values.blank else values.lattices


def _flat(value: Any, size: int) -> list[Any]:
    """Numbers of a field as a list; one that stands for all is repeated."""
    if isinstance(value, tuple):
        return [number for part in value for number in (part if isinstance(part, tuple) else (part,))]
    return [value] * size


def _simulated(shot: Any, turn: Any, crystals: Any) -> dict[str, Any]:
    """What was derived: orientations and cells of the crystals that were hit, beam, detector."""
    first = shot[0][0]
    shared, scene = first.alike
    if len(shot) == 1 and first.scene is scene:
        # what is the same in all shots of such a beam and detector
        wavelengths, weights, d_min = shared.whatever_intensity.once("beam in words", lambda: _around(shot))
    else:
        wavelengths, weights, d_min = _around(shot)
    lattices, turned = [truth.lattice_rows(prepared) for prepared in crystals], turn.tolist()
    return {
        "wavelength_angstrom": to_angstrom(first.request.beam.wavelength),
        "spectrum_wavelengths_angstrom": list(wavelengths),
        "spectrum_weights": list(weights),
        "fluence_photons_per_m2": float(first.fluence),
        "d_min_angstrom": d_min,
        "cell": [list(truth.cell(prepared)) for prepared in crystals],
        "a_matrix": [_row(a_matrix) for a_matrix, _ in lattices],
        "a_matrix_nexus": [_row(product_of_rows(turned, a_matrix)) for a_matrix, _ in lattices],
        "u_matrix": [_row(u_matrix) for _, u_matrix in lattices],
        "n_cells": [[float(count) for count in prepared.n_cells] for prepared in crystals],
        "mosaic_domains": [int(prepared.counts.mosaic_domains) for prepared in crystals],
        "mosaic_seed": [int(prepared.request.crystal.mosaic_seed) for prepared in crystals],
    }


def _around(shot: Any) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """Wavelengths [Angstrom] and their shares, and the resolution limit of all panels [Angstrom]."""
    sources = truth.sources(shot[0][0])
    spectrum: dict[float, float] = {}
    for wavelength, weight in zip(sources.wavelengths_angstrom.tolist(), sources.weights.tolist()):
        spectrum[wavelength] = spectrum.get(wavelength, 0.0) + weight
    wavelengths = sorted(spectrum)
    far = to_per_angstrom(max(farthest(panel[0]) for panel in shot))
    return (tuple(wavelengths), tuple(spectrum[wavelength] for wavelength in wavelengths),
            1.0 / far if far > 0.0 else math.inf)


def _row(rows: Any) -> list[float]:
    return [number for row in rows for number in row]


def _sums(images: Any, counts: Any) -> dict[str, Any]:
    """Sums of the image; of counts whole ones, so that no order matters."""
    # no more than what is needed of `results.statistics`
    if counts is images:
        found = [image_statistics(image, (0, image.shape[1] - 1, 0, image.shape[0] - 1), NO_MASK) for image in images]
        return {"photons": math.fsum(each[3] for each in found), "largest_mean": max(each[0] for each in found)}
    sums = [shot_sums(image, part) for image, part in zip(images, counts)]
    return {"photons": math.fsum(each[0] for each in sums), "largest_mean": max(each[1] for each in sums),
            "counts": sum(each[2] for each in sums), "largest_count": max(each[3] for each in sums)}


#: Columns and their types: of what each row has, whatever varies.
_COLUMNS = (
    ("shot", "int64"), ("file", "string"), ("frame", "int64"), ("seed", "int64"), ("failed", "string"),
    ("blank", "bool"), ("lattices", "int64"), ("wavelength_angstrom", "float64"),
    ("spectrum_wavelengths_angstrom", "list"), ("spectrum_weights", "list"), ("spectrum_file", "string"),
    ("spectrum_seed", "int64"), ("fluence_photons_per_m2", "float64"), ("d_min_angstrom", "float64"),
    ("cell", "lists"), ("a_matrix", "lists"), ("a_matrix_nexus", "lists"), ("u_matrix", "lists"), ("n_cells", "lists"),
    ("mosaic_domains", "whole list"), ("mosaic_seed", "whole list"), ("photons", "float64"),
    ("largest_mean", "float64"), ("counts", "int64"), ("largest_count", "int64"))


def schema(description: Description) -> Any:
    """The columns of the table of truth, for pyarrow."""
    import pyarrow

    types = {"list": pyarrow.list_(pyarrow.float64()), "lists": pyarrow.list_(pyarrow.list_(pyarrow.float64())),
             "whole list": pyarrow.list_(pyarrow.int64()), "string": pyarrow.string(), "bool": pyarrow.bool_(),
             "int64": pyarrow.int64(), "float64": pyarrow.float64()}
    columns = [pyarrow.field(name, types[kind]) for name, kind in _COLUMNS]
    for name, varied in description.varied.items():
        if name in ("lattices", "blank", "spectrum"):
            continue
        own = pyarrow.list_(pyarrow.int64() if varied.field.whole else pyarrow.float64())
        columns.append(pyarrow.field(f"vary.{name}", pyarrow.list_(own) if varied.field.of_lattice else own))
    return pyarrow.schema(columns)


def table_bytes(description: Description, rows: list[dict[str, Any]]) -> bytes:
    """A table of rows as a Parquet file; the same bytes of the same version of pyarrow."""
    import io

    import pyarrow
    import pyarrow.parquet

    own = schema(description)
    columns = [pyarrow.array([row.get(field.name) for row in rows], field.type) for field in own]
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, schema=own), file, compression="zstd",
                                store_schema=False)
    return file.getvalue()
