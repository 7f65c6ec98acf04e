"""Responses of detectors that have a name; each says where its numbers are from."""

from __future__ import annotations

from .response import NAMED, Response
from .stages import Calibration, GainStages, Gaps, PointSpread

__all__ = ["DETECTORS", "EIGER", "JUNGFRAU", "PILATUS", "RAYONIX"]

#: PILATUS3: photons are counted, without read-out noise, up to 20 bits (DECTRIS, PILATUS3 technical specifications);
#: modules and gaps of `numbragg.detectors.pilatus3_6m`.
PILATUS = Response(name="PILATUS3", saturation_adu=2 ** 20 - 1,
                   gaps=Gaps(module_pixels=(487, 195), gap_pixels=(7, 17)))

#: EIGER2: photons are counted, without read-out noise, up to the 16 bits of its counter; images that are sums of
#: several read-outs hold more (DECTRIS, EIGER2 user manual; Donath et al. (2023). J. Synchrotron Rad. 30, 723);
#: modules and gaps of `numbragg.detectors.eiger2_16m`.
EIGER = Response(name="EIGER2", saturation_adu=2 ** 16 - 1,
                 gaps=Gaps(module_pixels=(1028, 512), gap_pixels=(12, 38)))

#: Rayonix: a CCD behind a fibre optic.  The point spread's form and length, g = 27 um, are those measured by Holton,
#: Nielsen & Frankel (2012). J. Synchrotron Rad. 19, 1006 on an ADSC Quantum 315r; that a Rayonix has the same is
#: assumed.  Gain, read-out noise, offset and calibration, 1, 3 ADU, 40 ADU and 3 %, are defaults of simtbx (cctbx),
#: whose point spread is wider, 80 um at half maximum.
RAYONIX = Response(name="Rayonix", calibration=Calibration(fraction=0.03),
                   point_spread=PointSpread(kind="fibre", fwhm_um=41.4), readout_adu=3.0, offset_adu=40.0,
                   dtype="uint16")

#: JUNGFRAU: three gains behind 14 bits, chosen by each pixel (Mozzanica et al. (2016). J. Instrum. 11, C02047; Redford
#: et al. (2018). J. Instrum. 13, C01027; Leonarski et al. (2018). Nature Methods 15, 799).  Numbers were not compared
#: with these papers.  The sizes of the gains are those of another simulation, skopi, 40, 1 and 0.1 ADU/keV, and so is
#: that of the first switch, 320 keV; 41, -1.4 and -0.1 themselves, all pedestals, all noises (80 electrons of 3.6 eV
#: at the first gain) and the second switch are assumed.  Gaps of `numbragg.detectors.jungfrau_4m`.
JUNGFRAU = Response(name="JUNGFRAU", gaps=Gaps(module_pixels=(1030, 514), gap_pixels=(8, 36)),
                    gain_stages=GainStages(photon_kev=12.4, gains_adu_per_kev=(41.0, -1.4, -0.1),
                                           pedestals_adu=(3000.0, 15000.0, 14500.0), noises_kev=(0.29, 3.0, 35.0),
                                           switches_kev=(300.0, 9300.0)))

#: All of them, by their names.
DETECTORS = {"pilatus": PILATUS, "eiger": EIGER, "rayonix": RAYONIX, "jungfrau": JUNGFRAU}

NAMED.update(DETECTORS)
