"""The sign of NaN, which is a bit as any other: C programs turn it where they turn that of a number."""

import numpy as np
import pytest

from numbragg.commands.cli import main

#: A line without an end, of which the C program reads a wavelength of 0: the scattering vector is infinite or NaN.
SOURCES = "-1 0.02 0"


@pytest.mark.parametrize("shape, bits", [("-square_xtal", 0xFFC00000), ("-round_xtal", 0xFFC00000),
                                         ("-gauss_xtal", 0x7FC00000), ("-tophat_spots", 0)])
@pytest.mark.parametrize("rest", ["", "-mosaic 1 -mosaic_dom 3", "-oversample 2"])
def test_pixels_of_a_wavelength_of_nothing(shape, bits, rest, folder):
    """What the binary of the C program writes."""
    (folder / "s.txt").write_text(SOURCES)
    words = f"-default_F 1 -cell 79 -N 8 -oversample 1 -seed 1 {shape} -sourcefile s.txt -detpixels 12 {rest}"
    assert main([*words.split(), "--quiet"]) == 0
    image = np.fromfile("floatimage.bin", dtype=np.uint32)
    assert image.size == 144 and set(image.tolist()) == {bits}
