"""CrystFEL's geometry files: the grammar, against its own rules, and every refusal in one line."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

from numbragg.io.errors import FileFormatError
from numbragg.io.geom import read_geom
from numbragg.notes import Loud

PANEL = """\
; a comment
res = 10000 ; pixels per metre
clen = 95.3 mm
coffset = 0.001
photon_energy = 9800 eV
adu_per_photon = 1
dim0 = %
dim1 = ss
dim2 = fs
mask = /mask

p0/min_fs = 0
p0/max_fs = 9.0
p0/min_ss = 20
p0/max_ss = 24
p0/corner_x = -5.5
p0/corner_y = +2.5
p0/fs = -0.0003420x +.9999310y- 0.01z
p0/ss = -y
p0/no_index = false
bad_a/min_fs = 2
bad_a/max_fs = 3
bad_a/min_ss = 21
bad_a/max_ss = 22
bad_a/panel = p0
rigid_group_all = p0
rigid_group_collection_c = all
"""


def read(folder, text):
    path = folder / "a.geom"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_geom(path)


def test_words(folder):
    found = read(folder, PANEL)
    panel, = found.panels
    assert panel.edges == (0, 9, 20, 24) and panel.corner == (-5.5, 2.5) and panel.res == 10000.0
    assert panel.fast == (-0.000342, 0.999931, -0.01) and panel.slow == (0.0, -1.0, 0.0)
    assert found.clen.metres == 0.0953 and panel.coffset == 0.001 and not panel.no_index
    region, = found.regions
    assert region.in_data and region.edges == (2, 3, 21, 22) and region.panel == "p0"
    assert found.groups == {"all": ("p0",), "c": ("all",)}
    said = "\n".join(found.notes)
    for word in ("adu_per_photon (line 6)", "dim0, dim1, dim2", "photon_energy = 9800 eV",
                 "2 groups"):
        assert word in said
    assert not any(isinstance(note, Loud) for note in found.notes)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_ends_of_lines_and_blanks(folder, end):
    text = PANEL.replace("p0/fs = ", "\t p0/fs \t=  ").encode().replace(b"\n", end)
    assert read(folder, text).panels == read(folder, PANEL.replace("p0/fs = ", "p0/fs=")).panels


@pytest.mark.parametrize("text, vector", [
    ("x", (1, 0, 0)), ("-z", (0, 0, -1)), ("+x-y+z", (1, -1, 1)), ("0.5x + 0.25 x", (0.75, 0, 0)), ("2.y", (0, 2, 0)),
    ("1e-3x-1.5e+0y", (1e-3, -1.5, 0))])
def test_directions(folder, text, vector):
    assert read(folder, PANEL.replace("p0/ss = -y", f"p0/ss = {text}")).panels[0].slow == vector


def test_defaults_are_those_above_a_panel(folder):
    """A word without a panel counts for the panels first named below it; the camera length for all."""
    second = PANEL[PANEL.index("p0/"):PANEL.index("bad_a")].replace("p0/", "p1/")
    found = read(folder, PANEL + "res = 5000\ncoffset = 0.002\nno_index = 1\nmask_edge_pixels = 2\n"
                 + second.replace("p1/no_index = false\n", "") + "p0/corner_x = 7\nclen = 0.5\n")
    assert [panel.res for panel in found.panels] == [10000.0, 5000.0]
    assert [panel.coffset for panel in found.panels] == [0.001, 0.002]
    assert [panel.no_index for panel in found.panels] == [False, True]
    assert [panel.mask_edge_pixels for panel in found.panels] == [0, 2]
    assert found.panels[0].corner[0] == 7.0 and found.clen.metres == 0.5


@pytest.mark.parametrize("line, part", [("p0/min_fz = 3", "p0/min_fz"[3:]), ("camera = 3", "camera"),
                                        ("bad_a/min_q = 1", "bad_a/min_q")])
def test_unknown_words_are_said_aloud(folder, line, part):
    note, = (note for note in read(folder, PANEL + line).notes if isinstance(note, Loud))
    assert "not CrystFEL's words" in note and f"{part} (line {PANEL.count(chr(10)) + 1})" in note


def test_words_below_all_panels_have_no_effect(folder):
    found = read(folder, PANEL + "res = 3\n")
    assert found.panels[0].res == 10000.0
    assert any(isinstance(note, Loud) and "without effect" in note and "res (line" in note for note in found.notes)


@pytest.mark.parametrize("place", ["/LCLS/detectorPosition", "/a/b mm"])
def test_camera_length_in_an_image(folder, place):
    assert read(folder, PANEL.replace("95.3 mm", place)).clen.place == place


BAD = [
    ("res = 10000", "res = 0", "line 2: res: '0' must be above 0"),
    ("res = 10000", "res = ten", "line 2: res: 'ten' is not a number"),
    ("res = 10000 ", "", "panel 'p0' has no res"),
    ("res = 10000", "res 10000", "line 2: 'res 10000' must be 'word = value'"),
    ("95.3 mm", "95.3 um", "line 3: clen: unit 'um' must be m or mm"),
    ("95.3 mm", "-", "line 3: clen"),
    ("coffset = 0.001", "coffset = /a", "coffset: '/a' must be a number"),
    ("min_fs = 0", "min_fs = -1", "min_fs: '-1' must not be negative"),
    ("max_fs = 9.0", "max_fs = 9.5", "max_fs: '9.5' must be a whole number"),
    ("max_ss = 24", "max_ss = 19", "max_ss, 19, must not be below min_ss, 20"),
    ("p0/ss = -y", "p0/ss = -yx", "ss: '-yx' must be a sum"), ("p0/ss = -y", "p0/ss =", "ss: '' must be a sum"),
    ("p0/ss = -y", "p0/ss = 1.2.3y", "must be a sum"), ("p0/ss = -y", "p0/ss = 3", "must be a sum"),
    ("dim1 = ss", "dim1 = sf", "dim1: 'sf' must be fs, ss, % or a whole number"),
    ("bad_a/panel = p0", "bad_a/panel = p9", "bad region 'bad_a': there is no panel 'p9'"),
    ("bad_a/max_ss = 22", "bad_a/max_ss = 25", "ss 21 to 25 must lie in panel 'p0'"),
    ("bad_a/max_ss = 22", "bad_a/max_x = 25", "max_x must not be mixed"),
    ("bad_a/max_ss = 22\n", "", "bad region 'bad_a' has no max_ss"),
    ("rigid_group_all = p0", "rigid_group_all = p0,p1", "group 'all': 'p1' is neither a panel nor a group"),
    ("rigid_group_all = p0", "rigid_group_all = p0,,", "must be names"),
    ("p0/no_index = false", "p0/no_index = no", "no_index: 'no' must be true, false or a number"),
    ("p0/fs", "/fs", "names no panel"),
]


@pytest.mark.parametrize("old, new, message", BAD)
def test_refusals_name_the_line_and_the_rule(folder, old, new, message):
    assert old in PANEL
    with pytest.raises(FileFormatError) as caught:
        read(folder, PANEL.replace(old, new, 1))
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder / "a.geom"))


def test_no_panel(folder):
    with pytest.raises(FileFormatError, match="describes no panel"):
        read(folder, "res = 3\n")


def test_too_long(folder, monkeypatch):
    monkeypatch.setattr("numbragg.io.geom.LONGEST", 100)
    with pytest.raises(FileFormatError, match="longer than 100 bytes"):
        read(folder, PANEL)


PIECES = st.sampled_from(["=", "/", ";", "\n", "p0/", "bad", "x", "-", "9" * 12, "e9", "nan", "\0", "é", "clen = 1\n"])
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.one_of(PIECES, st.text(max_size=4))), max_size=6)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_whatever_the_text_it_is_read_or_refused_in_one_line(folder, changes):
    text = PANEL
    for place, removed, added in changes:
        start = int(place * len(text))
        text = text[:start] + added + text[start + removed:]
    try:
        read(folder, text.encode("utf-8", "surrogatepass"))
    except FileFormatError as error:
        assert "\n" not in str(error) and str(error).isascii() and len(str(error)) < 600
