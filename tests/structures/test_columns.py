"""Which columns are taken for amplitudes."""

import pytest

from numbragg.structures.columns import Column, choose, is_map_coefficient


def columns(text):
    """Columns from words such as FP=F or PHI=."""
    return [Column(*word.split("="), n, "phases") for n, word in enumerate(text.split())]


@pytest.mark.parametrize("given, label, others", [
    ("H= FP=F SIGFP= I=I", "FP", ()),
    ("FC=F PHIC= FP=F", "FP", ("FC",)),
    ("F-model=F F-obs-filtered=F F-obs=F", "F-obs", ("F-model", "F-obs-filtered")),
    ("FREE= Fnative=F", "Fnative", ()),
    ("F=F F(+)=F+ F(-)=F-", "F(+) and F(-)", ("F",)),
    ("FMINUS=F- X=F FPLUS=F+", "FPLUS and FMINUS", ("X",)),
    ("F(-)=F-", "F(-)", ()),
    ("F(+)=F+ F=F", "F", ("F(+)",)),
    ("pdbx_F_plus=F+ pdbx_F_minus=F- pdbx_I_plus=I+ pdbx_I_minus=I-", "pdbx_F_plus and pdbx_F_minus", ())])
def test_by_itself(given, label, others):
    taken = choose(columns(given), None, False)
    assert (taken.label, taken.others, taken.squared) == (label, others, False)


def test_intensities_on_request():
    given = columns("I=I SIGI= FP=F I(+)=I+ I(-)=I-")
    assert choose(given, None, True).label == "I(+) and I(-)"
    assert choose(given, "I", True).label == "I" and choose(given, "i(-)", True).label == "I(+) and I(-)"
    assert choose(given, "fp", False).label == "FP"


@pytest.mark.parametrize("given, wanted, squared, message", [
    ("I=I IMEAN=I", None, False, r"has intensities only \(I, IMEAN\), no amplitudes; intensities=.sqrt. "
     r"\(--intensities sqrt\) takes their roots"),
    ("PHI= FOM=", None, False, "has no column of amplitudes; the columns are PHI, FOM"),
    ("FP=F", None, True, "has no intensities, .*the columns are FP"),
    ("FA=F FB=F", None, False, r"several columns may be meant, FA, FB: name one"),
    ("FP=F", "FX", False, "column 'FX': is not there; the columns are FP"),
    ("FP=F FP=F", "FP", False, "column 'FP': is there 2 times"),
    ("PHI= FP=F", "PHI", False, "column PHI: holds no amplitudes but phases"),
    ("I=I FP=F", "I", False, "column I: holds intensities; intensities="),
    ("I=I FP=F", "FP", True, "column FP: holds amplitudes, of which")])
def test_refusals(given, wanted, squared, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        choose(columns(given), wanted, squared)


@pytest.mark.parametrize("label", ["FWT", "DELFWT", "2FOFCWT", "FOFCWT", "2FOFCWT_no_fill", "FEM", "FAN", "2FODFC",
                                   "mFo-DFc", "pdbx_FWT", "pdbx_DELFWT"])
def test_maps(label):
    assert is_map_coefficient(label)


@pytest.mark.parametrize("label", "F FP F-obs FMODEL F-model FC FC_ALL Fout F_meas_au FNAT".split())
def test_no_maps(label):
    assert not is_map_coefficient(label)
