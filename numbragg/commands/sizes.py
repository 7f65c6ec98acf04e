"""How much memory images take until all files that are asked for are written."""

from ..io.endings import format_of_ending

__all__ = ["output_bytes"]

#: Bytes of a pixel: the float image; the integer or noise image, which is held while other files are written; the grey
#: picture.
_FLOAT, _INTEGERS, _GREY = 4, 2, 1
#: What a pixel takes besides while a file is written: itself as it is counted or coloured, and the file where it is
#: made in memory first, compressed as images mostly are.  One file is written after the other.
_OTHERS = {"NXmx": 9, "HDF5": 14, "CBF": 7, "SMV": 2, "TIFF": 8, "npy": 4, "PNG": 6}
#: What a dot of a picture takes while it is drawn; how many its longest side has, about, at least and at most.
_DOT, _SMALLEST_SIDE, _LARGEST_SIDE = 34, 600, 2048


def output_bytes(names, pixels, longest, integers=True):
    """Bytes that the images and the files made of them take.

    Parameters
    ----------
    names : numbragg.command_line.line.Outputs
    pixels : int
        Of all images.
    longest : int
        Pixels along the longest side of a picture.
    integers : bool
        Whether the C program's integer images are made.

    Returns
    -------
    int
    """
    kinds = [kind for kind, name in (("NXmx", names.nexus), ("NXmx", names.crystfel), ("CBF", names.cbf),
                                     ("SMV", names.smv_readable), ("TIFF", names.tiff), ("PNG", names.png))
             if name is not None]
    if names.counts is not None:
        kinds.append(format_of_ending(names.counts))
    held = _FLOAT + (_INTEGERS if integers else 0)
    most = (held + max([_GREY if integers else 0, *(_OTHERS[kind] for kind in kinds)])) * pixels
    if names.png is None:
        return most
    # a picture is made smaller, or larger, by a whole number
    factor = -(-longest // _LARGEST_SIDE)
    dots = pixels // factor ** 2 * max(1, _SMALLEST_SIDE // max(longest // factor, 1)) ** 2
    return max(most, held * pixels + _DOT * dots)
