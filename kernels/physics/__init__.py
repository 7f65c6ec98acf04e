"""Formulas of the diffraction of a crystal, each once; no loops over steps or pixels."""
