"""Functions and command lines shared by the tests of the command line."""

import hashlib
import sys

#: A scene that takes a few milliseconds.
SMALL = ("-cell 80 80 80 90 90 90 -default_F 100 -N 5 -lambda 1.2 -pixel 0.2 -detpixels_f 24 -detpixels_s 20 "
         "-seed 1").split()

#: What the C program writes for it.
C_FILES = {"floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img"}


def content(folder):
    """Hash of every file of a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.iterdir() if path.is_file()}


def command(*words):
    """The words of a process of its own."""
    return [sys.executable, "-m", "numbragg", *words]


def error_line(capfd):
    """The one line on stderr."""
    said = capfd.readouterr()
    assert said.err.startswith("numbragg: error: ") and said.err.count("\n") == 1, said.err
    return said.err
