"""Ends of file names: which formats they name, and whether an output may have a name."""

import os

__all__ = ["ending_of", "endings_of", "fits_ending", "format_of_ending", "without_compression"]

#: Formats by the end of a name.  Names with other ends may hold anything.
_FORMATS = {ending: kind for kind, endings in {
    "npy": ".npy", "TIFF": ".tif .tiff", "CBF": ".cbf", "HDF5": ".h5 .hdf5 .nxs .cxi", "raw": ".bin .raw",
    "PGM": ".pgm", "PNG": ".png", "JPEG": ".jpg .jpeg .jpe .jfif", "GIF": ".gif", "BMP": ".bmp", "WebP": ".webp",
    "PDF": ".pdf", "HTML": ".html .htm", "PostScript": ".ps .eps", "SVG": ".svg", "JSON": ".json", "CSV": ".csv",
    "SMV": ".img .smv", "npz": ".npz", "gzip": ".gz .tgz", "bzip2": ".bz2", "xz": ".xz .lzma", "Zstandard": ".zst",
    "ZIP": ".zip", "tar": ".tar", "compress": ".z", "MTZ": ".mtz", "CIF": ".cif", "PDB": ".pdb .ent",
    "reflection list": ".hkl", "EDF": ".edf", "MarCCD": ".mccd .marccd", "mar345": ".mar345 .mar2300 .mar3450",
    "Bruker": ".sfrm", "R-AXIS": ".osc", "PPM": ".ppm .pnm", "PBM": ".pbm", "PFM": ".pfm", "pickle": ".pkl .pickle",
    "MATLAB": ".mat", "CCP4 map": ".ccp4 .map .mrc",
}.items() for ending in endings.split()}

_COMPRESSED = ("gzip", "bzip2")


def format_of_ending(path):
    """Format that the end of a name names, small or capital letters, or None."""
    return _FORMATS.get(os.path.splitext(path)[1].lower())


def without_compression(path):
    """Name without the end that names a compression which is read."""
    return os.path.splitext(path)[0] if format_of_ending(path) in _COMPRESSED else path


def ending_of(kind):
    """The first end of a name for a format."""
    return next(ending for ending, other in _FORMATS.items() if other == kind)


def endings_of(kinds):
    """All ends of names for some formats, in words.

    Examples
    --------
    >>> from numbragg.io.endings import endings_of
    >>> endings_of(("TIFF", "npy"))
    '.tif, .tiff or .npy'
    """
    *first, last = (ending for kind in kinds for ending, other in _FORMATS.items() if other == kind)
    return f"{', '.join(first)} or {last}" if first else last


def fits_ending(path, kind):
    """Whether a file of a format may have this name: the name ends as that format's do, or as nobody's.

    Examples
    --------
    >>> from numbragg.io.endings import fits_ending
    >>> fits_ending("picture.PNG", "PNG"), fits_ending("picture", "PNG"), fits_ending("picture.jpg", "PNG")
    (True, True, False)
    """
    return format_of_ending(path) in (None, kind)
