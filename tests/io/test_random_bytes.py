"""Every reader on arbitrary bytes: it returns, or raises the one error that names the file."""

import gzip
import io
from pathlib import Path
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
import structure_tools

from numbragg.io import any_image, dump, hkl, matrix, pgm, raw, smv, spectra, tables, tiff
from numbragg.io.errors import FileFormatError, format_error, shown
from numbragg.structures import model, mtz, refln_cif, text_columns

RELAXED = settings(deadline=None, max_examples=100,
                   suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def tiff_bytes():
    buffer = io.BytesIO()
    tiff.write_tiff(buffer, np.ones((3, 4), np.float32), {"wavelength": 1.0})
    return buffer.getvalue()


def smv_bytes():
    header = b"{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nSIZE1=3;\nSIZE2=2;\nPHI=1;\n}\n"
    return header.ljust(512) + bytes(12)


def mtz_bytes():
    with tempfile.TemporaryDirectory() as folder:
        path = structure_tools.mtz(Path(folder, "a.mtz"), "P 1 21 1", (10, 11, 12, 90, 100, 90), [("FP", "F")],
                                   [(1, 2, 3, 4.5), (0, 2, 0, 5.5)])
        return path.read_bytes()


CIF = (b"data_x\n_cell.length_a 10\n_cell.length_b 11\n_cell.length_c 12\n_cell.angle_alpha 90\n_cell.angle_beta 100\n"
       b"_cell.angle_gamma 90\n_symmetry.space_group_name_H-M 'P 1 21 1'\nloop_\n_refln.index_h\n_refln.index_k\n"
       b"_refln.index_l\n_refln.status\n_refln.F_meas_au\n1 2 3 o 4.5\n0 2 0 x ?\n")

READERS = {
    "hkl": (hkl.read_hkl, b"0 0 0 100\n-1 2 3 4.5e1\n"),
    "dump": (dump.read_dump, b"0 0 0 0 0 0\n\f" + np.full(8, 32.0).tobytes()),
    "matrix": (matrix.read_matrix, b"0.1 0 0\n0 0.1 0\n0 0 0.1\n"),
    "sources": (tables.read_sources, b"-10 0.1 0.2 1 1e-10\n-10, 0; 0\n"),
    "spectrum": (spectra.read_spectrum, b"# measured\nenergy (keV); counts\n9.5; 0\n9.6; 2.5e1\n9.7; 3\n"),
    "stol": (tables.read_stol, b"0 2.57\n0.1 2.6\n"),
    "header": (smv.read_header, smv_bytes()),
    "mask": (smv.read_mask, smv_bytes()),
    "image": (smv.read_image, smv_bytes()),
    "raw": (lambda path: raw.read_raw(path, (2, 2)), bytes(16)),
    "pgm": (pgm.read_pgm, b"P5\n# grey\n3 2\n255\n" + bytes(6)),
    "grey text": (pgm.read_pgm, b"P2 3 2 300\n1 2 3\n4 5 299\n"),
    "any image": (any_image.read_image, smv_bytes().replace(b"DIM=2;", b"TYPE=unsigned_short;")),
    "compressed": (any_image.read_image, gzip.compress(b"P5\n3 2\n255\n" + bytes(6), mtime=0)),
    "tiff": (tiff.read_tiff, tiff_bytes()),
    "mtz": (mtz.read_mtz, mtz_bytes()),
    "structure factors in CIF": (refln_cif.read_refln_cif, CIF),
    "pdb": (lambda path: model.read_model(path, "pdb"), structure_tools.model().make_pdb_string().encode()),
    "model in CIF": (lambda path: model.read_model(path, "cif"),
                     structure_tools.model().make_mmcif_document().as_string().encode()),
    "text list": (text_columns.read_text_columns, b"# list\nh k l F\n0 0 1 4.5\n1 0 2 nan\n"),
}

# a change: where, how many bytes go, what comes instead
PIECES = st.sampled_from([b"\n", b" ", b"-", b"9" * 12, b"e", b"\0", b"nan", b"=", b"1e9"])
CHANGE = st.tuples(st.floats(0, 1), st.integers(0, 6), st.one_of(st.binary(max_size=6), PIECES))
CHANGES = st.lists(CHANGE, min_size=1, max_size=5)
NUMBER_LIKE = st.text("0123456789 +-.eE\n\r\tnaifx,;#=", max_size=80).map(str.encode)


def attempt(reader, path, content):
    path.write_bytes(content)
    try:
        reader(path)
    except FileFormatError as error:
        message = str(error)
        assert message.startswith(str(path))
        assert "\n" not in message and message.isascii() and len(message) < len(str(path)) + 400


@pytest.mark.parametrize("name", READERS)
def test_unchanged_is_read(tmp_path, name):
    reader, content = READERS[name]
    (tmp_path / "file").write_bytes(content)
    reader(tmp_path / "file")


@pytest.mark.parametrize("name", READERS)
@RELAXED
@given(content=st.one_of(st.binary(max_size=700), NUMBER_LIKE))
def test_random_bytes(tmp_path, name, content):
    attempt(READERS[name][0], tmp_path / "file", content)


@pytest.mark.parametrize("name", READERS)
@RELAXED
@given(changes=CHANGES)
def test_changed_files(tmp_path, name, changes):
    reader, content = READERS[name]
    for place, removed, added in changes:
        start = int(place * len(content))
        content = content[:start] + added + content[start + removed:]
    attempt(reader, tmp_path / "file", content)


def test_messages():
    assert str(format_error("a.hkl", "is odd")) == "a.hkl: is odd"
    assert str(format_error("a.hkl", "is odd", 3)) == "a.hkl, line 3: is odd"
    assert isinstance(format_error("a", "b"), ValueError)
    assert shown(b"a'b\n\xff\\") == "\"a'b\\n\\xff\\\""
    assert shown(b"x" * 100) == repr("x" * 40) + "..."
