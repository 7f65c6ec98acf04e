"""From files of crystallography and models of atoms to amplitudes in P1; no tables, no simulation."""
