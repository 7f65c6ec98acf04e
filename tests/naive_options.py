"""How nanoBragg reads its arguments, transcribed from the specification for comparison.

Every word that begins with a dash is tested against every row below, in order; a row fires when its
test matches and enough words follow.  Values are not skipped and not checked.  Needs the C library
for `atof` and `atoi`; imports nothing of numbragg.
"""

import ctypes
import math
import os

_LIBC = ctypes.CDLL(None)
_LIBC.atof.restype = ctypes.c_double
_LIBC.atof.argtypes = [ctypes.c_char_p]
_LIBC.atoi.restype = ctypes.c_int
_LIBC.atoi.argtypes = [ctypes.c_char_p]

RTD = 180.0 * (1.0 / math.pi)
NAN = math.nan


def atof(word):
    return _LIBC.atof(os.fsencode(word))


def atoi(word):
    return _LIBC.atoi(os.fsencode(word))


def start():
    """The settings before any argument, named as in numbragg."""
    return dict(
        n_cells=[1.0, 1.0, 1.0], cell_given=False, cell_lengths=[0.0] * 3, cell_angles=[0.0] * 3,
        misset="none", misset_angles=[0.0] * 3, misset_seed=None, sample_size=[0.0] * 3, beam_x=NAN,
        beam_y=NAN, close_x=NAN, close_y=NAN, origin_x=NAN, origin_y=NAN, pivot="beam",
        convention="mosflm", fast_axis=(0.0, 0.0, 1.0), slow_axis=(0.0, -1.0, 0.0),
        normal=(1.0, 0.0, 0.0), beam_vector=(1.0, 0.0, 0.0), polarisation_axis=(0.0, 0.0, 1.0),
        spindle_axis=(0.0, 0.0, 1.0), twotheta_axis=(0.0, 1.0, 0.0), distance=100.0e-3,
        close_distance=NAN, sensor_thickness=0.0, attenuation=-1.0, sensor_layers=-1, twotheta=0.0,
        rotation_x=0.0, rotation_y=0.0, rotation_z=0.0, detector_size_f=102.4e-3,
        detector_size_s=102.4e-3, pixels_f=0, pixels_s=0, curved=False, pixel_size=0.1e-3,
        point_pixel=False, polarisation_fraction=0.0, unpolarised_factor=False, oversample_thick=False,
        oversample_polar=False, oversample_omega=False, oversample=-1, roi=[-1] * 4, wavelength=1.0e-10,
        fluence=125932015286227086360700780544.0, flux=0.0, exposure=1.0, beam_size=1e-4,
        mosaic_spread=-1.0, mosaic_domains=-1, dispersion=0.0, dispersion_steps=-1, divergence_h=-1.0,
        divergence_v=-1.0, divergence_h_step=-1.0, divergence_v_step=-1.0, divergence_h_steps=-1,
        divergence_v_steps=-1, round_divergence=True, phi_start=0.0, oscillation=-1.0, phi_step=-1.0,
        phi_steps=-1, d_min=0.0, interpolation=None, shape="square", fudge=1.0, mosaic_seed=12345678,
        water_size=0.0,
        # not among the parameters of the scene
        mask=None, image=None, matrix=None, hkl=None, default_f=0.0, dump="Fdump.bin", stol=None,
        sources=None, floatfile="floatimage.bin", intfile="intimage.img", pgmfile="image.pgm",
        noisefile="noiseimage.img", write_pgm=True, calculate_noise=True, scale=0.0, pgm_scale=0.0,
        adc_offset=40.0, printout=False, printout_pixel=None, progress=None, seed=None)


# a row: (keywords, length that the word must have or None, values, effect, stop afterwards)
ROWS = []


def row(keywords, values, effect, size=None, stop=False):
    ROWS.append((keywords.split(), size, values, effect, stop))


def number(keywords, *names, scale=lambda v: v, pivot=None, size=None):
    def effect(s, v):
        s.update({name: scale(atof(v[0])) for name in names})
        if pivot:
            s["pivot"] = pivot
    row(keywords, 1, effect, size)


def count(keywords, *names, size=None):
    row(keywords, 1, lambda s, v: s.update({name: atoi(v[0]) for name in names}), size)


def word(keywords, name, size=None, **also):
    row(keywords, 1, lambda s, v: s.update({name: v[0]}, **also), size)


def flag(keywords, stop=False, **settings):
    row(keywords, 0, lambda s, v: s.update(settings), stop=stop)


def part(keywords, name, indices):
    def effect(s, v):
        for i in indices:
            s[name][i] = atof(v[0]) / 1000.0
    row(keywords, 1, effect)


def milli(v):
    return v / 1000.0


def radians(v):
    return v / RTD


def _cells(indices):
    def effect(s, v):
        for i in indices:
            s["n_cells"][i] = float(atoi(v[0]))
    return effect


def _cell(s, v):
    s["cell_given"] = True
    for i, text in enumerate(v[:6]):
        if text[:1] == "-":
            break
        if i < 3:
            s["cell_lengths"][i] = atof(text)
        else:
            s["cell_angles"][i - 3] = radians(atof(text))


def _angles(s, v):
    s["misset"] = "angles"
    s["misset_angles"] = [radians(atof(text)) for text in v[:3]]


def _absorption(s, v):
    if "inf" in v[0] or atof(v[0]) == 0.0:
        s["sensor_thickness"] = s["attenuation"] = 0.0
    else:
        s["attenuation"] = 1.0 / (atof(v[0]) * 1e-6)


def _axis(keyword, name):
    row(keyword, 3, lambda s, v: s.update({name: tuple(map(atof, v[:3])), "convention": "custom"}))


for _i, _k in enumerate(("-Na", "-Nb", "-Nc")):
    row(_k, 1, _cells((_i,)), stop=True)
row("-N", 1, _cells((0, 1, 2)), size=2, stop=True)
row("-cell", 1, _cell)
row("-misset", 1, lambda s, v: s.update(misset="random") if "rand" in v[0] else None)
row("-misset", 3, lambda s, v: None if "rand" in v[0] else _angles(s, v))
part("-samplesize -sample_size", "sample_size", (0, 1, 2))
part("-sample_thick -sample_x", "sample_size", (0,))
part("-sample_width -sample_y -width", "sample_size", (1,))
part("-sample_heigh -sample_z -heigh", "sample_size", (2,))
part("-xtalsize -xtal_size", "sample_size", (0, 1, 2))
part("-xtal_thick -xtal_x", "sample_size", (0,))
part("-xtal_width -xtal_y -width", "sample_size", (1,))
part("-xtal_heigh -xtal_z -heigh", "sample_size", (2,))
number("-Xbeam", "beam_x", scale=milli, pivot="beam")
number("-Ybeam", "beam_y", scale=milli, pivot="beam")
number("-Xclose", "close_x", scale=milli, pivot="sample")
number("-Yclose", "close_y", scale=milli, pivot="sample")
number("-ORGX", "origin_x", pivot="sample")
number("-ORGY", "origin_y", pivot="sample")
row("-pivot", 1, lambda s, v: s.update(pivot="beam" if "beam" in v[0] else "sample" if "sample" in v[0]
                                       else s["pivot"]))
for _k, _p in (("mosflm", "beam"), ("xds", "sample"), ("adxv", "beam"), ("denzo", "beam"), ("dials", "beam")):
    flag("-" + _k, convention=_k, pivot=_p)
for _k, _p in (("-fdet_vector", "fast_axis"), ("-sdet_vector", "slow_axis"), ("-odet_vector", "normal"),
               ("-beam_vector", "beam_vector"), ("-polar_vector", "polarisation_axis"),
               ("-spindle_axis", "spindle_axis"), ("-twotheta_axis", "twotheta_axis")):
    _axis(_k, _p)
row("-pix0_vector", 3, lambda s, v: s.update(convention="custom"))
number("-distance", "distance", scale=milli, pivot="beam")
number("-close_distance", "close_distance", scale=milli, pivot="sample")
row("-detector_abs", 1, _absorption)
number("-detector_thick", "sensor_thickness", scale=lambda v: v * 1e-6, size=15)
count("-detector_thicksteps", "sensor_layers")
count("-thicksteps", "sensor_layers")
number("-twotheta", "twotheta", scale=radians, pivot="sample")
for _k in "xyz":
    number("-detector_rot" + _k, "rotation_" + _k, scale=radians)
number("-detsize", "detector_size_f", "detector_size_s", scale=milli, size=8)
number("-detsize_f", "detector_size_f", scale=milli)
number("-detsize_s", "detector_size_s", scale=milli)
count("-detpixels", "pixels_f", "pixels_s", size=10)
count("-detpixels_f -detpixels_x", "pixels_f")
count("-detpixels_s -detpixels_y", "pixels_s")
flag("-curved_det", curved=True)  # fixed; main wants one more word after it
number("-pixel", "pixel_size", scale=milli)
flag("-point_pixel", point_pixel=True)
row("-polar", 1, lambda s, v: s.update(polarisation_fraction=atof(v[0]), unpolarised_factor=False), size=6)
flag("-nopolar", unpolarised_factor=True)
for _k in ("oversample_thick", "oversample_polar", "oversample_omega"):
    flag("-" + _k, stop=True, **{_k: True})
count("-oversample", "oversample")
row("-roi", 4, lambda s, v: s.update(roi=[atoi(text) for text in v[:4]]))
number("-lambda -wave", "wavelength", scale=lambda v: v / 1.0e10)
number("-energy", "wavelength", scale=lambda v: (12398.42 / v) / 1.0e10)
for _k in ("fluence", "flux", "exposure"):
    number("-" + _k, _k)
number("-beamsize", "beam_size", scale=milli)
number("-mosaic", "mosaic_spread", scale=radians, size=7)
number("-mosaici -mosaic_spr", "mosaic_spread", scale=radians)
count("-mosaic_dom", "mosaic_domains")
number("-dispersion", "dispersion", scale=lambda v: v / 100.0)
count("-dispsteps", "dispersion_steps")
number("-divergence", "divergence_h", "divergence_v", scale=milli)
for _k in "hv":
    number(f"-{_k}divrange", "divergence_" + _k, scale=milli)
    number(f"-{_k}divstep", f"divergence_{_k}_step", scale=milli, size=9)
    count(f"-{_k}divsteps", f"divergence_{_k}_steps")
count("-divsteps", "divergence_h_steps", "divergence_v_steps")
flag("-round_div", round_divergence=True)
flag("-square_div", round_divergence=False)
number("-adc", "adc_offset")
number("-phi", "phi_start", scale=radians, size=4)
number("-osc", "oscillation", scale=radians)
number("-phistep", "phi_step", scale=radians, size=8)
count("-phisteps", "phi_steps")
number("-dmin", "d_min", scale=lambda v: v * 1e-10)
word("-mat", "matrix")
word("-hkl", "hkl")
number("-default_F", "default_f")
word("-dump", "dump")
word("-img", "image")
word("-mask", "mask")
word("-stol", "stol", size=5)
word("-4stol", "stol", size=6)
word("-Q", "stol", size=2)
word("-sourcefile", "sources")
word("-floatfile -floatimage", "floatfile")
word("-intfile -intimage", "intfile")
word("-pgmfile -pgmimage", "pgmfile", write_pgm=True)
word("-noisefile -noiseimage", "noisefile", calculate_noise=True)
flag("-nonoise", calculate_noise=False)
flag("-nopgm", write_pgm=False)
number("-scale", "scale")
row("-pgmscale", 1, lambda s, v: s.update(pgm_scale=atof(v[0]), write_pgm=True))
flag("-printout", printout=True)
flag("-noprogress", progress=False)
flag("-progress", progress=True)
flag("-interpolate", interpolation=True)
flag("-nointerpolate", interpolation=False)
flag("-round_xtal", shape="round")
flag("-square_xtal", shape="square")
flag("-gauss_xtal", shape="gauss")
flag("-binary_spots -tophat_spots", shape="tophat")
number("-fudge", "fudge")
row("-printout_pixel", 2, lambda s, v: s.update(printout_pixel=(atoi(v[0]), atoi(v[1]))))
count("-seed", "seed")
count("-mosaic_seed", "mosaic_seed")
count("-misset_seed", "misset_seed")
number("-water", "water_size", scale=lambda v: v / 1e6)


def settings(arguments):
    """What the C program sets for these arguments (without its own name, header files unread)."""
    s = start()
    for i, text in enumerate(arguments):
        if text[:1] != "-":
            continue
        following = arguments[i + 1:]
        for keywords, size, values, effect, stop in ROWS:
            matches = any(k in text for k in keywords) and size in (None, len(text))
            if not matches or len(following) < values:
                continue
            effect(s, following)
            if stop or (keywords == ["-misset"] and values == 1 and "rand" in following[0]):
                break
    return s
