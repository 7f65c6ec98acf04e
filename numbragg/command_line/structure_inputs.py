"""What `-hkl` names: a text list, a file of reflections with a cell and a space group, or a model of atoms."""

from dataclasses import replace

from ..scene.request import Draft
from ..scene.units import from_degrees, to_angstrom, to_per_angstrom
from ..structures.cells import needs_matrix, reciprocal_columns
from ..structures.kinds import file_kind
from .values import CommandLineError, quoted

# start-up: readers, and NumPy with them, are imported where there is a file to read

__all__ = ["check_words", "crystal_may_be_read", "read_structure_factors"]


def crystal_may_be_read(files):
    """Whether the file of `-hkl` can have a cell, by its name."""
    return files.hkl is not None and file_kind(files.hkl) is not None


def check_words(line):
    """Refuse options on how `-hkl` is read where there is no such file.

    Raises
    ------
    CommandLineError
    """
    for option, value in (("--hkl-columns", line.hkl_columns), ("--intensities", line.intensities),
                          ("--space-group", line.space_group)):
        if value is None:
            continue
        if line.files.hkl is None:
            raise CommandLineError(f"{option} {quoted(value)}: says how -hkl is read, which is not given")
        if file_kind(line.files.hkl) == "pdb":
            wrong = "have their own" if option == "--space-group" else "have no such columns"
            raise CommandLineError(f"{option} {quoted(value)}: {quoted(line.files.hkl)} is a model by its name; models"
                                   f" {wrong}")
        if option == "--space-group" and file_kind(line.files.hkl) is None:
            raise CommandLineError(f"{option} {quoted(value)}: {quoted(line.files.hkl)} is a text list by its name; no"
                                   " symmetry is applied to lists")


def read_structure_factors(line):
    """Structure factors of the file that `-hkl` names.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
        Checked; sources and matrix are entered.  A cell of the file is entered into its draft if neither `-cell` nor
        a matrix was given.

    Returns
    -------
    numbragg.StructureFactors

    Raises
    ------
    CommandLineError
        If there is no crystal, or options do not go with the file.
    ValueError, OSError
        If the file is not what it should be, or cannot be read.
    """
    from ..configs.structure_factors import StructureFactors

    name, kind = line.files.hkl, file_kind(line.files.hkl)
    if kind is None:
        return StructureFactors.from_file(name, line.default_f, line.hkl_columns, intensities=line.intensities)
    if kind == "pdb" or kind == "cif" and not _is_list(name):
        return _of_model(line, name, kind)
    column = None if line.hkl_columns == "auto" else line.hkl_columns
    reader = StructureFactors.from_mtz if kind == "mtz" else StructureFactors.from_cif
    try:
        factors = reader(name, column, line.default_f, intensities=line.intensities, space_group=_space_group(line))
    except ValueError as error:
        said = str(error)
        if "space_group: " in said:
            raise CommandLineError(f"--space-group {quoted(line.space_group)}: is no space group; a name such as"
                                   " 'P 21 21 21' or P212121, or a number, is wanted") from error
        # what Python calls an argument is an option here
        if said.endswith("name one (column)"):
            raise CommandLineError(said.replace("(column)", "(--hkl-columns)")) from error
        raise
    _enter_cell(line, factors.cell)
    return factors


def _space_group(line):
    """The space group that was asked for, by its name or number, or None."""
    value = line.space_group
    return int(value) if value is not None and value.isascii() and value.isdecimal() and len(value) < 9 else value


def _is_list(name):
    from ..structures.library import content
    from ..structures.refln_cif import has_reflections

    return has_reflections(content(name))


def _enter_cell(line, cell):
    """The cell of a file becomes the crystal's, unless there is one; through a matrix where `-cell` would bend it."""
    draft: Draft = line.draft
    if draft.cell_given or draft.matrix is not None:
        return
    draft.cell_given, draft.cell_lengths = True, cell[:3]
    draft.cell_angles = tuple(map(from_degrees, cell[3:]))
    if needs_matrix(cell):
        # with a cell its scale does not matter
        draft.matrix = tuple(value for row in reciprocal_columns(cell) for value in row)
    numbers = " ".join(f"{value:g}" for value in cell)
    line.notices.append(f"unit cell {numbers} (Angstrom, degrees) taken from {line.files.hkl}")


def _of_model(line, name, kind):
    """Structure factors of a model, to `-dmin` or as far as the detector sees."""
    from ..configs.structure_factors import StructureFactors
    from ..structures.model import read_model

    cell = tuple(read_model(name, kind).cell.parameters)
    if line.hkl_columns is not None or line.intensities is not None:
        raise CommandLineError(f"-hkl {quoted(name)}: is a model, without the columns that --hkl-columns and"
                               " --intensities are for")
    if line.space_group is not None:
        raise CommandLineError(f"-hkl {quoted(name)}: is a model, which has a space group of its own; --space-group is"
                               " for reflections")
    _enter_cell(line, cell)
    wavelength = to_angstrom(line.draft.wavelength)
    d_min = to_angstrom(line.draft.d_min) if line.draft.d_min > 0.0 else _seen(line, cell)
    return StructureFactors.from_model(name, d_min, wavelength, default=line.default_f)


def _seen(line, cell):
    """Resolution that a corner of the detector sees at the shortest wavelength, and half a cell beyond [Angstrom]."""
    from ..configs.structure_factors import StructureFactors
    from ..scene.matrices import sum_in_order
    from ..scene.notes import farthest
    from ..scene.prepare import prepare
    from ..scene.shot import ANY_CRYSTAL, prepare_shot

    request = line.draft.freeze()
    constant = StructureFactors.constant(1.0)
    if line.panels is None:
        panels = [prepare(replace(request, crystal=ANY_CRYSTAL), constant)]
    else:
        panels = [panel for panel, in prepare_shot([(ANY_CRYSTAL, constant, 1.0)], line.panels.pieces(), request)]
    # the nearest reflection of a corner may lie beyond it; tricubic look-up takes two more
    beyond = 2.5 if request.sampling.interpolation is not False and min(request.crystal.n_cells) <= 2.0 \
        or request.sampling.interpolation else 0.5
    columns = zip(*reciprocal_columns(cell))
    edges = sum_in_order(sum_in_order(x * x for x in column) ** 0.5 for column in columns)
    return 1.0 / (to_per_angstrom(max(map(farthest, panels))) + beyond * edges)
