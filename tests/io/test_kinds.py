"""Files of another kind than the reader's are told by what they are."""

import bz2
import gzip

import pytest

import numbragg as nb
from numbragg.io.errors import FileFormatError
from numbragg.io.kinds import kind_of

STARTS = {"MTZ": b"MTZ \x01\x02\x03\0" + bytes(200), "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(50),
          "CIF": b"# made by hand\n\n  data_1abc\n_cell.length_a 10\n", "PDB": b"CRYST1   30.000   40.000\n",
          "JSON": b'\n {\n "a": 1}\n', "CrystFEL geometry": b"; a comment\nclen = 0.1\nm0/min_fs = 0\nwrong\n",
          "XDS_ASCII": b"!FORMAT=XDS_ASCII    MERGE=FALSE\n", "gzip-compressed": gzip.compress(b"0 0 1 10\n"),
          "bzip2-compressed": bz2.compress(b"0 0 1 10\n"), "UTF-16 text": "0 0 1 10\n".encode("utf-16"),
          "SMV": b"{\nHEADER_BYTES=512;\n" + bytes(500)}

READERS = {"geom": lambda name: nb.Detector.from_geom(name, 100.0), "expt": nb.Detector.from_expt,
           "spectrum": nb.Spectrum.from_file, "list": nb.StructureFactors.from_file,
           "columns": lambda name: nb.StructureFactors.from_file(name, columns="auto"),
           "cif": nb.StructureFactors.from_cif, "mtz": nb.StructureFactors.from_mtz}

#: What readers take, or have messages of their own for.
OWN = {("geom", "CrystFEL geometry"), ("expt", "JSON"), ("expt", "UTF-16 text"), ("cif", "CIF"), ("mtz", "MTZ"),
       ("columns", "gzip-compressed"), ("cif", "gzip-compressed"), ("mtz", "gzip-compressed"), ("columns", "XDS_ASCII")}


@pytest.mark.parametrize("kind", STARTS)
def test_by_first_bytes(kind):
    assert kind_of(STARTS[kind]) == kind and kind_of(b"\xef\xbb\xbf" + STARTS["CIF"]) == "CIF"


@pytest.mark.parametrize("start", [b"", b"0 0 1 10\n", b"h k l F\n", b"1.0 2.0\n", b"data\n", b"ATOMS\n", b"{x}",
                                   b"HEADERS h k l\n", b"clen = 1\n"])
def test_what_may_be_anything(start):
    assert kind_of(start) is None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", STARTS)
def test_the_wrong_reader(folder, reader, kind):
    (folder / "it").write_bytes(STARTS[kind])
    if (reader, kind) == ("columns", "gzip-compressed"):
        assert READERS[reader]("it").amplitude(0, 0, 1) == 10.0
        return
    with pytest.raises(FileFormatError) as caught:
        READERS[reader]("it")
    message = str(caught.value)
    assert message.startswith("it") and "\n" not in message and "codec" not in message
    if (reader, kind) not in OWN:
        assert kind in message


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_and_ends_of_lines(folder, mark, ends):
    texts = {"a.cif": (b"data_x\n_cell.length_a 10\n_cell.length_b 11\n_cell.length_c 12\n_cell.angle_alpha 90\n"
                       b"_cell.angle_beta 90\n_cell.angle_gamma 90\n_symmetry.space_group_name_H-M 'P 1'\n# comment\n"
                       b"loop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n_refln.F_meas_au\n1 2 3 4\n"),
             "a.txt": b"# comment\nh k l F\n1 2 3 4\n",
             "a.geom": (b"res = 1e4\nclen = 0.1\nm/min_fs = 0\nm/max_fs = 1\nm/min_ss = 0\nm/max_ss = 1\n"
                        b"m/corner_x = 1\nm/corner_y = 1\nm/fs = x\nm/ss = y\n")}
    for name, text in texts.items():
        (folder / name).write_bytes(mark + text.replace(b"\n", ends))
    assert nb.StructureFactors.from_cif("a.cif").amplitude(1, 2, 3) == 4.0
    assert READERS["columns"]("a.txt").amplitude(1, 2, 3) == 4.0
    assert nb.Detector.from_geom("a.geom").panels[0].fast_mm == (0.1, 0.0, 0.0)
