"""`numbragg.noise`, as it is documented; the code lives in `numbragg.results.digitise`."""

from .results.digitise import add_noise, grey_image, integer_image, photon_counts

__all__ = ["add_noise", "grey_image", "integer_image", "photon_counts"]
