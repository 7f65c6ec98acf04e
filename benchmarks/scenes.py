"""The scenes that are timed: the C program's command lines, and the files of structure factors they read."""

from dataclasses import dataclass

import numpy as np

__all__ = ["SCENES", "Scene", "dump_box", "load", "write_inputs"]


@dataclass(frozen=True)
class Scene:
    """One scene."""

    name: str
    what: str
    options: str
    table: str | None = "protein"  # which file of structure factors, see `write_inputs`
    least: float | None = None  # how many times faster than the C program it is meant to be

    def arguments(self, pixels=None):
        """Words of the command line; `pixels` shrinks the detector (to try a script out)."""
        words = (self.options + " -noprogress -nonoise -nopgm").split()
        if pixels is not None:
            words[words.index("-detpixels") + 1] = str(pixels)
        if self.table in ("protein", "cube"):
            words = ["-hkl", f"{self.table}.hkl", *words]
        return words


# a cell like lysozyme's, looked at where it diffracts to 3.3 Angstrom in the corners
_COMMON = "-lambda 1 -distance 200 -misset 12 -41 63 "
_CELL = _COMMON + "-cell 79.1 79.1 37.9 90 90 90 "
_PANEL = _CELL + "-detpixels 512 -pixel 0.172 "

SCENES = {scene.name: scene for scene in (
    Scene("A", "mosaic: 200 domains", _PANEL + "-oversample 1 -N 20 -mosaic 0.5 -mosaic_dom 200", least=15),
    Scene("B", "20 spindle angles x 11 wavelengths",
          _PANEL + "-oversample 1 -N 20 -phi 1 -osc 1 -phisteps 20 -dispersion 1 -dispsteps 11", least=12),
    Scene("C", "automatic oversampling, 3 x 3, x 10 domains", _PANEL + "-N 10 -mosaic 0.5 -mosaic_dom 10", least=12),
    Scene("D", "tricubic interpolation, N = 1, 20 domains",
          _COMMON + "-cell 50 50 50 90 90 90 -detpixels 512 -pixel 0.172 -oversample 1 -N 1 -interpolate "
          "-mosaic 0.5 -mosaic_dom 20", table="cube", least=5),
    Scene("E gauss", "Gaussian spots, 50 domains",
          _PANEL + "-oversample 1 -N 10 -gauss_xtal -mosaic 0.5 -mosaic_dom 50", least=6),
    Scene("E top-hat", "top-hat spots, 50 domains",
          _PANEL + "-oversample 1 -N 10 -tophat_spots -fudge 0.002 -mosaic 0.5 -mosaic_dom 50", least=8),
    Scene("E round", "spherical crystal, 50 domains",
          _PANEL + "-oversample 1 -N 10 -round_xtal -mosaic 0.5 -mosaic_dom 50", least=8),
    Scene("F", "one step, 2048 x 2048 pixels, the same F everywhere",
          _CELL + "-detpixels 2048 -pixel 0.086 -oversample 1 -N 5 -default_F 100", table=None, least=4),
    Scene("G", "4096 x 4096 pixels, table of 200 x 200 x 200, 10 domains",
          _COMMON + "-cell 100 100 100 90 90 90 -detpixels 4096 -pixel 0.075 -oversample 1 -N 10 -default_F 1 "
          "-mosaic 0.5 -mosaic_dom 10", table="box", least=12),
)}


def _write_list(path, indices, amplitudes):
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{h} {k} {l} {f:.2f}\n" for (h, k, l), f in zip(indices.tolist(), amplitudes.tolist()))


def dump_box(edge, seed=3):
    """Structure factors on a cube of edge x edge x edge indices about the origin."""
    from numbragg import StructureFactors

    values = np.random.RandomState(seed).random_sample((edge,) * 3) * 100.0
    return StructureFactors.from_array(values, (-(edge // 2),) * 3, 1.0)


def write_inputs(scene, folder):
    """Write the file of structure factors of a scene.

    protein.hkl: a list of reflections to 1.8 Angstrom, Wilson-distributed; cube.hkl: all of 61 x 61 x 61;
    Fdump.bin: the C program's dump of 200 x 200 x 200.
    """
    if scene.table == "protein":
        from numbragg.commands.demo import synthetic_amplitudes

        _write_list(folder / "protein.hkl", *synthetic_amplitudes())
    elif scene.table == "cube":
        edge = np.arange(-30, 31)
        indices = np.stack(np.meshgrid(edge, edge, edge, indexing="ij"), axis=-1).reshape(-1, 3)
        _write_list(folder / "cube.hkl", indices, np.random.RandomState(1).random_sample(len(indices)) * 100.0)
    elif scene.table == "box":
        with open(folder / "Fdump.bin", "wb") as file:
            dump_box(200).write_dump(file)


def load(scene, folder, pixels=None):
    """Prepare a scene whose inputs lie in a folder: scene.Prepared of numbragg."""
    from numbragg import StructureFactors
    from numbragg.command_line.parse import parse
    from numbragg.scene.prepare import prepare

    line = parse(scene.arguments(pixels))
    if scene.table is None:
        factors = StructureFactors.constant(line.default_f)
    elif scene.table == "box":
        factors = StructureFactors.from_dump(folder / "Fdump.bin", line.default_f)
    else:
        factors = StructureFactors.from_file(folder / f"{scene.table}.hkl", line.default_f)
    return prepare(line.draft.freeze(), factors)
