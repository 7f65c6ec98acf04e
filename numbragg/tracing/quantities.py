"""What a trace holds of each step: names, in the order of evaluation, and units."""

__all__ = ["STEP_FIELDS", "UNITS", "WHOLE"]

#: What is kept of a step, in the order of evaluation.
STEP_FIELDS = (
    "layer", "sub_slow", "sub_fast", "x", "y", "z", "s1_x", "s1_y", "s1_z", "airpath", "solid_angle",
    "capture_fraction", "source", "wavelength", "source_weight", "s0_x", "s0_y", "s0_z", "q_x", "q_y", "q_z",
    "stol", "polarisation_factor", "phi_step", "domain", "a_x", "a_y", "a_z", "b_x", "b_y", "b_z",
    "c_x", "c_y", "c_z", "h", "k", "l", "h0", "k0", "l0", "f_latt", "skipped", "f_cell", "sum")

#: Those that are whole numbers.
WHOLE = frozenset(("layer", "sub_slow", "sub_fast", "source", "phi_step", "domain", "h0", "k0", "l0",
                   "skipped"))

#: Units by name; what is not here has none.
UNITS = ({name: "m" for name in ("x", "y", "z", "airpath", "wavelength")}
         | {f"{vector}_{axis}": "m" for vector in "abc" for axis in "xyz"}
         | {name: "1/m" for name in ("q_x", "q_y", "q_z", "stol")}
         | {"solid_angle": "sr", "f_cell": "electrons", "r_e_sqr": "m^2", "fluence": "photons/m^2",
            "photons": "photons", "pixel": "photons"})
