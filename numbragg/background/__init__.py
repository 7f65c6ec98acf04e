"""Amorphous background: layers of water, air, ice or a user's material, scattering into the pixels of an image."""

from .layers import Background, Layer
from .tables import Table

__all__ = ["Background", "Layer", "Table"]
