"""What a file is by its first bytes: for readers that were given one of another kind."""

from contextlib import contextmanager
import os
import re
import stat

from .errors import FileFormatError, format_error

__all__ = ["COMPRESSED", "SIGNATURES", "kind_of", "naming_the_kind"]

#: What lies around other formats, and how it begins.
COMPRESSED = {"gzip": b"\x1f\x8b\x08", "bzip2": b"BZh"}

#: How files begin, and the names of their formats.
SIGNATURES = ((b"\x93NUMPY", "npy"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"),
              (b"MM\0+", "TIFF"), (b"{\nHEADER_BYT", "SMV"), (b"###CBF", "CBF"),
              (b"\x89HDF\r\n\x1a\n", "HDF5"), (b"PK\x03\x04", "ZIP (such as npz)"),
              (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "Zstandard"),
              (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"%PDF", "PDF"),
              (b"%!PS", "PostScript"), (b"MTZ ", "MTZ"), (b"R-AXIS", "R-AXIS"), (b"RAXIS", "R-AXIS"),
              (b"FORMAT :", "Bruker"), (b"\xd2\x04\0\0", "mar345"), (b"\0\0\x04\xd2", "mar345"),
              (b"MATLAB 5.0", "MATLAB"), (b"SIMPLE  =", "FITS"))

#: Texts by a line near their start.
_TEXTS = ((rb"\A(?:\s|#[^\n\r]*[\n\r])*data_\S", "CIF"),
          (rb"\A(?:HEADER|OBSLTE|TITLE |SEQRES|REMARK|CRYST1|ATOM  |HETATM)[ 0-9]", "PDB"),
          (rb"\A!FORMAT=XDS_ASCII", "XDS_ASCII"), (rb"\A\s*\{\s*\"", "JSON"),
          (rb"^[^\s;/=]+/(?:min|max)_[fs]s\s*=", "CrystFEL geometry"))

#: How names of some end, without which they are taken for something else.
_ENDINGS = {"MTZ": ".mtz", "CIF": ".cif", "PDB": ".pdb"}

_START = 4096


def kind_of(start):
    """The name of a format, from the first bytes of a file, or None.

    Examples
    --------
    >>> from numbragg.io.kinds import kind_of
    >>> kind_of(b"MTZ \\x01"), kind_of(b"# a comment\\ndata_1abc\\n"), kind_of(b"0 0 1 10\\n")
    ('MTZ', 'CIF', None)
    """
    found = next((f"{name}-compressed" for name, signature in COMPRESSED.items() if start.startswith(signature)), None)
    found = found or next((name for signature, name in SIGNATURES if start.startswith(signature)), None)
    if found is None and start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    text = start.removeprefix(b"\xef\xbb\xbf")
    return found or next((name for pattern, name in _TEXTS if re.search(pattern, text, re.MULTILINE)), None)


@contextmanager
def naming_the_kind(path, wanted, own=()):
    """A `FileFormatError` on a file of another kind than the wanted one says so, instead of what broke first.

    Parameters
    ----------
    path : str or path-like
    wanted : str
        What it should be, such as "a CrystFEL geometry".
    own : sequence of str
        Names of `kind_of` of what it may be: errors on these stay.
    """
    try:
        yield
    except FileFormatError:
        kind = _kind_of_file(path)
        if kind is None or kind in own:
            raise
        told = kind if kind.endswith(("text", "compressed")) else f"of kind {kind}"
        ending = _ENDINGS.get(kind, "")
        named = "" if ending in os.fsdecode(path).lower() else f"; names of such files end in {ending}"
        raise format_error(path, f"is {told} by its first bytes, not {wanted}{named}") from None


def _kind_of_file(path):
    try:
        # what cannot be read twice is left alone
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return kind_of(file.read(_START))
    except OSError:
        return None
