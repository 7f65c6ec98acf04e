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
    ("F-model=F F-obs-filtered=F", "F-obs-filtered", ("F-model",)),
    ("F-model(+)=F+ F-model(-)=F- FOBS=F", "FOBS", ("F-model(+)",)),
    ("F-model(+)=F+ F-model(-)=F- F-obs-filtered(+)=F+ F-obs-filtered(-)=F-",
     "F-obs-filtered(+) and F-obs-filtered(-)", ("F-model(+)",)),
    ("FC=F FPART=F FBULK=F FMASK=F FMAP=F", "FC", ()),
    ("Fpeak(+)=F+ Fpeak(-)=F- FC=F", "Fpeak(+) and Fpeak(-)", ("FC",)),
    ("pdbx_F_calc_with_solvent=F F_meas=F", "F_meas", ("pdbx_F_calc_with_solvent",)),
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


def test_calculated_amplitudes_beside_measured_intensities():
    assert choose(columns("F_squared_meas=I F_squared_calc=I F_calc=F"), None, False).passed == ("F_squared_meas",)
    assert choose(columns("F_squared_meas=I F_meas=F"), None, False).passed == ()
    assert choose(columns("F_squared_meas=I F_squared_calc=I F_calc=F"), None, True).label == "F_squared_meas"


@pytest.mark.parametrize("label", ["parrot.F_phi.F", "pirate.F_phi.F", "i_F_phi.F", "FMAP", "FWEIGHT", "FPFOM",
                                   "FDELTA", "FBULK", "FMASK", "FPART", "Fwhatever"])
def test_names_that_may_be_of_maps_or_parts(label):
    """They are refused, with the way to take them; by name they are taken."""
    for given in (f"{label}=F PHI=", f"{label}=F"):
        with pytest.raises(ValueError, match=r"name one if it is meant \(column, --hkl-columns\); the columns are"):
            choose(columns(given), None, False)
        assert choose(columns(given), label, False).label == label


@pytest.mark.parametrize("given, wanted, squared, message", [
    ("Fwhatever=F FC=F", None, False, "column Fwhatever: is no usual name of amplitudes, and may be that of a map; name"
     r" one if it is meant \(column, --hkl-columns\); the columns are Fwhatever, FC"),
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
